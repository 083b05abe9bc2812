"""What forms and an audit make of where a dataset stands: remapped, trained, flagged."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator

import fiftyone as fo
import pytest

from curation import steps, store
from curation.store import app
from tests.app.dataset import build
from tests.plugins.test_verbs import form, plugin  # noqa: F401 - a fixture
from training.config import TrainConfig
from training.folder import ClassList, Parts, RunFolder
from training.metrics import Scores
from training.stored import RunMetrics


@pytest.fixture
def dataset(tmp_path) -> Iterator[fo.Dataset]:
    name = f"stands-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path / "photos", images=2)
    fo.delete_dataset(name)


CLASSES = ClassList(("background", "feet"), ("#000000",) * 2)


def begin(dataset, name):
    run = RunFolder(dataset.run_folder(name))
    run.begin(TrainConfig(), CLASSES, Parts("fold", (), (), ()), "labels")
    return run


def finish(dataset, name):
    figures = Scores(2).figures(CLASSES.names)
    about = {"measured_on": "out-of-fold", "parameters": 3, "cpu_seconds": 1.5, "seconds": 2}
    begin(dataset, name).write_metrics(RunMetrics(**figures, **about))


def test_a_run_that_is_trained_is_not_trained_again_and_one_that_was_stopped_goes_on(dataset):
    begin(dataset, "stopped")
    finish(dataset, "trained")
    said = {name: form("train", dataset, run=name)["run"].error_message
            for name in ("new", "stopped", "trained")}  # fmt: skip
    assert said == {"new": "", "stopped": "", "trained": "is trained already: choose another name"}


@pytest.mark.parametrize("name", ["predict", "flag"])
def test_the_run_that_was_trained_last_is_chosen_whichever_was_flagged_last(dataset, name):
    for run in ("r1", "r2"):
        finish(dataset, run)
    os.utime(dataset.run_folder("r1") / "metrics.json", (0, 0))
    (dataset.run_folder("r1") / "issues.csv").touch()
    assert form(name, dataset)["run"].default == "r2"


@pytest.mark.parametrize(
    ("remapped", "flagged", "following"),
    [
        (False, None, "“Remap …”."),
        (True, None, "“Train a model …”, which sees what no label tells by itself."),
        (True, "r1", "decide on the suspects in the review, worst first."),
    ],
)
def test_an_audit_that_finds_nothing_names_what_follows_for_this_dataset(
    dataset, monkeypatch, remapped, flagged, following
):
    monkeypatch.setattr(steps, "audit", lambda dataset, progress: [])
    monkeypatch.setattr(store.Dataset, "has_taxonomy", remapped)
    monkeypatch.setattr(store.Dataset, "flagged", flagged)
    app.load_plugin()
    verbs = sys.modules["curate_plugin.verbs"]
    assert verbs.Audit().act(dataset, {}, None).endswith(f" Next: {following}")
