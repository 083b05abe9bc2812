"""A round that is killed again and again ends as one that nobody killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.rounds.state import State
from curation.steps.round import read_proof
from curation.store.labels import remap
from curation.store.write import write
from tests.conftest import decide
from training.config import TrainConfig

ROOT = Path(__file__).parents[2]
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
CONFIG = TrainConfig(size=32, steps=6, evals=3, batch=4)
VERB = """
from curation import steps, store
dataset = store.open({name!r})
steps.{verb}_round(dataset)
"""


def made(folder, name):
    store.delete(name)
    records = []
    for number in range(12):
        path = folder / f"p{number:02d}.png"
        Image.new("RGB", (8, 8), (number * 10, 255 - number * 7, 0)).save(path)
        skirt = Instance("skirt", rle.encode(np.eye(8)), "t.csv:1")
        records.append(ImageRecord(path.stem, path, 8, 8, (skirt,)))
    write(name, records)
    dataset = store.open(name)
    shutil.rmtree(dataset.folder, ignore_errors=True)
    dataset.folder.mkdir()
    store.delete(name)
    write(name, records)
    dataset = store.open(name)
    remap(dataset, TOML, "supercategories")
    steps.start_round(dataset, CONFIG, folds=2)
    return dataset


def gone_through(dataset, dice=None):
    """Runs and closes the round in processes of their own; kills them while ``dice`` says so.

    Returns:
        how often it was killed
    """
    kills = 0
    for verb in ("run", "close"):
        if verb == "close":
            (label,) = next(dataset.records(image_ids=["p00"])).instances
            decide(dataset, "relabel", image_id="p00", instance_id=label.instance_id,
                   category="feet", reviewer="ann")  # fmt: skip
        command = [sys.executable, "-c", VERB.format(name=dataset.name, verb=verb)]
        spared = False
        while not spared:
            spared = dice is None or kills % 12 == 11
            with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
                try:
                    _, said = process.communicate(timeout=None if spared else dice.uniform(3, 16))
                    assert process.returncode == 0, said
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    kills += 1
    return kills


@pytest.mark.long
def test_a_round_that_is_killed_ends_as_if_it_had_run_once(tmp_path):
    whole, broken = (made(tmp_path, f"test-round-{name}") for name in ("whole", "broken"))
    gone_through(whole)
    kills = gone_through(broken, random.Random(4))
    assert kills >= 4
    for dataset in (whole, broken):
        dataset.samples.reload()
        (last,) = steps.round_status(dataset).rounds
        assert last.state is State.CLOSED
    assert read_proof(broken, "r001") == read_proof(whole, "r001")
    for name in (whole.name, broken.name):
        store.delete(name)
