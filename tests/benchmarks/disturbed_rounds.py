"""Rounds that are killed, gone on with, and held against one that nobody killed."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests import conftest  # first: it starts a database, before FiftyOne connects

# isort: split
from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.store import bulk
from curation.store.labels import remap
from curation.store.write import write
from tests.benchmarks.disturbed import ended, tree
from tests.cli.test_failures import curate
from training.config import TrainConfig

NAME = "killed-round"
PHOTOS = 12
CONFIG = TrainConfig(size=32, steps=6, evals=3, batch=4)
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
AT_ONCE = 5
"""Kills of a verb, before it may go on to its end."""

Left = dict[str, object]


def rounds(count: int) -> Iterator[str | None]:
    """``curate round``'s ``run`` and ``close``, killed a few times each; then to their end."""
    dice = random.Random("rounds")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made(folder)
        usual, whole = {}, {}
        for verb in ("run", "close"):
            begin(verb)
            started = time.monotonic()
            if wrong := ended(going(verb), must=True):
                raise SystemExit(wrong)
            usual[verb], whole[verb] = time.monotonic() - started, left()
        trials = 0
        while trials < count:
            made(folder)
            for verb in ("run", "close"):
                begin(verb)
                kills, wrong = killed(verb, usual[verb], dice)
                if not wrong and kills:
                    wrong = compared(whole[verb], left())
                trials += max(kills, 1 if wrong else 0)
                yield from [None] * (kills - 1)
                if kills or wrong:
                    yield wrong
        store.delete(NAME)


def made(folder: Path) -> None:
    """A dataset, made anew, of which a round has begun."""
    shutil.rmtree(store.database.folder(NAME), ignore_errors=True)
    store.delete(NAME)
    records = []
    for number in range(PHOTOS):
        path = folder / f"p{number:02d}.png"
        Image.new("RGB", (8, 8), (number * 10, 255 - number * 7, 0)).save(path)
        skirt = Instance("skirt", rle.encode(np.eye(8)), "t.csv:1", instance_id=f"{number:024x}")
        records.append(ImageRecord(path.stem, path, 8, 8, (skirt,)))
    write(NAME, records)
    dataset = store.open(NAME)
    remap(dataset, TOML, "supercategories")
    steps.start_round(dataset, CONFIG, folds=2)


def begin(verb: str) -> None:
    """What comes before a verb: a review before ``close``."""
    if verb == "close":
        label = {"image_id": "p00", "instance_id": f"{0:024x}"}
        conftest.decide(store.open(NAME), "relabel", category="feet", reviewer="ann", **label)


def going(verb: str):
    return curate("round", NAME, verb, start_new_session=True)


def killed(verb: str, usual: float, dice: random.Random) -> tuple[int, str | None]:
    """How often a verb was killed, and what was wrong with how it ended after that."""
    for kills in range(AT_ONCE):
        process = going(verb)
        time.sleep(dice.uniform(0.3, 1) * usual)
        if process.poll() is not None:
            return kills, ended(process, must=True)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return AT_ONCE, ended(going(verb), must=True)


def left() -> Left:
    """Files, and what photos have of it; without times, and what is by chance."""
    dataset = store.open(NAME)
    dataset.samples.reload()
    found: Left = {
        name: timeless(name, content)
        for place in ("rounds", "runs")
        for name, content in tree(dataset.folder / place).items()
        if "/logs/" not in name  # the names have times
    }
    shown = dict.fromkeys(("_id", "image_id", "error_score", "n_suspect", "fold"), 1)
    labels = {f"{name}.detections": 1 for name in ("labels", "missing_r001")}
    for photo in bulk.collection(dataset.samples).find(projection=shown | labels):
        del photo["_id"]
        for name in ("labels", "missing_r001"):
            kept = ("label", "review_status", "error_score", "error_type", "confidence", "rle")
            photo[name] = [[d.get(k) for k in kept] for d in bulk.detections(photo, name)]
        found[f"the photo {photo['image_id']}"] = photo
    return found


TIMES = {
    "history.csv": (rb"(,[0-9.]+){2}\r?$", b""),
    "metrics.json": (rb'"(cpu_)?seconds": [0-9.]+', b""),
    "round.toml": (rb'"[0-9a-f]{16}"', b"a decision"),
    "model-card.md": (rb"(?s).*", b""),
    ".keras": (rb"(?s).*", b""),  # it has the hour in it: what it predicts is compared
}
"""What is another thing each time in a file whose name ends so."""


def timeless(name: str, content: bytes) -> bytes:
    for end, (pattern, instead) in TIMES.items():
        if name.endswith(end):
            content = re.sub(pattern, instead, content, flags=re.MULTILINE)
    return content


def compared(whole: Left, found: Left) -> str | None:
    """What is wrong with what a killed round came to."""
    if parts := [name for name in found if ".part" in name]:
        return f"left behind: {', '.join(parts)}"
    if more := sorted(set(found) - set(whole)):
        return f"doubled: {', '.join(more)}"
    if other := sorted(name for name in whole if found.get(name) != whole[name]):
        return f"lost: {', '.join(other)}"
    return None
