"""The suspects of a dataset, and what a reviewer sees of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from curation.core.outlines import WHOLE
from curation.core.rle import Rle
from curation.issues.issue import SUSPECT, ErrorType
from curation.review import Decision
from curation.review.suspect import FAULT, MISSING, PHOTO, SOURCE_LABEL, TEST_SET, Suspect, queue
from curation.store import bulk, whole_photos
from curation.store.dataset import Dataset
from curation.store.decisions import seen_label
from curation.store.fields import GROUND_TRUTH, LABELS
from curation.store.labels import MADE, still_missing


def only(labels: Mapping[str, Any], *names: str) -> dict:
    """An expression of MongoDB: of each label these attributes alone."""
    return {"$map": {"input": labels, "as": "d", "in": {name: f"$$d.{name}" for name in names}}}


def filtered(name: str, condition: Mapping[str, Any]) -> dict:
    """An expression of MongoDB: the labels in a field that a condition on ``$$d`` holds for."""
    labels = {"$ifNull": [f"${name}.detections", []]}
    return {"$filter": {"input": labels, "as": "d", "cond": condition}}


UNDECIDED = {"$in": [{"$ifNull": ["$$d.review_status", ""]}, ["", None]]}
"""A condition of MongoDB on ``$$d``, a label or a missing garment."""

MADE_LABELS = only(
    filtered(LABELS, {"$in": ["$$d.review_status", list(MADE)]}),
    "label", "bounding_box", "review_status",
)  # fmt: skip
"""An expression of MongoDB: the labels of a photo that reviewers made what they are."""

_AT_FAULT = {"$in": [{"$ifNull": ["$$d.severity", ""]}, ["error", "warning"]]}


def read(dataset: Dataset, image_ids: Iterable[str] | None = None) -> list[Suspect]:
    """What nobody decided on, worst first, without reading a mask.

    Args:
        image_ids: of these photos; None for all
    """
    return queue(every(dataset, image_ids))


def every(dataset: Dataset, image_ids: Iterable[str] | None = None) -> Iterator[Suspect]:
    """The same in no order, where a label and a missing garment at its place are two."""
    run = dataset.flagged
    missing = f"missing_{run}"
    counters = [{name: {"$gt": 0}} for name in ("n_suspect", "n_source_suspect", "n_faults")]
    match: dict[str, Any] = {"excluded": {"$ne": True}, "$or": counters}
    if image_ids is not None:
        match["image_id"] = {"$in": list(image_ids)}
    doubted = {"$or": [
        {"$gte": ["$$d.error_score", SUSPECT]},
        {"$gte": ["$$d.source_error_score", SUSPECT]},
        _AT_FAULT,
    ]}  # fmt: skip
    wanted: dict[str, Any] = {
        "image_id": 1, "filepath": 1, "metadata": 1, "split": 1, "fold": 1,
        **dict.fromkeys(whole_photos.FIELDS, 1),
        LABELS: filtered(LABELS, {"$and": [UNDECIDED, doubted]}),
    }  # fmt: skip
    if run:
        wanted[missing] = filtered(missing, UNDECIDED)
        wanted["made"] = MADE_LABELS
    without = {
        f"{name}.{key}": 0
        for name in (LABELS, missing)
        for key in ("mask", "polygons", "attributes", "suggested_mask", "second_mask")
    }
    steps = [{"$match": match}, {"$project": wanted}, {"$project": without}]
    photos = bulk.collection(dataset.samples).aggregate(steps)
    said = dataset.review().on_photos
    return (s for photo in photos for s in _of(photo, missing, said.get(photo["image_id"])))


def of_labels(
    dataset: Dataset,
    image_ids: Collection[str],
    ids: Collection[str] | None,
    condition: Mapping[str, Any] = UNDECIDED,
) -> list[Suspect]:
    """Labels, whether or not they are doubted, as the queue has them.

    Args:
        image_ids: their photos; excluded ones are left out
        ids: of the labels; None for all of these photos
        condition: of MongoDB, on ``$$d``
    """
    wanted = ["_id", "label", "rle", "bounding_box", "source", "source_label", "error_score",
              "error_type", "suggested_label", "reason", "faults"]  # fmt: skip
    project = dict.fromkeys(("image_id", "filepath", "metadata", "split", "fold"), 1)
    steps: list[dict[str, Any]] = [
        {"$match": {"image_id": {"$in": list(image_ids)}, "excluded": {"$ne": True}}},
        {"$project": project | {LABELS: only(filtered(LABELS, condition), *wanted)}},
    ]
    return [
        _suspect(
            photo, LABELS, d, seen(photo, d),
            # The likeliest error, if it is one: a label without would stand out.
            kind=d.get("error_type") or ErrorType.WRONG_CATEGORY,
            score=d.get("error_score") or 0.0,
            suggested=_suggested(d),
            reason=d.get("reason") or "",
        )
        for photo in bulk.collection(dataset.samples).aggregate(steps)
        for d in photo[LABELS]
        # One that was just drawn in FiftyOne's editor has none: a decision as soon as it is found.
        if "rle" in d and (ids is None or str(d["_id"]) in ids)
    ]  # fmt: skip


def of_test_set(
    dataset: Dataset, hashes: Collection[str], image_ids: Collection[str] | None = None
) -> list[Suspect]:
    """Labels of a frozen test set that nobody decided on: a person checks each, doubted or not.

    Args:
        hashes: of its photos
        image_ids: of these photos alone; None for all
    """
    where = {} if image_ids is None else {"image_id": {"$in": list(image_ids)}}
    photos = bulk.collection(dataset.samples).find(where, {"image_id": 1, "photo_hash": 1})
    image_ids = [photo["image_id"] for photo in photos if photo.get("photo_hash") in hashes]
    about = "in the frozen test set: is its class right, and its outline?"
    return [
        replace(s, kind=TEST_SET, score=0.0, suggested="", reason=about)
        for s in of_labels(dataset, image_ids, None)
    ]


def _suggested(d: Mapping[str, Any]) -> str:
    """The class that a label looks like; empty where it looks like background."""
    return "" if d.get("error_type") == ErrorType.SPURIOUS else d.get("suggested_label") or ""


def kinds(dataset: Dataset) -> dict[str, str]:
    """What was doubted of the labels and missing garments of decided photos, by label id; of the
    photos themselves, by image_id.

    Whether or not they were decided on themselves, and without reading a mask. What the flagged
    run doubts of a label as a reviewer left it is no doubt that this reviewer answered.
    """
    run = dataset.flagged
    changed = {"$in": [{"$ifNull": ["$$d.review_status", ""]}, ["relabelled", "redrawn"]]}
    of_label = ("_id", "error_score", "source_error_score")
    wanted: dict[str, Any] = {
        "image_id": 1,
        "scores": 1,
        "photo_faults": 1,
        "photo_error_score": 1,
        "photo_error_type": 1,
        LABELS: only(filtered(LABELS, changed), *of_label),
        GROUND_TRUTH: only(filtered(GROUND_TRUTH, _AT_FAULT), "_id"),
        MISSING: f"$missing_{run}.detections._id",
    }
    steps = [{"$match": {"review_status": "decided"}}, {"$project": wanted}]
    found: dict[str, str] = {}
    for photo in bulk.collection(dataset.samples).aggregate(steps):
        after = {str(d["_id"]): d for d in photo[LABELS]}
        found |= {str(d["_id"]): FAULT for d in photo[GROUND_TRUTH]}
        if photo.get("photo_faults"):
            found[photo["image_id"]] = FAULT
        if (photo.get("photo_error_score") or 0) >= SUSPECT:
            found[photo["image_id"]] = photo["photo_error_type"]
        for key, scored in (photo.get("scores") or {}).items():
            kind = _kind(scored)
            score = "source_error_score" if kind == SOURCE_LABEL else "error_score"
            if kind and after.get(key, {}).get(score) is None:
                found[key] = kind
        found |= {str(key): MISSING for key in photo.get(MISSING) or ()}
    return found


def _of(photo: Mapping[str, Any], missing: str, said: Decision | None) -> Iterator[Suspect]:
    """The suspects of a photo, about which was said something as a whole, or nothing."""
    for d in photo[LABELS]:
        yield _suspect(photo, LABELS, d, seen(photo, d), **_doubt(d))
    for d in still_missing(photo.get(missing) or (), photo.get("made") or ()):
        yield _suspect(photo, missing, d, seen(photo, d), kind=MISSING, score=d["confidence"],
                       suggested=d["label"], reason=d.get("reason") or "")  # fmt: skip
    if whole_photos.is_open(photo, said):
        kinds = [detail.partition(": ")[0] for detail in photo.get("photo_faults") or ()]
        whole = {"_id": photo["_id"], "label": "", "bounding_box": WHOLE, "faults": kinds,
                 "at_odds_with": photo.get("at_odds_with")}  # fmt: skip
        doubt, how = photo.get("photo_doubt"), photo.get("suggested_transform") or ""
        yield _suspect(
            photo, PHOTO, whole, whole_photos.seen(photo, said),
            kind=doubt or FAULT,
            score=photo["photo_error_score"] if doubt else 0.0,
            suggested=how if doubt else "",
            reason=whole_photos.reason(photo),
        )  # fmt: skip


def _kind(d: Mapping[str, Any]) -> str:
    """What a model doubts of a label: its class or mask, else its source label; empty where it
    doubts neither."""
    if (d.get("error_score") or 0) >= SUSPECT:
        return d["error_type"]
    return SOURCE_LABEL if (d.get("source_error_score") or 0) >= SUSPECT else ""


def _doubt(d: Mapping[str, Any]) -> dict[str, Any]:
    """What is doubted of a label: what a model doubts, else an audit's fault. Both say why."""
    kind, faults = _kind(d), d.get("fault_details") or ()
    if kind == SOURCE_LABEL:
        return {"kind": kind, "score": d["source_error_score"], "suggested": d["label"],
                "suggested_source": d["suggested_source_label"],
                "reason": "; ".join([d["source_reason"], *faults])}  # fmt: skip
    if kind:
        return {"kind": kind, "score": d["error_score"], "suggested": _suggested(d),
                "reason": "; ".join([d["reason"], *faults])}  # fmt: skip
    return {"kind": FAULT, "score": 0.0, "suggested": "", "reason": "; ".join(faults)}


def _suspect(
    photo: Mapping[str, Any], field: str, d: Mapping[str, Any], seen: str, *,
    suggested_source: str = "", **doubt: Any,
) -> Suspect:  # fmt: skip
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    x, y, w, h = d["bounding_box"]
    return Suspect(
        id=str(d["_id"]),
        image_id=photo["image_id"],
        sample=str(photo["_id"]),
        path=photo["filepath"],
        width=width,
        height=height,
        field=field,
        label=d["label"],
        source_label=d.get("source_label") or "",
        source=d.get("source") or "",
        box=(x, y, w, h),
        suggested_source=suggested_source,
        split=photo.get("split") or "",
        fold=photo.get("fold"),
        faults=tuple(d.get("faults") or ()),
        also="",
        seen=seen,
        other=d.get("at_odds_with") or "",
        **doubt,
    )


def seen(photo: Mapping[str, Any], d: Mapping[str, Any]) -> str:
    """See :func:`curation.store.decisions.seen_label`; of documents."""
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    mask = Rle(height, width, d["rle"].encode())
    return seen_label(d["label"], mask, d.get("review_status") or "")
