"""An import that is killed, at any moment, and started again ends as if it had run once."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import parallel, taxonomy
from curation.formats import imaterialist
from curation.steps import ingest
from curation.store import bulk, database, import_report
from curation.store.labels import remap as remap_labels
from tests.conftest import decide

ROOT = Path(__file__).parents[3]


EACH = [pytest.param(scene, 1, marks=pytest.mark.long) for scene in ("import", "update")]
SOME = [pytest.param("import", 10, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("scene", "every"), [*SOME, *EACH])
def test_killed_at_its_writes_to_the_database(tmp_path, scene, every):
    """At each, or at every so many-th, that it makes from the first to the last."""
    command = [sys.executable, "-m", "tests.steps.ingest.killing", scene, str(tmp_path), str(every)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole, *others = map(json.loads, done.stdout.splitlines())
    assert len(others) > {"import": 30, "update": 10}[scene] // every
    assert [len(p["ground_truth"]["detections"]) for p in whole["photos"]][:5] == [2] * 5
    for kill, found in enumerate(others):
        assert found == whole, f"killed before write {1 + kill * every}"


IMAGES = 800
"""More than parallel.FEW: they are read in worker processes."""


def write(path, top=(), changed=()):
    """A CSV of two labels for each photo: rows on top of them, and photos drawn otherwise."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(imaterialist.COLUMNS)
        out.writerows(top)
        for number in range(IMAGES):
            out.writerow([f"p{number}", f"{number % 40 + 1} 3", 8, 8, 0])
            out.writerow([f"p{number}", "50 9" if number in changed else "50 5", 8, 8, 23])


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        noise = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"p{number}.png")
    return tmp_path


@pytest.fixture
def names():
    """Of the dataset whose imports are killed, and of one whose imports are not."""
    for name in (both := ("test-killed", "test-spared")):
        store.delete(name)
        (database.folder(name) / "decisions.csv").unlink(missing_ok=True)
    yield both
    for name in both:
        store.delete(name)


def start(name, images):
    """``curate import --update`` in a process group of its own, with its workers."""
    code = "from curation.cli import main; main()"
    options = ["--annotations", str(images / "t.csv"), "--images", str(images), "--update"]
    return subprocess.Popen(
        [sys.executable, "-c", code, "import", "imaterialist", name, *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def kill_when(process, reached):
    """Kills the whole group as soon as the condition holds; false if it ended before."""
    while process.poll() is None:
        if reached():
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.005)
    return False


def finish(name, images):
    process = start(name, images)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def opened(name):
    """The dataset as it is now: FiftyOne hands out the one it has in memory."""
    dataset = store.open(name)
    dataset.samples.reload()
    return dataset


def count(name, query):
    return store.exists(name) and bulk.collection(fo.load_dataset(name)).count_documents(query)


def spare(name, images):
    """The same import in this process."""
    source = imaterialist.load(images / "t.csv", images)
    ingest(name, source, update=True)


def look(name):
    found = bulk.collection(opened(name).samples).find()
    images = {d["image_id"]: bulk.comparable(d) for d in found}
    for image in images.values():
        # Without the decisions' ids, which are by chance.
        image["labels_fingerprint"] = (image.get("labels_fingerprint") or [])[:1]
    (path,) = import_report.list_paths(database.folder(name))
    with path.open() as file:
        rows = list(csv.reader(file))
    return images, rows


def remap_and_review(name):
    dataset = opened(name)
    text = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
    remap_labels(dataset, text, "supercategories.toml")
    for image_id in ("p3", "p300"):
        shirt, shoe = dataset.samples.match({"image_id": image_id}).first().labels.detections
        for label in (shirt, shoe):
            values = {"instance_id": label.id, "category": "whole-body", "reviewer": "ann"}
            decide(dataset, "relabel", image_id=image_id, **values)


@pytest.mark.long
def test_killed_with_its_workers_on_the_command_line(images, names, monkeypatch):
    name, spared = names
    monkeypatch.setattr(parallel, "FEW", IMAGES)
    write(images / "t.csv", top=[("gone", "1 1", 8, 8, 0)])
    for some in (1, 300):
        assert kill_when(start(name, images), lambda n=some: count(name, {}) >= n)
        assert some <= count(name, {}) < IMAGES
    assert "800 photos" in finish(name, images)
    spare(spared, images)
    assert look(name) == look(spared)

    for each in names:
        remap_and_review(each)
    before = {p["location_digest"] for p in look(name)[0].values()}
    changed = range(0, IMAGES, 3)
    write(images / "t.csv", top=[("gone", "1 1", 8, 8, 0)] * 2, changed=changed)
    moved = {"location_digest": {"$nin": list(before)}}
    assert kill_when(start(name, images), lambda: count(name, moved) >= 100)
    assert 100 <= count(name, moved) < IMAGES
    finish(name, images)
    spare(spared, images)
    images, rows = look(name)
    assert (images, rows) == look(spared)
    assert [row[1] for row in rows if row[2] == "decision without its label"] == ["p3", "p300"]
    assert images["p3"]["labels"]["detections"][0]["label"] == "whole-body"
