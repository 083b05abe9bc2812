"""Every command in the README is run, in the README's order, on small data of the same names."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from curation.audit.faults import FAULTS
from curation.core import taxonomy
from curation.demo import run as demo
from curation.formats import coco, imaterialist, mask_folder

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")

SMALLER = {
    "train": ["--size", "64", "--steps", "4"],
    "sweep": ["--size", "64", "--steps", "4"],
    "app": ["--help"],  # it serves until Ctrl+C: tests/store/test_app.py and tests/app run it
    "doctor": ["--help"],  # run whole by tests/test_doctor.py
}
"""What is added to a verb so that the whole README runs in two minutes."""


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def words(command: str) -> list[str]:
    """A command as it is run here."""
    given = shlex.split(command)
    if given[0] == "cp":
        return [word.replace("~/curate", os.environ["CURATE_HOME"]) for word in given]
    assert given[0] == "curate", command
    given += SMALLER.get(given[1], [])
    return ["64" if before == "--size" else word for before, word in pairwise(["", *given])]


SHELL = """
import json, subprocess, sys
from curation.cli import main
for words in json.loads(sys.argv[1]):
    print("$", words, flush=True)
    if words[0] == "curate":
        main.main(words[1:], standalone_mode=False)
    else:
        subprocess.run(words, check=True)
    sys.stdout.flush()
    sys.stderr.flush()
"""


def run(lines: list[str], folder: Path) -> str:
    """What the commands of a section say, one after the other.

    In one process, as each start of TensorFlow takes seconds.
    """
    given = json.dumps([words(line) for line in lines])
    done = subprocess.run(
        [sys.executable, "-c", SHELL, given],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_python(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
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
    program = Path(sys.executable).with_name("curate")
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(verb in said for verb in ("import", "train", "export-model", "doctor"))


@pytest.mark.slow
def test_once_around_the_loop(tmp_path):
    demo.draw(tmp_path, 60)
    (tmp_path / "photos").rename(tmp_path / "images")
    categories = [{"id": i, "name": n} for i, n in enumerate(imaterialist.CATEGORIES)]
    labels = json.dumps({"categories": categories})
    (tmp_path / "label_descriptions.json").write_text(labels)
    write_the_other_formats(tmp_path)
    (tmp_path / "decisions.csv").write_text("action,image_id\nexclude,figure-0003\n")
    lines = commands(section("Once around the loop")) + commands(section("The trainer"))
    told = run(lines, tmp_path)
    assert "Into indexed:" in told
    assert "59 unchanged, 1 updated" in told
    assert "Predicted 60 photos" in told
    assert "Took back exclude on figure-0003" in told
    assert (tmp_path / "suspects.png").stat().st_size > 10_000
    assert (tmp_path / "cleaned" / "manifest.json").is_file()
    assert "probabilities differ by at most" in told
    assert (tmp_path / "segmenter" / "model.onnx").is_file()
    assert (tmp_path / "runs" / "big" / "model-card.md").is_file()
    assert "Predicted 60 photos: prediction_big" in told


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


def test_fiftyones_own_way(images_folder, tmp_path):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    (tmp_path / "fashion").mkdir()
    images_folder.rename(tmp_path / "fashion" / "images")
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
    (tmp_path / "fashion" / "train.csv").write_text(header + "a,2 2,4,6,4,\nb,1 1,5,5,6,\n")
    run_python(["-c", snippet + "\nassert len(fo.load_dataset('pilot')) == 2"], tmp_path)


def test_the_table_of_faults_is_the_one_in_the_code():
    table = dict(re.findall(r"^\| ([^|]+) \| (?:error|warning|note) \| ([^|]+) \|$", README, re.M))
    assert table == {name: kind.meaning for name, kind in FAULTS.items()}


@pytest.mark.long
def test_on_real_images(real_data, tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    (tmp_path / "shared").symlink_to(real_data.parent)
    (place / "ccp-decisions.csv").write_text("action,image_id\nexclude,0127\n")
    told = run(commands(section("On real photos")), place)
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
        program, *arguments = shlex.split(small)
        assert program == "python"
        assert "times as fast as FiftyOne" in run_python(arguments, ROOT)


def test_the_taxonomy_in_the_readme_is_one():
    toml = re.search(r"```toml\n(.*?)```", README, flags=re.S)
    assert toml
    assert taxonomy.parse(toml[1], "README.md").target("jacket") == "top"
