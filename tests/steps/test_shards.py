"""Verbs in parts, each of them a job of any queue: the last one merges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation import steps
from curation.core.alone import alone
from curation.core.errors import CurateError, RunError
from curation.core.shard import Shard, done
from curation.steps.dataset_runs import DatasetRuns
from tests.steps.scenes import add, lose
from training.config import TrainConfig

NAME = "test-shards"
CONFIG = TrainConfig(size=32, steps=2, batch=4)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def dataset(tmp_path):
    """Forty photos: three slices of a prediction, two of a flagging."""
    lose(NAME)
    yield add(NAME, tmp_path, {f"p{i:02d}": i for i in range(40)})
    lose(NAME)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}


def test_the_shards_are_all_items_and_no_item_twice():
    items = list(range(10))
    assert sorted(n for i in (1, 2, 3) for n in Shard(i, 3).take(items)) == items
    with pytest.raises(ValueError, match="4/3 is none from 1/3 to 3/3"):
        Shard(4, 3)


def test_the_last_one_is_known_whatever_the_order_and_of_what_it_is_about(tmp_path):
    def left(number: int, about: str = "a") -> list[int]:
        with done(tmp_path / "notes", Shard(number, 3), about) as found:
            return found

    assert left(3) == [1, 2]
    assert left(1) == [2]
    assert left(2, "another run") == [1, 3]
    assert left(1) == [2]
    assert left(2) == []
    assert left(2) == [1, 3]  # what was merged is done


@pytest.mark.long
def test_shards_of_predict_and_flag_end_as_the_whole_does(dataset):
    steps.train(DatasetRuns(dataset), "r1", CONFIG, folds=2)
    assert steps.predict_shard(dataset, "r1", Shard(2, 2)) == [1]
    assert not dataset.has("prediction_r1")
    assert steps.predict_shard(dataset, "r1", Shard(1, 2)) == []
    folder = dataset.run_folder("r1")
    masks = dataset.samples.values("prediction_r1.mask_path")
    assert len(masks) == 40
    assert all(Path(mask).is_file() for mask in masks)
    parts = files(folder)
    assert steps.predict(dataset, "r1") == 40
    assert files(folder) == parts

    assert steps.flag_shard(dataset, "r1", Shard(2, 2)) is None
    assert not (folder / "issues.csv").exists()
    found = steps.flag_shard(dataset, "r1", Shard(1, 2))
    table = found.path.read_bytes()
    assert steps.flag(dataset, "r1").path.read_bytes() == table


@pytest.mark.long
def test_two_processes_train_a_fold_each_and_the_last_one_measures_all(dataset):
    def job(fold: int) -> subprocess.Popen:
        options = ["--folds", "2", "--fold", str(fold), "--size", "32", "--steps", "2"]
        code = "from curation.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", code, "train", NAME, "--run", "r1", *options],
            cwd=ROOT, env=os.environ, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    both = [job(0), job(1)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sorted("measures" in said or "left are fold" in said for said in told) == [False, True]
    folder = dataset.run_folder("r1")
    assert not (folder / "data").exists()
    assert sorted(p.name for p in (folder / "models").glob("*.keras")) == [
        "fold0.keras",
        "fold1.keras",
    ]
    rows = (folder / "history.csv").read_text().splitlines()[1:]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert {row[0] for row in rows} == {"0", "1"}
    assert steps.train_fold(DatasetRuns(dataset), "r1", 1)["measured_on"] == "out-of-fold"


def test_a_fold_that_another_process_trains_and_one_that_there_is_not_are_refused(dataset):
    runs = DatasetRuns(dataset)
    with pytest.raises(RunError, match="--fold: its models are fold0, fold1"):
        steps.train_fold(runs, "r1", 2, CONFIG, folds=2)
    lock = dataset.run_folder("r1") / "models" / ".fold1.lock"
    with (
        alone(lock, "r1 fold1", "is being trained"),
        pytest.raises(CurateError, match="r1 fold1: is being trained by process"),
    ):
        steps.train_fold(runs, "r1", 1, CONFIG, folds=2)


@pytest.mark.parametrize("shard", [Shard(1, 1), Shard(2, 3)])
def test_a_flag_that_parts_the_photos_otherwise_than_one_that_runs_is_refused(dataset, shard):
    """Two ways to part them at once would be two results in one folder."""
    runs = dataset.run_folder("r1").parent
    with (
        alone(runs / ".r1.flag-1-of-2.lock", "r1", "is being flagged"),
        pytest.raises(CurateError, match="r1: is being flagged by process"),
    ):
        steps.flag_shard(dataset, "r1", shard)


def test_shards_that_part_the_photos_alike_stand_beside_each_other(dataset):
    runs = dataset.run_folder("r1").parent
    with (
        alone(runs / ".r1.flag-1-of-2.lock", "r1", "is being flagged"),
        pytest.raises(RunError, match="r1"),  # there is no such run: it was let in
    ):
        steps.flag_shard(dataset, "r1", Shard(2, 2))
