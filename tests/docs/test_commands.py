"""Every command of every document is run, in the order of reading, on small data."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from curation.core import rle, taxonomy, tracing
from curation.core.records import ImageRecord
from curation.demo import run as demo
from curation.formats import coco, imaterialist, mask_folder
from curation.steps.report import CAPTION, COLUMNS, HEADER, OUTLINE, PANEL, PANELS
from tests.docs.documents import (
    AFTER_THE_LOOP,
    AUDIT,
    BENCHMARKS,
    CLUSTER,
    DOCUMENTS,
    FORMATS,
    ISSUES,
    PLUGINS,
    README,
    ROOT,
    TRAINING,
    commands,
    ours,
    section,
    text,
)

SMALLER = {
    "train": ["--size", "64", "--steps", "4"],
    "sweep": ["--size", "64", "--steps", "4"],
    "round start": ["--size", "64", "--steps", "4", "--folds", "2"],
    # They serve until Ctrl+C: tests/store/test_app.py and tests/app run them.
    "app": ["--help"],
    "review": ["--help"],
    "demo": ["--help"],  # tests/demo/test_run.py
    "doctor": ["--help"],  # tests/cli/test_doctor.py
    "person": ["--help"],  # tests/training/person/test_install.py
}
"""What is added to a verb so that all documents run in two minutes."""

LESS = {"--size": "64", "--folds": "2"}
"""What an option of theirs is given instead."""


def words(command: str) -> list[str]:
    """A command as it is run here."""
    given = shlex.split(command)
    if given[0] == "cp":
        return [word.replace("~/curate", os.environ["CURATE_HOME"]) for word in given]
    assert given[0] == "curate", command
    key = f"{given[1]} start" if "start" in given else given[1]
    given += [] if "--apply" in given else SMALLER.get(key, [])
    return [LESS.get(before, word) for before, word in pairwise(["", *given])]


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
    """What the commands of a document say, one after the other.

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
    lines = commands(section(README, "Set up"))
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


@pytest.fixture(scope="module")
def around(tmp_path_factory) -> tuple[Path, str]:
    """The folder in which the README's loop was gone through, and what that said."""
    folder = tmp_path_factory.mktemp("around")
    demo.draw(folder, 60)
    (folder / "photos").rename(folder / "images")
    categories = [{"id": i, "name": n} for i, n in enumerate(imaterialist.CATEGORIES)]
    labels = json.dumps({"categories": categories})
    (folder / "label_descriptions.json").write_text(labels)
    write_the_other_formats(folder)
    (folder / "decisions.csv").write_text("action,image_id\nexclude,figure-0003\n")
    return folder, run(commands(section(README, "Once around the loop")), folder)


def write_the_other_formats(folder: Path) -> None:
    """What train.csv says as COCO (also of a second folder) and as index masks, and a row less.

    The masks in a folder of their own, and beside the photos as Roboflow hands them out.
    """
    rows = (folder / "train.csv").read_text().splitlines(keepends=True)
    (folder / "train-corrected.csv").write_text("".join(rows[:1] + rows[2:]))
    source = imaterialist.load(folder / "train.csv", folder / "images")
    records = list(source.read(0, len(source.names), pytest.fail))
    named = [replace(r, image_id=r.path.name) for r in records]
    coco.write(folder / "instances.json", named)
    (folder / "val").mkdir()
    for one in named[:2]:  # other photos of the same names
        with Image.open(one.path) as photo:
            photo.rotate(180).save(folder / "val" / one.image_id)
    coco.write(folder / "val.json", named[:2])
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
    shutil.copytree(folder / "images", folder / "train")
    for mask in (folder / "masks").iterdir():
        shutil.copy(mask, folder / "train" / f"{mask.stem}_mask.png")
    listed = "".join(f"{c.id}, {c.name}\n" for c in five.classes)
    (folder / "train" / "_classes.csv").write_text(f"Pixel Value, Class\n{listed}")
    write_as_label_studio(folder / "project-1.json", records)
    write_as_cvat(folder / "annotations.xml", records)
    write_as_labelme(folder / "labels", records)


def write_as_label_studio(path: Path, records: list[ImageRecord]) -> None:
    """The boxes of the records."""
    tasks = []
    for record in records:
        size = {"original_width": record.width, "original_height": record.height}
        down, across = 100 / record.height, 100 / record.width
        result = []
        for instance in record.instances:
            x, y, w, h = rle.bbox(instance.mask)
            place = {"x": x * across, "y": y * down, "width": w * across, "height": h * down}
            value = {"rectanglelabels": [instance.category], "rotation": 0} | place
            of = {"id": instance.instance_id, "type": "rectanglelabels", "from_name": "garment"}
            result.append(of | size | {"value": value})
        data = {"image": f"/data/upload/1/{len(tasks):08x}-{record.path.name}"}
        tasks.append({"id": len(tasks), "data": data, "annotations": [{"result": result}]})
    path.write_text(json.dumps(tasks))


def write_as_cvat(path: Path, records: list[ImageRecord]) -> None:
    """The masks of the records, over whole photos."""
    root = ElementTree.Element("annotations")
    for record in records:
        size = {"width": str(record.width), "height": str(record.height)}
        photo = ElementTree.SubElement(root, "image", {"name": record.path.name} | size)
        for instance in record.instances:
            flat = rle.decode(instance.mask).ravel()
            edges = [0, *(np.flatnonzero(np.diff(flat, prepend=False))), flat.size]
            runs = ", ".join(str(n) for n in np.diff(edges))
            mask = {"label": instance.category, "rle": runs, "left": "0", "top": "0"} | size
            ElementTree.SubElement(photo, "mask", mask)
    ElementTree.ElementTree(root).write(path)


def write_as_labelme(folder: Path, records: list[ImageRecord]) -> None:
    """The outlines of the records."""
    folder.mkdir()
    for record in records:
        shapes = [
            {
                "label": instance.category,
                "points": np.reshape(ring, (-1, 2)).tolist(),
                "shape_type": "polygon",
                "group_id": number,
            }
            for number, instance in enumerate(record.instances)
            for ring in tracing.trace(instance.mask)
        ]
        size = {"imageHeight": record.height, "imageWidth": record.width, "imageData": None}
        content = {"imagePath": f"..\\images\\{record.path.name}", "shapes": shapes} | size
        (folder / f"{record.image_id}.json").write_text(json.dumps(content))


@pytest.mark.slow
def test_once_around_the_loop(around):
    folder, told = around
    assert "Into photos:" in told
    assert "Predicted 60 photos" in told
    assert "exclude" in told.split("'decisions', 'photos']")[1], "the decision is listed"
    assert "Drew the first 30 suspects" in told
    assert_all_drawn(folder / "suspects.png", 30)
    assert (folder / "cleaned" / "manifest.json").is_file()


def assert_all_drawn(path: Path, count: int) -> None:
    """A contact sheet has a place for each suspect, and in each panel of it the outline."""
    sheet = np.asarray(Image.open(path))
    height, width = PANEL + CAPTION, sheet.shape[1] // COLUMNS
    assert sheet.shape[0] == HEADER + height * -(-count // COLUMNS)
    panel = width // PANELS
    for number in range(count):
        row, column = divmod(number, COLUMNS)
        tile = sheet[HEADER + row * height :][:PANEL, column * width :][:, :width]
        outlined = (tile == OUTLINE).all(axis=2)
        shown = [bool(outlined[:, i * panel : (i + 1) * panel].any()) for i in range(PANELS)]
        assert shown == [True] * PANELS, f"suspect {number + 1}"


SAID = {
    FORMATS: [
        "Into indexed:",
        "Into street:",
        "Into fashion:",
        "Into brushed:",
        "Into painted:",
        "Into outlined:",
        "59 unchanged, 1 updated",
    ],
    AUDIT: ["Audited 60 photos of photos"],
    ISSUES: ["Flagged", "suspect-source-labels.png"],
    PLUGINS: [
        "60 of the 60 labels in the sample are left",
        "Reviewers agreed on",
        "seconds for one",
        "labels changed from r1 to r2",
        "excluded the photo figure-0003",
    ],
    TRAINING: [
        "probabilities differ by at most",
        "MB of features of photos",
        " photos: prediction_big, confidence_big",
    ],
}
FILES = {
    FORMATS: [
        "cleaned-coco/instances.json",
        "cleaned-csv/train.csv",
        "yolo/data.yaml",
        "corrected/train-corrected.csv",
        "changes.csv",
    ],
    ISSUES: ["suspects.png", "suspect-source-labels.png"],
    TRAINING: ["segmenter/model.onnx", "runs/big/model-card.md"],
}


# Of the trainer's page three minutes, of flagging's one.
LONG = dict.fromkeys((TRAINING, ISSUES), pytest.mark.long)


@pytest.mark.slow
@pytest.mark.parametrize(
    "document", [pytest.param(d, marks=LONG.get(d, ())) for d in AFTER_THE_LOOP]
)
def test_the_commands_of_the_other_documents(document, around):
    folder, _ = around
    told = run(commands(text(document)), folder)
    assert [said for said in SAID[document] if said not in told] == []
    assert all((folder / path).is_file() for path in FILES.get(document, []))


def test_no_document_with_commands_is_forgotten():
    found = {str(path.relative_to(ROOT)) for path in ours()}
    assert found == set(DOCUMENTS)
    run_elsewhere = {BENCHMARKS, CLUSTER}  # the tests below, and those of its own file
    rest = set(DOCUMENTS) - {README, *AFTER_THE_LOOP} - run_elsewhere
    assert [document for document in rest if commands(text(document))] == []
    titles = re.findall(r"^## (.+)$", text(README), re.M)
    with_commands = [t for t in titles if commands(section(README, t))]
    assert with_commands == ["Set up", "Once around the loop"]
    titles = re.findall(r"^## (.+)$", text(BENCHMARKS), re.M)
    with_commands = [t for t in titles if commands(section(BENCHMARKS, t))]
    elsewhere = ["The demo", "The build before, beside this one"]  # their own tests
    assert with_commands == ["On real photos", "Import", *SMALLER_SCRIPTS, *elsewhere]


def test_fiftyones_own_way(images_folder, tmp_path):
    document = text(FORMATS)
    (snippet,) = re.findall(r"```python\n(.*?)```", document, flags=re.S)
    (tmp_path / "fashion").mkdir()
    images_folder.rename(tmp_path / "fashion" / "images")
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
    (tmp_path / "fashion" / "train.csv").write_text(header + "a,2 2,4,6,4,\nb,1 1,5,5,6,\n")
    run_python(["-c", snippet + "\nassert len(fo.load_dataset('pilot')) == 2"], tmp_path)


@pytest.mark.long
def test_on_real_images(real_data, tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    (tmp_path / "shared").symlink_to(real_data.parent)
    (place / "ccp-decisions.csv").write_text("action,image_id\nexclude,0127\n")
    told = run(commands(section(BENCHMARKS, "On real photos")), place)
    assert "Into ccp: 4,425 instances in 799 photos" in told
    assert "Into ccp-via: 393 instances in 60 photos" in told
    assert "Into shorts: 20 instances in 20 photos" in told
    assert "Predicted 799 photos" in told
    assert re.search(r"Took 1 decisions?", told)
    assert len((place / "ccp-cleaned" / "splits.csv").read_text().splitlines()) == 1 + 798


SMALLER_SCRIPTS = {
    "The audit": ["--photos", "300"],
    "The loop by size": ["--photos", "12", "24"],
    "Exports of large photos": ["--photos", "2", "--rounds", "1"],
    "Exports of many small labels and of holes": ["--rounds", "1", "--limit", "20"],
    "Whether anything is lost": ["--only", "damaged input", "--trials", "0.02"],
    "Whether an estimate holds the truth": ["--reviews", "2"],
    "Rounds of a simulated curator": [
        *("--figures", "24", "--seeds", "1", "--budgets", "6"),
        *("--size", "64", "--steps", "4", "--folds", "2"),
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("title", SMALLER_SCRIPTS)
def test_the_scripts_that_print_a_table_of_their_own(title, tmp_path):
    """Those with a build before are given this one."""
    (line,) = commands(section(BENCHMARKS, title))
    _, *arguments = shlex.split(line.replace("../before", str(ROOT)))
    run_python([*arguments, *SMALLER_SCRIPTS[title], "--json", str(tmp_path / "found.json")], ROOT)
    assert json.loads((tmp_path / "found.json").read_text())


@pytest.mark.long
@pytest.mark.parametrize(("part", "rows"), [("decide", 2), ("verbs", 7)])
def test_the_builds_beside_each_other(part, rows, tmp_path):
    """This one beside itself, on few photos."""
    (line,) = commands(section(BENCHMARKS, "The build before, beside this one"))
    program, *arguments = shlex.split(line.replace("../before", str(ROOT)))
    smaller = ["--only", part, "--figures", "20", "--journal", "60", "--rounds", "1"]
    assert program == "python"
    run_python([*arguments, *smaller, "--json", str(tmp_path / "found.json")], ROOT)
    found = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert len(found) == rows
    assert all(row["before"] > 0 and row["now"] > 0 for row in found)


@pytest.mark.slow
def test_the_benchmarks_of_an_import():
    for line in commands(section(BENCHMARKS, "Import")):
        small = re.sub(r"--(rows|peer|rounds) \S+", "", line)
        small = re.sub(r"--photos \d+|--ccp \S+", "--photos 20 --rounds 1", small)
        program, *arguments = shlex.split(small)
        assert program == "python"
        assert "times as fast as FiftyOne" in run_python(arguments, ROOT)
