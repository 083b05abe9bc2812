"""Every command in the README is run, in the README's order, on small data of the same names."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from curation import demo, taxonomy
from curation.audit.faults import FAULTS
from curation.formats import coco, imaterialist, mask_folder

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text("utf-8")

SMALLER = {
    "train": ["--size", "64", "--epochs", "1"],
    "app": ["--help"],  # it serves until Ctrl+C: tests/store/test_app.py and tests/app run it
    "doctor": ["--help"],  # run whole by tests/test_doctor.py
}
"""What is added to a verb so that the whole README runs in two minutes."""


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def run(command: str, folder: Path) -> str:
    words = shlex.split(command)
    if words[0] == "curate":
        words += SMALLER.get(words[1], [])
        words = ["64" if before == "--size" else word for before, word in pairwise(["", *words])]
        words[0] = str(BIN / "curate")
    else:
        assert words[0] == "python", command
        words[0] = sys.executable
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_the_two_commands_of_the_set_up_are_targets_that_do_what_is_said():
    lines = commands(section("Set up"))
    assert lines == ["make demo", "make test", "curate doctor"]
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo", "test"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert ".venv/bin/curate demo" in plan
    assert ".venv/bin/pytest" in plan


@pytest.mark.slow
def test_once_around_the_loop(tmp_path):
    demo.draw(tmp_path, 60)
    (tmp_path / "photos").rename(tmp_path / "images")
    categories = [{"id": i, "name": n} for i, n in enumerate(imaterialist.CATEGORIES)]
    labels = json.dumps({"categories": categories})
    (tmp_path / "label_descriptions.json").write_text(labels)
    write_the_other_formats(tmp_path)
    (tmp_path / "decisions.csv").write_text("action,image_id\nexclude,figure-0003\n")
    said = {line: run(line, tmp_path) for line in commands(section("Once around the loop"))}
    told = "\n".join(said.values())
    assert "Into indexed:" in told
    assert "59 unchanged, 1 updated" in told
    assert "Predicted 60 photos" in told
    assert "Took back exclude on figure-0003" in told
    assert (tmp_path / "suspects.png").stat().st_size > 10_000
    assert (tmp_path / "cleaned" / "manifest.json").is_file()


def write_the_other_formats(folder: Path) -> None:
    """What train.csv says as COCO and as index masks, and train.csv with a row less."""
    rows = (folder / "train.csv").read_text().splitlines(keepends=True)
    (folder / "train-corrected.csv").write_text("".join(rows[:1] + rows[2:]))
    source = imaterialist.load(folder / "train.csv", folder / "images")
    records = list(source.read(0, len(source.names), pytest.fail))
    coco.write(folder / "instances.json", records)
    five = taxonomy.load("supercategories")
    remapped = [
        replace(
            record,
            instances=tuple(
                replace(i, category=target)
                for i in record.instances
                if (target := five.target(i.category))
            ),
        )
        for record in records
    ]
    mask_folder.write(folder / "masks", remapped, five)
    (folder / "masks" / "classes.csv").rename(folder / "classes.csv")


def test_fiftyones_own_way(photos_folder, tmp_path):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    (tmp_path / "fashion").mkdir()
    photos_folder.rename(tmp_path / "fashion" / "images")
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
    (tmp_path / "fashion" / "train.csv").write_text(header + "a,2 2,4,6,4,\nb,1 1,5,5,6,\n")
    run(
        shlex.join(["python", "-c", snippet + "\nassert len(fo.load_dataset('pilot')) == 2"]),
        tmp_path,
    )


def test_the_table_of_faults_is_the_one_in_the_code():
    table = dict(re.findall(r"^\| ([^|]+) \| (?:error|warning|note) \| ([^|]+) \|$", README, re.M))
    assert table == {name: kind.meaning for name, kind in FAULTS.items()}


@pytest.mark.slow
def test_on_real_photos(real_data, tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    (tmp_path / "shared").symlink_to(real_data.parent)
    (place / "ccp-decisions.csv").write_text("action,image_id\nexclude,0127\n")
    said = {line: run(line, place) for line in commands(section("On real photos"))}
    told = "\n".join(said.values())
    assert "Into ccp: 4,425 instances in 799 photos" in told
    assert "Into ccp-via: 393 instances in 60 photos" in told
    assert "Into shorts: 20 instances in 20 photos" in told
    assert "Predicted 799 photos" in told
    assert "Took 1 decisions" in told
    assert len((place / "ccp-cleaned" / "splits.csv").read_text().splitlines()) == 1 + 798


@pytest.mark.slow
def test_the_benchmarks(tmp_path):
    for line in commands(section("Speed")):
        small = re.sub(r"--(rows|peer|rounds) \S+", "", line)
        small = re.sub(r"--photos \d+|--ccp \S+", "--photos 20 --rounds 1", small)
        assert "times as fast as FiftyOne" in run(small, ROOT)


def test_the_taxonomy_in_the_readme_is_one():
    toml = re.search(r"```toml\n(.*?)```", README, flags=re.S)
    assert toml
    assert taxonomy.parse(toml[1], "README.md").target("jacket") == "top"
