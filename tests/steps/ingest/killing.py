"""A stage on which imports are killed: ``python -m tests.steps.ingest.killing SCENE FOLDER EVERY``.

For each EVERY-th write to the database that an import makes, this forks a process that is
killed right before it, and another that runs the import again to its end. What the
dataset then holds is printed as a line of JSON; the first line is that of an import
that nobody killed. Scenes: ``import`` makes a dataset, ``update`` corrects one that
people work on.
"""

# ruff: noqa: E402
from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from importlib import import_module
from pathlib import Path

from PIL import Image
from pymongo import monitoring

WRITES = {"insert", "update", "delete", "findAndModify", "create", "createIndexes", "drop"}


class Reaper(monitoring.CommandListener):
    """Kills its process as a write is about to be sent."""

    left = 0
    """Writes until then; 0 spares the process."""

    def started(self, event):
        if event.command_name in WRITES:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


reaper = Reaper()
monitoring.register(reaper)  # before FiftyOne connects, which is as it is imported

from curation import store
from curation.core import taxonomy
from curation.formats import imaterialist
from curation.steps import ingest
from curation.store import bulk, import_report
from curation.store.labels import remap as remap_labels
from tests.conftest import decide

NOBODYS = ("_id", "_rand", "_dataset_id", "created_at", "last_modified_at")
LEFT, RIGHT, TOP = "1 8", "17 8", "1 2 5 2 9 2"
SHIRT, DRESS, SHOE = 0, 10, 23
ROWS = [(name, pairs, label) for name in "abcde" for pairs, label in ((LEFT, SHIRT), (TOP, SHOE))]
CORRECTED = [("f", LEFT, DRESS), ("a", LEFT, SHIRT), ("a", RIGHT, SHOE), *ROWS[2:-1],
             ("e", "20 9", SHOE), ("gone", LEFT, SHOE)]  # fmt: skip
"""All lines moved; a shoe of a and of e drawn anew, the latter past the end; f new."""


def run(folder: Path, name: str, rows: list, update: bool) -> None:
    path = folder / "train.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(imaterialist.COLUMNS)
        out.writerows((image, pairs, 4, 6, label) for image, pairs, label in rows)
    os.utime(path, (1, 1))  # the same file each time
    source = imaterialist.load(path, folder)
    ingest(name, source, update=update)


def prepare(folder: Path, name: str) -> None:
    """A dataset with reviews, and an edit made in FiftyOne that nobody journaled yet."""
    run(folder, name, ROWS, False)
    dataset = store.open(name)
    text = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
    remap_labels(dataset, text, "supercategories.toml")
    shirt, shoe = dataset.samples.match({"image_id": "a"}).first().labels.detections
    decide(dataset, "keep", image_id="a", instance_id=shirt.id, reviewer="ann")
    values = {"instance_id": shoe.id, "category": "accessories", "reviewer": "ann"}
    decide(dataset, "relabel", image_id="a", **values)
    for image_id in "be":
        sample = dataset.samples.match({"image_id": image_id}).first()
        sample.labels.detections[0].label = "feet"
        sample.save()


def look(name: str) -> dict:
    """All that a dataset holds, but for what is by chance or by the clock."""
    dataset = store.open(name)
    said = [
        (d.action, d.image_id, d.instance_id, d.category, d.reviewer)
        for d in dataset.journal.read()
    ]
    by_id = {d.decision_id: s for d, s in zip(dataset.journal.read(), said, strict=True)}
    images = []
    for document in bulk.collection(dataset.samples).find().sort("image_id", 1):
        image = {k: v for k, v in sorted(document.items()) if k not in NOBODYS}
        if basis := image.get("labels_fingerprint"):
            image["labels_fingerprint"] = [basis[0], *(by_id[key] for key in basis[1:])]
        images.append(image)
    (path,) = import_report.list_paths(dataset.folder)
    with path.open(newline="") as file:
        listed = list(csv.reader(file))
    indexes = bulk.collection(dataset.samples).index_information()
    info = deepcopy(dataset.samples.info)
    info["curate"]["labels_of"] = dataset.is_current  # it has an id by chance, too
    info["curate"]["folder"] = bool(info["curate"]["folder"]["id"])
    return {
        "photos": images,
        "read by FiftyOne": sorted(sample.image_id for sample in dataset.samples),
        "journal": said,
        "listed": listed,
        "info": info,
        "persistent": dataset.samples.persistent,
        "media type": dataset.samples.media_type,
        "fields": sorted(
            (k, str(v)) for k, v in dataset.samples.get_field_schema(flat=True).items()
        ),
        "indexes": sorted((k, str(v["key"]), v.get("unique", False)) for k, v in indexes.items()),
        "sidebar": [
            (group.name, group.paths) for group in dataset.samples.app_config.sidebar_groups
        ],
        "workspaces": dataset.samples.list_workspaces(),
    }


def in_child(act: Callable[[], None]) -> int:
    """Runs a function in a fork; what ended it: 0, or a signal below zero."""
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        try:
            act()
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def doomed(scene: str, folder: Path, name: str, writes: int) -> None:
    if scene == "update":
        prepare(folder, name)
    reaper.left = writes
    perform(scene, folder, name)


def perform(scene: str, folder: Path, name: str) -> None:
    run(folder, name, CORRECTED if scene == "update" else ROWS, scene == "update")


def finish(scene: str, folder: Path, name: str) -> None:
    perform(scene, folder, name)
    print(json.dumps(look(name), default=repr))
    store.delete(name)


def main(scene: str, folder: Path, every: int) -> None:
    import_module("curation.steps.ingest").SLICE = 2
    for letter in "abcdefgh":
        Image.new("RGB", (6, 4), (9 * ord(letter) % 256, 0, 0)).save(folder / f"{letter}.png")
    for writes in (0, *range(1, 1000, every)):
        name = f"killed-{scene}-{writes}"
        ended = in_child(partial(doomed, scene, folder, name, writes))
        if ended not in (0, -signal.SIGKILL) or in_child(partial(finish, scene, folder, name)):
            sys.exit(f"{name} ended with {ended}")
        if writes and not ended:  # it makes fewer writes than that
            break


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
