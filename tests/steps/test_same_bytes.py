"""An export is the same to the byte whichever process writes it, and says what made it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from curation.steps import deal, freeze
from tests.conftest import decide
from tests.steps.scenes import add, lose

NAME = "test-same-bytes"
FORMATS = ("tfrecord", "coco", "masks", "via")
ROOT = Path(__file__).parents[2]

EXPORT = f"""
import sys
from pathlib import Path
from curation import steps, store
for format_ in {FORMATS}:
    steps.export(store.open({NAME!r}), Path(sys.argv[1]) / format_, format_, size=32)
"""


@pytest.fixture
def decided(tmp_path):
    """Twelve photos, a frozen test set, a key, and a decision."""
    lose(NAME)
    dataset = add(NAME, tmp_path, {f"p{i:02d}": i for i in range(12)})
    deal(dataset, group_by=r"(\d)$", shares=(0.6, 0.2, 0.2))
    freeze(dataset)
    taken = decide(dataset, "exclude", image_id="p03")
    yield taken
    lose(NAME)


def export(folder, seed):
    subprocess.run(
        [sys.executable, "-c", EXPORT, folder], check=True, cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_and_what_made_them(decided, tmp_path):
    one, two = export(tmp_path / "one", "1"), export(tmp_path / "two", "2")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    for format_ in FORMATS:
        manifest = one[Path(format_, "manifest.json")].decode()
        assert f'"last_decision": "{decided.decision_id}"' in manifest
        assert '"decisions": 1' in manifest
        assert f'"numpy": "{version("numpy")}"' in manifest
        assert len(re.findall(r'"(?:labels|taxonomy)": "[0-9a-f]{64}"', manifest)) == 2
        assert not re.search(r"\d\d:\d\d", manifest), "no time of day"
