"""A review that is killed at any write leaves nothing behind that the next verb does not mend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EACH = range(1, 1000)


def killed(scene, folder, writes):
    """What the dataset holds in the end, and for each kill: opened, and run again."""
    command = [sys.executable, "-m", "tests.steps.killing", scene, str(folder), *map(str, writes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, whole, *rest = map(json.loads, done.stdout.splitlines())
    return whole, list(zip(writes, rest[::2], rest[1::2], strict=False))


def are_counts_right(found):
    return found["suspects"] == {p["image_id"]: p.get("n_suspect") or 0 for p in found["photos"]}


@pytest.mark.parametrize(
    "writes",
    [
        pytest.param([4], marks=pytest.mark.slow, id="after the journal"),
        pytest.param(EACH, marks=pytest.mark.long, id="each"),
    ],
)
def test_decisions_of_a_file(tmp_path, writes):
    whole, kills = killed("decisions", tmp_path, writes)
    assert len(whole["journal"]) == 5
    for write, opened, again in kills:
        assert are_counts_right(opened), f"killed before write {write}"
        assert opened["journal"] in ([], whole["journal"]), f"killed before write {write}"
        if opened["journal"]:
            assert opened == whole, f"killed before write {write}"
        assert again == whole, f"killed before write {write}"
    assert any(opened["journal"] for _, opened, _ in kills)


@pytest.mark.long
@pytest.mark.parametrize("scene", ["flag", "again"])
def test_scores(tmp_path, scene):
    whole, kills = killed(scene, tmp_path, EACH)
    assert len(kills) > 10
    assert whole["views"] == whole["listed views"]
    assert (len(set(whole["views"])), whole["copies"]) == (len(whole["views"]), 2)
    for write, opened, again in kills:
        assert are_counts_right(opened), f"killed before write {write}"
        assert again == whole, f"killed before write {write}"


@pytest.mark.parametrize(
    "writes",
    [
        pytest.param([1], marks=pytest.mark.slow, id="before the first write"),
        pytest.param(EACH, marks=pytest.mark.long, id="each"),
    ],
)
def test_a_view_that_takes_the_place_of_an_earlier_one(tmp_path, writes):
    whole, kills = killed("diff", tmp_path, writes)
    assert "labels changed from r001 to now" in whole["listed views"]
    assert whole["views"] == whole["listed views"]
    ((stages,),) = whole["changed"]
    assert '"d"' in stages, "the photo that was excluded since the earlier one"
    assert kills
    for write, opened, again in kills:
        assert opened["views"] == opened["listed views"], f"killed before write {write}"
        assert again == whole, f"killed before write {write}"
