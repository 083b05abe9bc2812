"""Photos of an annotation file into a dataset: new ones, and what a corrected file changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import fiftyone as fo
from bson import decode

from curation import intake
from curation.intake import Photo, Status, Target
from curation.records import ImageRecord, Skip
from curation.store import bulk, edits
from curation.store.datasets import (
    GROUND_TRUTH,
    LABELS,
    batches,
    create,
    digests,
    exists,
    info,
    is_ours,
    open_dataset,
)
from curation.store.faults import ON_LABELS
from curation.store.labels import active_taxonomy, locked, rebuild

_COMPUTED = ("photo_hash", LABELS, "labels_digest", "labels_basis")
"""What is computed from a photo and its labels: void once they change."""


@dataclass
class Written:
    """What was done with the photos: image ids, and what changed in each that was updated."""

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    changes: list[Skip] = field(default_factory=list)


def open_or_create(name: str) -> fo.Dataset:
    """The dataset that an import goes into.

    Raises:
        DatasetError: the name is that of somebody else's dataset
    """
    return open_dataset(name) if exists(name) and is_ours(name) else create(name)


def target(dataset: fo.Dataset, update: bool) -> Target:
    """What the workers have to know of the dataset."""
    return Target(bulk.dataset_id(dataset), digests(dataset), update)


def take(dataset: fo.Dataset, photos: Sequence[Photo], update: bool, written: Written) -> None:
    """Writes a slice of photos; each is written as a whole or not at all.

    Photos that are changed lose their ``labels`` until :func:`complete`.
    """
    added, changed, moved = [], {}, {}
    for photo in photos:
        if photo.status is Status.ADDED:
            added.append(photo.document)
            written.added.append(photo.image_id)
        elif photo.status is Status.CHANGED and update:
            changed[photo.image_id] = decode(photo.document)
            written.updated.append(photo.image_id)
        elif photo.status is Status.CHANGED:
            written.differing.append(photo.image_id)
        else:
            written.unchanged.append(photo.image_id)
            if photo.status is Status.MOVED:
                moved[photo.image_id] = decode(photo.document)
    bulk.insert(dataset, added)
    if replaced := changed | moved:
        with locked(dataset):
            if info(dataset)["taxonomy"]:
                edits.adopt_edits(dataset, replaced)  # made in FiftyOne, and about to be replaced
            written.changes += _compare(dataset, changed)
            _keep_faults(dataset, replaced)
            void = {name: None for name in _COMPUTED if dataset.has_sample_field(name)}
            bulk.update(dataset, {i: fields | void for i, fields in replaced.items()})


def complete(dataset: fo.Dataset) -> dict[str, int]:
    """Computes ``labels`` of photos that have none yet, where the dataset has a taxonomy.

    Returns:
        source labels that the taxonomy does not speak of, with their number: photos
        with one wait for a remap
    """
    if not info(dataset)["taxonomy"]:
        return {}
    late = dataset.exists(LABELS, False)
    with locked(dataset):
        rebuild(dataset, late.values("image_id"))
    return active_taxonomy(dataset).unmapped(late.count_values(f"{GROUND_TRUTH}.detections.label"))


def write(name: str, records: Iterable[ImageRecord], update: bool = False) -> Written:
    """Takes records into a dataset in this process; created where it is not there.

    Idempotent: a photo that is there with the same labels is left alone. One
    that differs is named in the result, and replaced with ``update``: labels
    that are the same keep their reviews.

    Raises:
        DatasetError: the name is that of somebody else's dataset
    """
    dataset = open_or_create(name)
    into, written = target(dataset, update), Written()
    for batch in batches(records):
        take(dataset, [intake.prepare(record, into) for record in batch], update, written)
    complete(dataset)
    return written


def _compare(dataset: fo.Dataset, changed: Mapping[str, dict]) -> list[Skip]:
    """What is new and gone in each photo."""
    changes = []
    for document in bulk.read(dataset, changed, [f"{GROUND_TRUTH}.detections._id"]):
        image_id = document["image_id"]
        old = {d["_id"] for d in bulk.detections(document, GROUND_TRUTH)}
        new = {d["_id"] for d in bulk.detections(changed[image_id], GROUND_TRUTH)}
        detail = f"{len(new - old)} labels new, {len(old - new)} gone, {len(new & old)} kept"
        changes.append(Skip(image_id, "photo updated", detail))
    return changes


def _keep_faults(dataset: fo.Dataset, replaced: Mapping[str, dict]) -> None:
    """Labels that stay keep what an audit found of them."""
    fields = [f"{GROUND_TRUTH}.detections.{name}" for name in ("_id", *ON_LABELS)]
    for document in bulk.read(dataset, replaced, fields):
        found = {d["_id"]: d for d in bulk.detections(document, GROUND_TRUTH)}
        for label in bulk.detections(replaced[document["image_id"]], GROUND_TRUTH):
            label.update(found.get(label["_id"], {}))
