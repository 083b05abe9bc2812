"""What the documents say is so: links, tables, names of options, figures."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import fields as dataclass_fields
from pathlib import Path

import click
import pytest

from curation.audit import KINDS
from curation.cli import main
from curation.core import taxonomy
from curation.core.finding import FindingKind, Severity
from curation.formats.registry import writers
from curation.review import Decision, keys
from curation.store import fields
from tests.docs.documents import (
    AUDIT,
    BENCHMARKS,
    CURATION,
    DOCUMENTS,
    FORMATS,
    PLUGINS,
    README,
    ROOT,
    TRAINING,
    commands,
    inline,
    rows_of,
    section,
    text,
)
from training import recipes
from training.config import TrainConfig


def test_the_readme_is_one_that_is_read():
    assert len(text(README).splitlines()) <= 220


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = project["optional-dependencies"]
    lists = [project["dependencies"], extra["dev"], extra["onnx"], extra["dask"]]
    needed = {re.split(r"[^\w-]", line)[0] for names in lists for line in names}
    named = {
        w for row in rows_of(README, "What it stands on") for w in re.findall(r"[\w-]+", row[0])
    }
    assert needed - named == set()


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
    path = path / README if path.is_dir() else path
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


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
        for shared in re.findall(r"^from tests\.benchmarks\.(\w+) import", source, re.M):
            source += (ROOT / "tests" / "benchmarks" / f"{shared}.py").read_text("utf-8")
        options = [word for word in rest if word.startswith("--")]
        if m != "-m" or not source or any(f'"{option}"' not in source for option in options):
            wrong.append((module, *rest))
    assert wrong == []


def test_every_headline_figure_stands_in_the_benchmarks_too():
    """A figure that is measured anew is changed in both, or this says which."""
    table = section(README, "How good and how fast it is")
    rows = re.findall(r"^\| (?!what|---)[^|]+ \| ([^|]+) \|", table, re.M)
    measured = re.sub(r"[*|]", " ", text(BENCHMARKS))
    figures = {f for row in rows for f in re.findall(r"\d+\.\d\d+|\d+ (?:min|s|MB|MiB)\b", row)}
    there = {f for f in figures if re.search(rf"(?<![\d.]){f}", " ".join(measured.split()))}
    assert len(rows) >= 8
    assert figures == there


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (AUDIT, KINDS),
        (FORMATS, set(FindingKind) - set(KINDS)),
    ],
)
def test_the_table_of_findings_is_the_one_in_the_code(document, kinds):
    """Each with its severity and meaning, the worst first, and no other."""
    severities = "|".join(Severity)
    table = re.findall(rf"^\| ([^|]+) \| ({severities}) \| ([^|]+) \|$", text(document), re.M)
    assert sorted(table) == sorted((kind, kind.severity, kind.meaning) for kind in kinds)
    ranks = [Severity(severity).rank for _, severity, _ in table]
    assert ranks == sorted(ranks)


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
    rows = rows_of(CURATION, title, "###")
    assert rows == [[f"`{field.name}`", field.description] for field in known]


def test_the_table_of_exports_has_each_and_says_what_is_ignored():
    rows = rows_of(FORMATS, "Other formats", "###")
    assert [row[0].strip("`") for row in rows] == [f.name for f in writers()]
    assert [row[3] == "no" for row in rows] == [not f.has_ignore for f in writers()]


def test_the_table_of_keys_is_what_the_panel_takes():
    said = [row[0].strip("`") for row in rows_of(PLUGINS, "Keys")]
    assert said == [{" ": "space"}.get(key, key) for key in keys.KEYS.values()]


def test_the_glossary_is_short_and_what_it_calls_a_field_is_one():
    rows = rows_of(CURATION, "Glossary")
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
    assert rows_of(TRAINING, "Settings") == rows


def test_the_table_of_recipes_has_each():
    table = rows_of(TRAINING, "Recipes")
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(row[0] for row in table))) == recipes.names()


def test_the_taxonomy_in_the_document_is_one():
    toml = re.search(r"```toml\n(.*?)```", text(CURATION), flags=re.S)
    assert toml
    assert taxonomy.parse(toml[1], CURATION).target("jacket") == "top"
