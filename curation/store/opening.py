"""A dataset is opened, and what a killed verb left behind is brought up to date.

Verbs write what was decided into the journal first, and labels with all that is counted of them
after it, each photo with one write. So a kill leaves photos that are as they were before, and
the dataset's note of what all labels were computed from as it was; then fingerprints and counts
tell which photos they are, without a mask being read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curation.core import atomic, console
from curation.core.errors import DatasetError
from curation.issues.issue import SUSPECT
from curation.review import Review
from curation.store import bulk, edits, labels, tiles, whole_photos
from curation.store.dataset import Dataset, exists, names, wrap
from curation.store.fields import LABELS
from curation.store.lazy import fo
from curation.store.suspects import MADE_LABELS, UNDECIDED, filtered, only


def open(name: str) -> Dataset:
    """A dataset that was imported by curate, up to its journal; the database starts here.

    Raises:
        DatasetError: no such dataset, or not one of ours
    """
    if not exists(name):
        there = ", ".join(names()) or "none yet"
        raise DatasetError(name, f"no such dataset (there are: {there}); run `curate import`")
    dataset = wrap(fo.load_dataset(name))
    renew(dataset)
    return dataset


def renew(dataset: Dataset) -> None:
    """Brings labels and counts up to the journal, and tiles up to the labels.

    An edit made in FiftyOne that is no label is said, and left: it is mended there, in the App.
    """
    for folder in (dataset.folder, *dataset.folder.glob("runs/*")):
        atomic.sweep(folder)
    if not dataset.has_taxonomy or dataset.is_current:
        return
    try:
        with dataset.locked():
            behind = list(stale(dataset))
            edits.adopt(dataset, behind)
            # Of what was built from the decisions of by now, the counts.
            labels.rebuild(dataset, list(stale(dataset, behind)))
            tiles.renew(dataset)
            dataset.note_current()
    except DatasetError as error:
        console.say(f"Not up to the journal: {error}", "yellow")


def stale(dataset: Dataset, image_ids: list[str] | None = None) -> Iterator[str]:
    """The photos whose labels or counts are not what they should be by now.

    Args:
        image_ids: that it may be; None for all
    """
    review, toml, flagged = dataset.review(), dataset.taxonomy_toml, dataset.flagged
    match: dict[str, Any] = {"labels_fingerprint": {"$ne": None}}
    if image_ids is not None:
        match["image_id"] = {"$in": image_ids}
    kept = ("image_id", "content_digest", "labels_fingerprint", "review_status", "excluded",
            "n_suspect", "n_source_suspect", *whole_photos.FIELDS)  # fmt: skip
    due = [
        _size(LABELS, {"$and": [UNDECIDED, {"$gte": [f"$$d.{score}", SUSPECT]}]})
        for score in ("error_score", "source_error_score")
    ]
    missing = only(filtered(f"missing_{flagged}", UNDECIDED), "label", "bounding_box")
    due_of = {"due": due, "missing": missing, "made": MADE_LABELS}
    steps = [{"$match": match}, {"$project": dict.fromkeys(kept, 1) | due_of}]
    for photo in bulk.collection(dataset.samples).aggregate(steps):
        counts = [photo.get(name) or 0 for name in ("n_suspect", "n_source_suspect")]
        doubted, of_source = photo["due"]
        missing_now = len(labels.still_missing(photo["missing"], photo["made"]))
        together = whole_photos.is_open_doubt(photo, review.on_photos.get(photo["image_id"]))
        counted = [doubted + missing_now + together, of_source]
        if _is_behind(photo, review, toml) or (flagged and counts != counted):
            yield photo["image_id"]


def _is_behind(photo: Mapping[str, Any], review: Review, toml: str) -> bool:
    """Whether the labels of a photo were built from something else than they would be now."""
    image_id, decided = photo["image_id"], review.of(photo["image_id"])
    now = labels.fingerprint(toml, photo.get("content_digest") or "", decided)
    return (photo["labels_fingerprint"], photo.get("review_status"), photo.get("excluded")) != (
        now, "decided" if decided else "", image_id in review.excluded,
    )  # fmt: skip


def _size(name: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    """An expression of MongoDB: how many labels in a field a condition holds for."""
    return {"$size": filtered(name, condition)}
