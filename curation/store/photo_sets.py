"""Sets of photos by what FiftyOne keeps of them: saved views, tags, scores of their labels."""

from __future__ import annotations

import re
from collections.abc import Iterable

from curation.core.errors import DatasetError
from curation.store import bulk
from curation.store.dataset import Dataset
from curation.store.fields import GROUND_TRUTH, LABELS


def of_view(dataset: Dataset, name: str) -> set[str]:
    """The photos in a saved view, by image_id; of a view of tiles, those they are of.

    Raises:
        DatasetError: no such view, with those there are
    """
    if not dataset.samples.has_saved_view(name):
        raise _unknown(dataset, "saved view", name, dataset.samples.list_saved_views())
    view = dataset.samples.load_saved_view(name)
    if "image_id" in view.get_field_schema():
        return set(view.values("image_id"))
    return set(dataset.samples.select(view.values("sample_id")).values("image_id"))


def of_tag(dataset: Dataset, tag: str) -> set[str]:
    """The photos with a tag, by image_id.

    Raises:
        DatasetError: no photo has it, with the tags there are
    """
    found = dataset.samples.match_tags(tag).values("image_id")
    if not found:
        raise _unknown(dataset, "tag", tag, dataset.samples.distinct("tags"))
    return set(found)


def of_suspects(dataset: Dataset, score: float) -> set[str]:
    """The photos with a label of this ``error_score`` or more that nobody decided on."""
    doubted = {"error_score": {"$gte": score}, "review_status": {"$in": ["", None]}}
    query = {f"{LABELS}.detections": {"$elemMatch": doubted}}
    return set(bulk.collection(dataset.samples).distinct("image_id", query))


def comes_from(dataset: Dataset, file: str) -> bool:
    """Whether a label was imported from an annotation file of this name."""
    return (
        dataset.count({f"{GROUND_TRUTH}.detections.source": {"$regex": f"^{re.escape(file)}:"}}) > 0
    )


def _unknown(dataset: Dataset, what: str, name: str, known: Iterable[str]) -> DatasetError:
    there = ", ".join(map(repr, sorted(known)))
    has = f"there are {there}" if there else "it has none"
    return DatasetError(dataset.name, f"has no {what} {name!r}; {has}")
