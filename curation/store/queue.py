"""What a reviewer is asked about: suspects, and among them, unmarked, a sample and checks; then the
labels of a frozen test set; at the end labels that are less likely to be wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from heapq import nlargest
from operator import itemgetter
from typing import Any

from curation.issues.issue import SUSPECT
from curation.review import keys
from curation.review.suspect import Suspect, mix, worst_first
from curation.store import bulk, checks, database, frozen, samples, suspects
from curation.store.dataset import Dataset
from curation.store.fields import LABELS

SAMPLED_APART = 2
"""Suspects from one label of the sample to the next."""

LEAST = 200
"""As many are in a queue, while so many labels are undecided: fewer suspects are followed by
labels that are less likely to be wrong."""

_MORE = 4
"""Times as many photos are looked at, where the first ones do not tell."""

_OPEN = {"review_status": {"$in": ["", None]}, "error_score": {"$gte": 0, "$lt": SUSPECT}}
"""A condition of MongoDB on a label: scored, no suspect, and nobody decided on it."""


def read(
    dataset: Dataset, reviewer: str = "", image_ids: Collection[str] | None = None
) -> list[Suspect]:
    """The queue, worst first.

    Args:
        reviewer: who asks; empty for who is logged in
        image_ids: of these photos, and no others are read; None for all

    Raises:
        CurateError: the sample, the answers to checks or ``review.toml`` cannot be read
    """
    share = keys.checks(database.home())
    asked = go_on(dataset, suspects.read(dataset, image_ids), LEAST, image_ids)
    if left := _sample(dataset, image_ids):
        order = {key: rank for rank, key in enumerate(left)}
        drawn = suspects.of_labels(dataset, set(left.values()), left)
        asked = mix(asked, sorted(drawn, key=lambda s: order[s.id]), SAMPLED_APART)
    if share:
        count = round(share * len(asked)) if image_ids is None else None
        planted = checks.asked(dataset, reviewer, count, image_ids)
        asked = mix(asked, planted, round(1 / share))
    if test_set := frozen.read(dataset.folder):
        doubted = {s.id for s in asked if s.doubted}
        of_it = {s.id: s for s in suspects.of_test_set(dataset, test_set.photos, image_ids)}
        rest = [s for s in asked if s.doubted or s.id not in of_it]
        asked = worst_first([*rest, *(s for s in of_it.values() if s.id not in doubted)])
    return asked


def go_on(
    dataset: Dataset,
    found: Sequence[Suspect],
    least: int,
    image_ids: Collection[str] | None = None,
) -> list[Suspect]:
    """Suspects, and where they are fewer, labels that are less likely to be wrong after them.

    Args:
        found: the suspects, worst first
        least: how many there are to be, while so many labels are undecided
        image_ids: of these photos, of which all labels follow; None for all
    """
    known = {key for s in found for key in (s.id, s.also)}
    if image_ids is not None:
        rest = [d for photo in _photos(dataset, image_ids=image_ids) for d in photo["open"]]
    elif len(found) < least:
        rest = _likeliest(dataset, least - len(found), known)
    else:
        return list(found)
    photo_of = {str(d["_id"]): d["image_id"] for d in rest if str(d["_id"]) not in known}
    others = suspects.of_labels(dataset, set(photo_of.values()), photo_of)
    return worst_first([*found, *(replace(s, doubted=False) for s in others)])


def _likeliest(dataset: Dataset, count: int, known: Collection[str]) -> list[dict[str, Any]]:
    """The labels that are no suspects and most likely to be wrong, by their score.

    No label is more likely to be wrong than that anything is in its photo. So the photos are read
    from the worst one on, by the index, until no later one can have a label that belongs here.
    """
    limit = _MORE * count
    while True:
        photos = _photos(dataset, limit)
        there = (d for photo in photos for d in photo["open"] if str(d["_id"]) not in known)
        found = nlargest(count, there, key=itemgetter("error_score"))
        enough = len(found) == count and found[-1]["error_score"] >= photos[-1]["error_score"]
        if enough or len(photos) < limit:
            return found
        limit *= _MORE


def _photos(
    dataset: Dataset, limit: int = 0, image_ids: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """The photos with such a label, those first in which most likely something is wrong.

    Returns:
        of each ``error_score``, and ``open``: id, score and photo of those labels
    """
    match: dict[str, Any] = {
        "excluded": {"$ne": True}, f"{LABELS}.detections": {"$elemMatch": _OPEN},
    }  # fmt: skip
    if image_ids is not None:
        match["image_id"] = {"$in": list(image_ids)}
    scored = {"$and": [{"$gte": ["$$d.error_score", 0]}, {"$lt": ["$$d.error_score", SUSPECT]}]}
    labels = suspects.filtered(LABELS, {"$and": [suspects.UNDECIDED, scored]})
    named = {"_id": "$$d._id", "error_score": "$$d.error_score", "image_id": "$image_id"}
    steps: list[dict[str, Any]] = [{"$match": match}]
    if limit:
        steps += [{"$sort": {"error_score": -1}}, {"$limit": limit}]
    open_ = {"$map": {"input": labels, "as": "d", "in": named}}
    steps.append({"$project": {"error_score": 1, "open": open_}})
    return list(bulk.collection(dataset.samples).aggregate(steps))


def _sample(dataset: Dataset, image_ids: Collection[str] | None) -> dict[str, str]:
    """The photo of each label of the sample that nobody decided on, by its id, as they come."""
    sample = samples.read(dataset)
    if not sample or not samples.is_of(sample, dataset):
        return {}
    decided = dataset.review().decided
    return {
        key: photo
        for key, photo in sample.photos.items()
        if key not in decided and (image_ids is None or photo in image_ids)
    }
