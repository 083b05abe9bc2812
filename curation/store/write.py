"""Photos of an annotation file into a dataset: new ones, and what a corrected file changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bson import decode

from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord
from curation.store import bulk, edits, prepare
from curation.store.dataset import Dataset, batches, open_or_create
from curation.store.fields import FAULTS_ON_LABELS, GROUND_TRUTH, LABELS
from curation.store.import_report import Imported
from curation.store.labels import rebuild
from curation.store.prepare import PreparedImage, Status, Target

_COMPUTED = ("photo_hash", "perceptual_hash", "thumbnail", "crop_hashes", LABELS, "labels_digest",
             "labels_fingerprint", "n_suspect", "n_source_suspect")  # fmt: skip
"""What is computed from a photo and its labels: void once they change."""

_AUDITED = ("faults", "fault_details", "n_faults", "n_errors", "photo_faults", "at_odds_with")
"""What an audit found of a photo and of its labels together."""


def target(dataset: Dataset, update: bool) -> Target:
    """What the workers have to know of the dataset."""
    columns = dataset.samples.values(["image_id", "content_digest", "location_digest"])
    known = {i: (content or "", where or "") for i, content, where in zip(*columns, strict=True)}
    return Target(bulk.dataset_id(dataset.samples), known, update)


def write_batch(
    dataset: Dataset, images: Sequence[PreparedImage], update_by: str, done: Imported
) -> None:
    """Writes a slice of photos, each as a whole or not at all, and counts them in ``done``.

    Photos that are changed lose their ``labels`` until :func:`fill_labels`.

    Args:
        update_by: the state of the file that photos are updated by, for
            :func:`update_notes`; empty where changed photos stay as they are
    """
    added, changed, moved = [], {}, {}
    for image in images:
        done.instances += image.instances
        if image.status is Status.ADDED:
            added.append(image.document)
            done.added.append(image.image_id)
        elif image.status is Status.CHANGED and update_by:
            changed[image.image_id] = decode(image.document)
            done.updated.append(image.image_id)
        elif image.status is Status.CHANGED:
            done.differing.append(image.image_id)
        else:
            done.unchanged.append(image.image_id)
            if image.status is Status.MOVED:
                moved[image.image_id] = decode(image.document)
    bulk.insert(dataset.samples, added)
    if not (changed or moved):
        return
    with dataset.locked():
        if dataset.has_taxonomy:
            # Made in FiftyOne, and about to be replaced.
            edits.adopt(dataset, changed | moved)
        _keep_faults(dataset, moved)
        for image_id, note in _compare(dataset, changed).items():
            noted = {"updated_by": update_by, "update_note": note}
            changed[image_id] |= noted | {name: None for name in _AUDITED if dataset.has(name)}
        void = {name: None for name in _COMPUTED if dataset.has(name)}
        for replaced in (moved, changed):  # a bulk update has the same fields in each photo
            bulk.update(dataset.samples, {i: fields | void for i, fields in replaced.items()})


def update_notes(dataset: Dataset, update_by: str) -> list[Finding]:
    """What a file in this state has changed, in this process or in one that was killed."""
    noted = dataset.samples.match({"updated_by": update_by})
    pairs = zip(*noted.values(["image_id", "update_note"]), strict=True)
    return [Finding(FindingKind.UPDATED, image_id, note) for image_id, note in sorted(pairs)]


def fill_labels(dataset: Dataset) -> dict[str, int]:
    """Computes ``labels`` of photos that have none yet, where the dataset has a taxonomy.

    Returns:
        source labels that the taxonomy does not speak of, with their number: photos
        with one wait for a remap
    """
    if not dataset.has_taxonomy:
        return {}
    dataset.declare_labels()
    late = dataset.samples.exists(LABELS, False)
    with dataset.locked():
        rebuild(dataset, late.values("image_id"))
    return dataset.taxonomy.unmapped(late.count_values(f"{GROUND_TRUTH}.detections.label"))


def write(name: str, records: Iterable[ImageRecord], update: bool = False) -> Imported:
    """Takes records into a dataset in this process; created where it is not there.

    Idempotent: a photo that is there with the same labels is left alone. One
    that differs is named in the result, and replaced with ``update``: labels
    that are the same keep their reviews.

    Raises:
        DatasetError: the name is that of somebody else's dataset
    """
    dataset = open_or_create(name)
    into, done = target(dataset, update), Imported()
    for batch in batches(records):
        images = [prepare.prepare(record, into) for record in batch]
        write_batch(dataset, images, "records" if update else "", done)
    fill_labels(dataset)
    return done


def _compare(dataset: Dataset, changed: Mapping[str, dict]) -> dict[str, str]:
    """How many labels are new and gone in each photo."""
    notes = {}
    for document in bulk.read(dataset.samples, changed, [f"{GROUND_TRUTH}.detections._id"]):
        image_id = document["image_id"]
        old = {d["_id"] for d in bulk.detections(document, GROUND_TRUTH)}
        new = {d["_id"] for d in bulk.detections(changed[image_id], GROUND_TRUTH)}
        added, gone, kept = len(new - old), len(old - new), len(new & old)
        notes[image_id] = f"labels: {added} new, {gone} gone, {kept} kept"
    return notes


def _keep_faults(dataset: Dataset, replaced: Mapping[str, dict]) -> None:
    """Photos whose labels are the same keep what an audit found of them."""
    fields = [
        f"{GROUND_TRUTH}.detections.{name}" for name in ("_id", *(f.name for f in FAULTS_ON_LABELS))
    ]
    for document in bulk.read(dataset.samples, replaced, fields):
        found = {d["_id"]: d for d in bulk.detections(document, GROUND_TRUTH)}
        for label in bulk.detections(replaced[document["image_id"]], GROUND_TRUTH):
            label.update(found.get(label["_id"], {}))
