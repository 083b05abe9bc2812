"""The demo, whose user knows the truth: what it decides, and `make demo`'s path on a small set."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curation import store
from curation.cli import main
from curation.core import rle, taxonomy
from curation.demo import run as demo
from curation.issues.injection import InjectedError
from curation.issues.issue import ErrorType
from curation.store import database

MASK, ELSEWHERE = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
MASK[2:6, 2:6] = ELSEWHERE[:2, :2] = True


def injected(
    error_type: ErrorType, instance_id: str | None = "1", was: str = "jacket"
) -> InjectedError:
    return InjectedError("a", error_type, was, rle.encode(MASK), instance_id)


def row(error_type: str, instance_id: str = "1", **said: str):
    known = {"image_id": "a", "instance_id": instance_id, "error_type": error_type, "mask": "",
             "suggested_label": ""}  # fmt: skip
    (found,) = pd.DataFrame([known | said]).itertuples()
    return found


def test_a_suspect_is_at_the_error_that_was_made_of_its_label():
    error = injected(ErrorType.SHIFTED)
    assert demo.match(row("spurious"), [error]) is error
    assert demo.match(row("spurious", "2"), [error]) is None
    assert demo.match(row("spurious"), [replace(error, image_id="b")]) is None


def test_a_missing_garment_is_at_the_one_that_was_dropped_there():
    dropped = injected(ErrorType.MISSING, None)
    there, not_there = (rle.to_text(rle.encode(mask)) for mask in (MASK, ELSEWHERE))
    assert demo.match(row("missing", "new", mask=there), [dropped]) is dropped
    assert demo.match(row("missing", "new", mask=not_there), [dropped]) is None


def test_a_missing_garment_is_at_a_label_that_was_its_own():
    renamed = injected(ErrorType.WRONG_CATEGORY)
    assert demo.match(row("missing", "new", suggested_label="upper-body"), [renamed]) is renamed
    assert demo.match(row("missing", "new", suggested_label="feet"), [renamed]) is None
    invented = injected(ErrorType.SPURIOUS)
    assert demo.match(row("missing", "new", suggested_label="upper-body"), [invented]) is None


@pytest.mark.slow
def test_the_whole_demo_on_a_small_set(capsys, monkeypatch):
    import fiftyone as fo

    monkeypatch.setattr(demo, "LEFT", 0)
    monkeypatch.setattr(demo, "REVIEWED", 10_000)  # of six steps no model finds an injected error
    demo.run(
        60, lambda words: main.main(words, standalone_mode=False), "--size 64 --steps 6 --batch 8"
    )
    said = capsys.readouterr()
    folder = database.home() / "demo-data"
    run = database.folder(demo.DATASET) / "runs" / demo.RUN
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["photos"] == 60, "each is measured, by the model that never saw it"

    issues = pd.read_csv(run / "issues.csv", keep_default_na=False)
    errors = json.loads((folder / "injected.json").read_text())
    renamed = {p["instance_id"]: p["was"] for p in errors["injected"]
               if p["error_type"] == "wrong category"}  # fmt: skip
    dataset = store.open(demo.DATASET)
    five = taxonomy.load("supercategories")
    relabelled = {
        d.instance_id: d.category for d in dataset.review().active if d.action == "relabel"
    }
    truth = {key: five.target(renamed[key]) for key in relabelled.keys() & renamed.keys()}
    assert truth
    labels = {x.instance_id: x.category for r in dataset.records() for x in r.instances}
    for key, was in truth.items():
        assert relabelled[key] == labels[key] == was
    assert len(fo.load_dataset(demo.STYLES)) == 60

    splits = json.loads((folder / "cleaned" / "manifest.json").read_text())["splits"]
    assert sum(part["photos"] for part in splits.values()) == 60
    with Image.open(folder / "suspects.png") as sheet:
        assert sheet.height > 1000
    assert "<h1>demo: round r001</h1>" in (folder / "report.html").read_text("utf-8")

    assert "$ curate round demo start --folds 2 --size 64" in said.err
    assert re.search(r"^The round (helped|did harm|made no difference)", said.err, re.M)
    told = dict(re.findall(r"^│ (.+?) +│ +(\S+) │$", said.out, re.M))
    assert told["wrong labels in all"] == str(len(errors["injected"]))
    assert told["source labels that were renamed"] == str(len(errors["renamed"]))
    assert told["labels and missing garments that were scored"] == f"{len(issues)}"
    assert told["mIoU of the 5 classes, out of fold"] == f"{metrics['miou_foreground']:.3f}"
    by_id = {p["instance_id"] for p in errors["injected"] if p["instance_id"]}
    hit = issues.instance_id.head(25).isin(by_id) & (issues.error_type.head(25) != "missing")
    assert int(told["of the first 25 suspects, those at a wrong label"]) >= hit.sum()
