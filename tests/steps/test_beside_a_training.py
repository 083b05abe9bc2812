"""An import into a dataset on which another process trains."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from curation import steps
from curation.store.labels import remap
from curation.store.write import write
from tests.steps.scenes import TOML, add, lose, photo, record
from training.run import load_metrics

NAME = "test-beside-a-training"
ROOT = Path(__file__).parents[2]
PHOTOS = {f"p{i:02d}": i for i in range(20)}


@pytest.fixture
def dataset(tmp_path):
    lose(NAME)
    yield add(NAME, tmp_path, PHOTOS)
    lose(NAME)


def training(run: str) -> subprocess.Popen:
    options = ["--folds", "2", "--size", "32", "--steps", "4"]
    code = "from curation.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "train", NAME, "--run", run, *options],
        cwd=ROOT, env=os.environ, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.long
def test_it_learns_and_is_measured_on_the_labels_that_it_began_with(dataset, tmp_path):
    undisturbed = training("r0")
    said = undisturbed.communicate()[1]  # it would wait for who reads it
    assert undisturbed.returncode == 0, said
    r0, r1 = (dataset.run_folder(run) for run in ("r0", "r1"))

    disturbed = training("r1")
    while not (r1 / "config.toml").exists():
        assert disturbed.poll() is None, disturbed.stderr.read()
        time.sleep(0.05)
    corrected = [record(tmp_path / f"{i}.jpg", i, "pants") for i in PHOTOS]
    write(NAME, [*corrected, record(photo(tmp_path / "late.jpg", 99), "late")], update=True)
    remap(dataset, TOML, "supercategories")
    assert disturbed.poll() is None, "it is not over yet"
    said = disturbed.communicate()[1]
    assert disturbed.returncode == 0, said

    losses = [pd.read_csv(folder / "history.csv")["loss"] for folder in (r0, r1)]
    assert losses[1].to_list() == pytest.approx(losses[0].to_list(), rel=1e-3)
    was, done = load_metrics(r0), load_metrics(r1)
    assert done["photos"] == was["photos"] == len(PHOTOS)
    assert done["miou_foreground"] == pytest.approx(was["miou_foreground"], abs=1e-3)
    assert not (r1 / "data").exists()
    assert steps.predict(dataset, "r1") == len(PHOTOS) + 1
