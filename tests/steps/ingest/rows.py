"""A small annotation file and what is asked of it, for the tests of imports."""

from __future__ import annotations

import csv
from pathlib import Path

from curation import store
from curation.core import taxonomy
from curation.formats import imaterialist
from curation.formats.imaterialist import DEFAULT_LABELS
from curation.issues.issue import ImageScore, Issue, digest
from curation.steps import ingest
from curation.store import bulk, database, results
from curation.store.labels import remap as remap_labels

NAME = "test-importer"
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
SHIRT, PANTS, DRESS, SHOE, UMBRELLA, SLEEVE = 0, 6, 10, 23, 26, 31
LEFT, RIGHT, TOP = "1 8", "17 8", "1 2 5 2 9 2"
"""Masks on a photo 6 wide and 4 high."""


ROWS = [("a", LEFT, SHIRT, "1"), ("a", RIGHT, PANTS, ""), ("b", LEFT, DRESS, ""),
        ("b", TOP, SHOE, ""), ("c", RIGHT, SHOE, "2")]  # fmt: skip


def write(path: Path, rows) -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*imaterialist.COLUMNS, "AttributesIds"])
        out.writerows((name, pairs, 4, 6, label, fine) for name, pairs, label, fine in rows)
    return path


def source_of(rows, images):
    path = write(images.parent / "train.csv", rows)
    return imaterialist.load(path, images, DEFAULT_LABELS)


def run(rows, images, update=False, strict=False):
    return ingest(NAME, source_of(rows, images), strict=strict, update=update)


def remapped():
    dataset = store.open(NAME)
    remap_labels(dataset, TOML, "supercategories.toml")
    return dataset


def raw():
    documents = bulk.collection(store.open(NAME).samples).find()
    return {d["image_id"]: d for d in documents}


def labels(image_id):
    """The working copy of a photo, by what the annotation file calls each."""
    sample = store.open(NAME).samples.match({"image_id": image_id}).first()
    assert sample.labels is not None, "no labels"
    imported = {d.id: d.label for d in sample.ground_truth.detections}
    return {imported.get(d.id, ""): d for d in sample.labels.detections}


def listed(stem="train"):
    paths = list(database.folder(NAME).glob(f"imported-*-{stem}.csv"))
    if not paths:
        return []
    (path,) = paths
    with path.open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["what", "location", "kind", "detail"]
        return [tuple(row) for row in csv.reader(file)]


def differing_fields(before, after):
    """The fields by which two documents of a photo differ."""
    keys = before.keys() | after.keys()
    return {k for k in keys if before.get(k) != after.get(k)} - {"last_modified_at"}


def flag():
    """A run that doubts the shirt of a, and misses a shoe there."""
    dataset = store.open(NAME)
    (record,) = dataset.records("labels", ["a"])
    said = {"upper-body": (0.9, "wrong category", "feet", "why"), "lower-body": (0.2, "", "", "")}
    issues = tuple(
        Issue("a", x.instance_id, "t", x.category, *said[x.category], digest=digest(x))
        for x in record.instances
    )
    results.write_scores(
        dataset,
        "r1",
        [ImageScore("a", 0.7, issues), ImageScore("b", 0.1, ()), ImageScore("c", 0.1, ())],
    )


CORRECTED = [*ROWS[:1], ("a", TOP, PANTS, ""), *ROWS[2:]]
"""The pants of a were drawn anew."""
