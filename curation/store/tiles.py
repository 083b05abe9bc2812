"""Saved views of tiles: one for each label that a model doubts, to decide on many at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from curation.issues.issue import SUSPECT
from curation.store import bulk
from curation.store.dataset import Dataset
from curation.store.fields import LABELS
from curation.store.lazy import fo

SUSPECT_LABELS = "suspect labels, worst first"
SUSPECT_SOURCE_LABELS = "suspect source labels, worst first"

_SCORE = {SUSPECT_LABELS: "error_score", SUSPECT_SOURCE_LABELS: "source_error_score"}
_BESIDE = ["image_id"]
"""Fields of the photo that a tile has, too."""


def view(dataset: Dataset, name: str) -> fo.DatasetView:
    """The labels that nobody decided on and that a model doubts, worst first.

    Args:
        name: of the saved view
    """
    tiles = _doubted(dataset, name).to_patches(LABELS, other_fields=_BESIDE)
    return tiles.sort_by(f"{LABELS}.{_SCORE[name]}", reverse=True)


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
    database = bulk.collection(dataset.samples).database
    ours = {"_dataset_id": bulk.dataset_id(dataset.samples), "name": {"$in": list(_SCORE)}}
    for saved in database["views"].find(ours):
        for text in saved["view_stages"]:
            state = dict(json.loads(text)["kwargs"]).get("_state") or {}
            if fo.dataset_exists(state.get("name", "")):
                yield saved["name"], fo.load_dataset(state["name"])
