"""Every command of every document is run, in the order of reading, on small data."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from curation.audit import KINDS
from curation.cli import main
from curation.core import taxonomy
from curation.core.finding import FindingKind, Severity
from curation.demo import run as demo
from curation.formats import coco, imaterialist, mask_folder
from curation.review import Decision
from curation.steps import report
from curation.store import fields
from training import recipes
from training.config import TrainConfig

ROOT = Path(__file__).parents[1]
BENCHMARKS = "tests/benchmarks/README.md"
AFTER_THE_LOOP = (
    "curation/formats/README.md",
    "curation/audit/README.md",
    "curation/issues/README.md",
    "plugins/README.md",
    "training/README.md",
)
"""Documents whose commands go on with what the README's have made."""
DOCUMENTS = ("README.md", "CHANGELOG.md", "curation/README.md", *AFTER_THE_LOOP, BENCHMARKS)

SMALLER = {
    "train": ["--size", "64", "--steps", "4"],
    "sweep": ["--size", "64", "--steps", "4"],
    "app": ["--help"],  # it serves until Ctrl+C: tests/store/test_app.py and tests/app run it
    "demo": ["--help"],  # tests/demo/test_run.py
    "doctor": ["--help"],  # tests/cli/test_doctor.py
}
"""What is added to a verb so that all documents run in two minutes."""


@cache
def text(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def commands(said: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", said, flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def section(document: str, title: str) -> str:
    return text(document).split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


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
    lines = commands(section("README.md", "Set up"))
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
    return folder, run(commands(section("README.md", "Once around the loop")), folder)


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


@pytest.mark.slow
def test_once_around_the_loop(around):
    folder, told = around
    assert "Into photos:" in told
    assert "Predicted 60 photos" in told
    assert "exclude" in told.split("'review', 'photos']")[1], "the decision is listed"
    assert "Drew the first 30 suspects" in told
    assert_all_drawn(folder / "suspects.png", 30)
    assert (folder / "cleaned" / "manifest.json").is_file()


def assert_all_drawn(path: Path, count: int) -> None:
    """A contact sheet has a place for each suspect, and in each panel of it the outline."""
    sheet = np.asarray(Image.open(path))
    height, width = report.PANEL + report.CAPTION, sheet.shape[1] // report.COLUMNS
    assert sheet.shape[0] == report.HEADER + height * -(-count // report.COLUMNS)
    panel = width // report.PANELS
    for number in range(count):
        row, column = divmod(number, report.COLUMNS)
        tile = sheet[report.HEADER + row * height :][: report.PANEL, column * width :][:, :width]
        outlined = (tile == report.OUTLINE).all(axis=2)
        shown = [bool(outlined[:, i * panel : (i + 1) * panel].any()) for i in range(report.PANELS)]
        assert shown == [True] * report.PANELS, f"suspect {number + 1}"


SAID = {
    "curation/formats/README.md": ["Into indexed:", "Into fashion:", "59 unchanged, 1 updated"],
    "curation/audit/README.md": ["Audited 60 photos of photos"],
    "curation/issues/README.md": ["Flagged", "suspect-source-labels.png"],
    "plugins/README.md": ["Took back exclude on figure-0003"],
    "training/README.md": [
        "probabilities differ by at most",
        "Predicted 60 photos: prediction_big",
    ],
}
FILES = {
    "curation/formats/README.md": ["cleaned-coco/instances.json"],
    "curation/issues/README.md": ["suspects.png", "suspect-source-labels.png"],
    "training/README.md": ["segmenter/model.onnx", "runs/big/model-card.md"],
}


@pytest.mark.slow
@pytest.mark.parametrize("document", AFTER_THE_LOOP)
def test_the_commands_of_the_other_documents(document, around):
    folder, _ = around
    told = run(commands(text(document)), folder)
    assert [said for said in SAID[document] if said not in told] == []
    assert all((folder / path).is_file() for path in FILES.get(document, []))


def test_no_document_with_commands_is_forgotten():
    found = {str(path.relative_to(ROOT)) for path in ours()}
    assert found == set(DOCUMENTS)
    run_elsewhere = {BENCHMARKS}  # the tests below
    rest = set(DOCUMENTS) - {"README.md", *AFTER_THE_LOOP} - run_elsewhere
    assert [document for document in rest if commands(text(document))] == []
    titles = re.findall(r"^## (.+)$", text("README.md"), re.M)
    with_commands = [t for t in titles if commands(section("README.md", t))]
    assert with_commands == ["Set up", "Once around the loop"]
    titles = re.findall(r"^## (.+)$", text(BENCHMARKS), re.M)
    with_commands = [t for t in titles if commands(section(BENCHMARKS, t))]
    elsewhere = ["The demo", "The build before, beside this one"]  # their own tests
    assert with_commands == ["On real photos", "Import", *elsewhere]


def ours() -> Iterator[Path]:
    """The documents that are written by hand."""
    for top in (ROOT, *(ROOT / name for name in ("curation", "training", "plugins", "tests"))):
        yield from top.glob("*.md") if top == ROOT else top.rglob("*.md")


def test_the_readme_is_one_that_is_read():
    assert len(text("README.md").splitlines()) <= 220


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text(document)):
        if re.match(r"\w+://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


def anchors(path: Path) -> set[str]:
    """What a heading is called in a link, as GitHub makes it."""
    path = path / "README.md" if path.is_dir() else path
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def inline(document: str, program: str) -> list[list[str]]:
    """Commands that stand in a sentence or a table, as words."""
    prose = re.sub(r"```.*?```", "", text(document), flags=re.S)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return [shlex.split(span) for span in spans if span.startswith(f"{program} ")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_sentences_name_verbs_and_options_that_there_are(document):
    wrong = []
    for given in inline(document, "curate"):
        command: click.Command = main
        for word in given[1:]:
            if isinstance(command, click.Group) and word in command.commands:
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts}
        unknown = {word for word in given if word.startswith("--")} - known - {"--help"}
        if unknown or (command is main and given[1] not in ("VERB", "--help")):
            wrong.append(given)
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_benchmarks_in_sentences_are_there_with_their_options(document):
    wrong = []
    every = inline(document, "python") + [
        shlex.split(line) for line in commands(text(document)) if line.startswith("python")
    ]
    for _, m, module, *rest in every:
        path = ROOT / f"{module.replace('.', '/')}.py"
        source = path.read_text("utf-8") if path.is_file() else ""
        options = [word for word in rest if word.startswith("--")]
        if m != "-m" or not source or any(f'"{option}"' not in source for option in options):
            wrong.append((module, *rest))
    assert wrong == []


def test_every_headline_figure_stands_in_the_benchmarks_too():
    """A figure that is measured anew is changed in both, or this says which."""
    table = section("README.md", "How good and how fast it is")
    rows = re.findall(r"^\| (?!what|---)[^|]+ \| ([^|]+) \|", table, re.M)
    measured = re.sub(r"[*|]", " ", text(BENCHMARKS))
    figures = {f for row in rows for f in re.findall(r"\d+\.\d\d+|\d+ (?:min|s|MB|MiB)\b", row)}
    there = {f for f in figures if re.search(rf"(?<![\d.]){f}", " ".join(measured.split()))}
    assert len(rows) >= 8
    assert figures == there


def test_fiftyones_own_way(images_folder, tmp_path):
    document = text("curation/formats/README.md")
    (snippet,) = re.findall(r"```python\n(.*?)```", document, flags=re.S)
    (tmp_path / "fashion").mkdir()
    images_folder.rename(tmp_path / "fashion" / "images")
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
    (tmp_path / "fashion" / "train.csv").write_text(header + "a,2 2,4,6,4,\nb,1 1,5,5,6,\n")
    run_python(["-c", snippet + "\nassert len(fo.load_dataset('pilot')) == 2"], tmp_path)


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        ("curation/audit/README.md", KINDS),
        ("curation/formats/README.md", set(FindingKind) - set(KINDS)),
    ],
)
def test_the_table_of_findings_is_the_one_in_the_code(document, kinds):
    """Each with its severity and meaning, the worst first, and no other."""
    severities = "|".join(Severity)
    table = re.findall(rf"^\| ([^|]+) \| ({severities}) \| ([^|]+) \|$", text(document), re.M)
    assert sorted(table) == sorted((kind, kind.severity, kind.meaning) for kind in kinds)
    ranks = [Severity(severity).rank for _, severity, _ in table]
    assert ranks == sorted(ranks)


def rows_of(document: str, title: str, level: str = "##") -> list[list[str]]:
    """The cells of the only table of a section, without its head."""
    part = text(document).split(f"\n{level} {title}\n", 1)[1]
    part = re.split(rf"\n#{{2,{len(level)}}} ", part)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("Of each photo", fields.ON_IMAGES),
        ("Of each run", fields.OF_A_RUN),
        ("Of each label and missing garment", fields.ON_DETECTIONS),
        (
            "Of each label",
            (*fields.ON_LABELS, *fields.CLASS_SCORES, *fields.SOURCE_SCORES,
             *fields.FAULTS_ON_LABELS),
        ),
        ("Of each missing garment", fields.ON_MISSING),
    ],
)  # fmt: skip
def test_the_tables_of_fields_are_the_schema(title, known):
    rows = rows_of("curation/README.md", title, "###")
    assert rows == [[f"`{field.name}`", field.description] for field in known]


def test_the_glossary_is_short_and_what_it_calls_a_field_is_one():
    rows = rows_of("curation/README.md", "Glossary")
    assert len(rows) <= 30
    assert rows == sorted(rows, key=lambda row: row[0].casefold())
    every = (*fields.ON_IMAGES, *fields.OF_A_RUN, *fields.ON_DETECTIONS, *fields.ON_LABELS,
             *fields.CLASS_SCORES, *fields.SOURCE_SCORES, *fields.FAULTS_ON_LABELS)  # fmt: skip
    known = {field.name for field in every} | {fields.LABELS, fields.GROUND_TRUTH}
    known |= {each.name for each in dataclass_fields(Decision)} | set(main.commands)
    known |= {"decisions.csv"}
    said = {word for row in rows for word in re.findall(r"`([^`]+)`", " ".join(row))}
    assert said - known == set()


def test_the_table_of_settings_is_that_of_the_trainer():
    rows = []
    for each in dataclass_fields(TrainConfig):
        default = str(each.default).lower() if each.type == "bool" else str(each.default)
        choices = ", ".join(map(str, each.metadata["choices"]))
        about = each.metadata["help"] + (f" One of {choices}." if choices else "")
        rows.append([f"`{each.name}`", default, about])
    assert rows_of("training/README.md", "Settings") == rows


def test_the_table_of_recipes_has_each():
    table = rows_of("training/README.md", "Recipes")
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(row[0] for row in table))) == recipes.names()


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


@pytest.mark.slow
def test_the_benchmarks(tmp_path):
    for line in commands(section(BENCHMARKS, "Import")):
        small = re.sub(r"--(rows|peer|rounds) \S+", "", line)
        small = re.sub(r"--photos \d+|--ccp \S+", "--photos 20 --rounds 1", small)
        program, *arguments = shlex.split(small)
        assert program == "python"
        assert "times as fast as FiftyOne" in run_python(arguments, ROOT)


def test_the_taxonomy_in_the_document_is_one():
    toml = re.search(r"```toml\n(.*?)```", text("curation/README.md"), flags=re.S)
    assert toml
    assert taxonomy.parse(toml[1], "README.md").target("jacket") == "top"
