"""Saved views of tiles: one for each label that a model doubts, to decide on many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from curation.issues.issue import SUSPECT
from curation.store import bulk, saved
from curation.store.dataset import Dataset, declare
from curation.store.fields import FAULTS_ON_LABELS, LABELS
from curation.store.lazy import fo

SUSPECT_LABELS = "suspect labels, worst first"
SUSPECT_SOURCE_LABELS = "suspect source labels, worst first"

_ABOUT = {
    SUSPECT_LABELS: "one tile for each label that the model doubts, to decide on many at once",
    SUSPECT_SOURCE_LABELS: "one tile for each label that looks like another source label of its "
    "class",
}
_SCORE = {SUSPECT_LABELS: "error_score", SUSPECT_SOURCE_LABELS: "source_error_score"}
_COUNTER = {SUSPECT_LABELS: "n_suspect", SUSPECT_SOURCE_LABELS: "n_source_suspect"}
_BESIDE = ["image_id"]
"""Fields of the photo that a tile has, too."""


def _make(dataset: Dataset, name: str) -> fo.DatasetView:
    """The labels that nobody decided on and that a model doubts, worst first.

    Args:
        name: of the saved view
    """
    _drop_unsaved(dataset)
    tiles = _doubted(dataset, name).to_patches(LABELS, other_fields=_BESIDE)
    return tiles.sort_by(f"{LABELS}.{_SCORE[name]}", reverse=True)


def save_views(dataset: Dataset) -> None:
    """Saves a view for each score; :func:`update` keeps the tiles of those that are there."""
    for name, about in _ABOUT.items():
        saved.save_view(dataset, name, about, partial(_make, dataset, name))
    # What an audit found came after the tiles, perhaps: without these the App cannot filter by it.
    audited = {
        f"{LABELS}.{field.name}": field
        for field in FAULTS_ON_LABELS
        if dataset.samples.get_field(f"{LABELS}.detections.{field.name}")
    }
    for _, copies in _copies(dataset):
        declare(copies, audited)


def renew(dataset: Dataset) -> None:
    """Makes those tiles anew that a kill left behind their labels."""
    photos = bulk.collection(dataset.samples)
    for name, copies in _copies(dataset):
        score, of_labels = _SCORE[name], f"{LABELS}.detections"
        read = ("image_id", *(f"{of_labels}.{key}" for key in ("_id", score, "review_status")))
        doubted: list[dict[str, Any]] = [
            {"$match": {"excluded": {"$ne": True}, _COUNTER[name]: {"$gt": 0}}},
            {"$project": dict.fromkeys(read, 1)},
            {"$unwind": f"${of_labels}"},
            {"$match": {f"{of_labels}.{score}": {"$gte": SUSPECT},
                        f"{of_labels}.review_status": ""}},
            {"$project": {"_id": f"${of_labels}._id", "image_id": 1}},
        ]  # fmt: skip
        due = {(label["_id"], label["image_id"]) for label in photos.aggregate(doubted)}
        made = bulk.collection(copies).find({}, {"image_id": 1})
        if differing := due ^ {(tile["_id"], tile["image_id"]) for tile in made}:
            with dataset.locked():
                update(dataset, {image_id for _, image_id in differing})


def update(dataset: Dataset, image_ids: Collection[str]) -> None:
    """Makes the tiles of some photos anew.

    FiftyOne keeps tiles as copies of the labels, and shows those again whatever was decided
    since. To have it make all of them anew takes as long as there are labels, and fails where two
    questions of the App ask for that at once.
    """
    import fiftyone.core.patches as fop

    photos = bulk.collection(dataset.samples)
    for name, copies in _copies(dataset):
        of = {"image_id": {"$in": list(image_ids)}}
        changed = _doubted(dataset, name, of)
        ids = [photo["_id"] for photo in photos.find(of, {"_id": 1})]
        bulk.collection(copies).delete_many({"_sample_id": {"$in": ids}})
        fop._add_samples(copies, fop._make_patches_view(changed, LABELS, other_fields=_BESIDE))


def _doubted(dataset: Dataset, name: str, of: dict[str, Any] | None = None) -> fo.DatasetView:
    """Photos with the labels alone that a tile is made of.

    Args:
        of: a query of MongoDB that the photos match
    """
    doubted = fo.ViewField(_SCORE[name]) >= SUSPECT
    undecided = fo.ViewField("review_status") == ""
    kept = dataset.samples.match({"excluded": {"$ne": True}, **(of or {})})
    return kept.filter_labels(LABELS, doubted & undecided)


def _copies(dataset: Dataset) -> Iterator[tuple[str, fo.Dataset]]:
    """Name of the saved view, and what FiftyOne keeps of its tiles, where it does."""
    listed = bulk.read_dataset(dataset.samples, "saved_views") or []
    ours = {"_id": {"$in": listed}, "name": {"$in": list(_SCORE)}}
    for document in bulk.collection(dataset.samples).database["views"].find(ours):
        for name in saved.generated(document):
            yield document["name"], fo.load_dataset(name)


def _drop_unsaved(dataset: Dataset) -> None:
    """Deletes tiles that were made, and whose view was not saved before a kill."""
    photos = bulk.collection(dataset.samples)
    database = photos.database
    views = database["views"].find({"_dataset_id": bulk.dataset_id(dataset.samples)})
    unsaved = {
        "name": {"$nin": [name for view in views for name in saved.generated(view)]},
        "sample_collection_name": {"$regex": r"^patches\."},
        "sample_fields.name": {"$all": [LABELS, *_BESIDE]},
    }
    for found in database["datasets"].find(unsaved):
        tile = database[found["sample_collection_name"]].find_one({}, {"_sample_id": 1})
        if tile and photos.find_one({"_id": tile["_sample_id"]}, {"_id": 1}):
            fo.delete_dataset(found["name"])
