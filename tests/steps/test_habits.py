"""A habit, from the labels of a dataset to decisions that end it and an undo."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from curation import cli, steps, store
from curation.core import rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.steps import working_copy
from curation.steps.dataset_runs import DatasetRuns
from curation.store import results
from curation.store.decisions import undo
from curation.store.labels import remap
from curation.store.write import write
from tests.steps.scenes import lose, photo
from training.config import TrainConfig

module = import_module("curation.steps.flag")

NAME = "test-habits"
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
INSIDE = np.zeros((64, 64), bool)
INSIDE[8:56, 8:56] = True


@pytest.fixture
def dataset(tmp_path):
    """Sixty photos of dresses; those in the folder ``cellar`` are called jackets."""
    lose(NAME)
    records = []
    for number in range(60):
        folder, category = ("cellar", "jacket") if number % 3 == 0 else ("street", "dress")
        image_id = f"{folder}/{number:02d}"
        path = photo(tmp_path / f"{image_id}.jpg", number)
        label = Instance(category, rle.encode(INSIDE), f"train.csv:{number + 2}")
        records.append(ImageRecord(image_id, path, 64, 64, (label,)))
    write(NAME, records)
    opened = store.open(NAME)
    remap(opened, TOML, "supercategories")
    yield opened
    lose(NAME)


@pytest.fixture
def trained(dataset, monkeypatch):
    """A run that sees a dress in each."""
    steps.train(DatasetRuns(dataset), "r1", TrainConfig(size=32, steps=2, batch=4), folds=2)
    whole = working_copy.load(dataset).channels.names.index("whole-body")

    def predicted(folder, images, **rest):
        seen = np.zeros((16, 16), np.intp)
        seen[2:14, 2:14] = whole
        p = np.where(seen == np.arange(6)[:, None, None], 0.95, 0.01)
        for image in images:
            yield image, p.astype(np.float16), ()

    monkeypatch.setattr(module.trainer, "predict_with_features", predicted)
    return dataset


def categories(dataset) -> dict[str, int]:
    labels = [i.category for r in working_copy.load(dataset).records.values() for i in r.instances]
    return {name: labels.count(name) for name in set(labels)}


def test_a_habit_is_one_finding_that_one_file_ends_and_one_undo_brings_back(trained):
    ((habit, path),) = steps.flag(trained, "r1").habits
    assert str(habit) == (
        "photos in cellar/ call 100% of whole-body upper-body, the rest 0%: 20 labels"
    )
    (row,) = pd.read_csv(path.with_name("habits.csv")).to_dict("records")
    assert (row["file"], row["called"], row["of_elsewhere"]) == (path.name, 20, 40)
    decisions = pd.read_csv(path)
    assert decisions["p"].is_monotonic_decreasing
    assert set(decisions["category"]) == {"whole-body"}
    view = trained.samples.load_saved_view(results.HABITS)
    assert view.values("image_id") == [f"cellar/{number:02d}" for number in range(0, 60, 3)]
    before = categories(trained)
    assert len(steps.import_decisions(trained, path)) == 20
    assert categories(trained) == {"whole-body": 60}
    assert len(view) == 0, "what was decided on leaves the view"
    undo(trained)
    assert categories(trained) == before == {"upper-body": 20, "whole-body": 40}


def test_what_was_decided_on_is_no_habit_when_flagged_again(trained):
    ((_, path),) = steps.flag(trained, "r1").habits
    kept = path.with_name("kept.csv")
    kept.write_text(path.read_text("utf-8").replace("relabel", "keep"))
    steps.import_decisions(trained, kept)
    result = steps.flag(trained, "r1")
    assert result.habits == ()
    assert not path.exists()
    assert pd.read_csv(path.with_name("habits.csv")).empty
    assert len(trained.samples.load_saved_view(results.HABITS)) == 0


def test_the_command_that_is_printed_relabels_them(trained):
    printed = CliRunner().invoke(cli.main, ["flag", NAME, "--run", "r1"], catch_exceptions=False)
    (line,) = [x for x in printed.output.splitlines() if x.startswith("A habit: ")]
    words = line.split("curate ")[1].split()
    CliRunner().invoke(cli.main, words, catch_exceptions=False)
    assert categories(trained) == {"whole-body": 60}
