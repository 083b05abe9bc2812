"""The suspects of a dataset, what a reviewer sees of each, and what the model would draw."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core import rle
from curation.core.outlines import WHOLE, Ring, rings
from curation.core.rle import Rle
from curation.issues.issue import SUSPECT, ErrorType
from curation.review import Decision
from curation.review.suspect import FAULT, MISSING, PHOTO, SOURCE_LABEL, TEST_SET, Suspect, queue
from curation.store import bulk, documents
from curation.store.dataset import Dataset
from curation.store.decisions import photo_faults, seen_label, seen_photo
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
        "photo_faults": 1, "at_odds_with": 1,
        LABELS: filtered(LABELS, {"$and": [UNDECIDED, doubted]}),
    }  # fmt: skip
    if run:
        wanted[missing] = filtered(missing, UNDECIDED)
        wanted["made"] = MADE_LABELS
    without = {f"{name}.{key}": 0 for name in (LABELS, missing)
               for key in ("mask", "polygons", "attributes")}  # fmt: skip
    steps = [{"$match": match}, {"$project": wanted}, {"$project": without}]
    photos = bulk.collection(dataset.samples).aggregate(steps)
    said = dataset.review().on_photos
    return queue(s for photo in photos for s in _of(photo, missing, said.get(photo["image_id"])))


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
            photo, LABELS, d, _seen(photo, d),
            # The likeliest error, if it is one: a label without would stand out.
            kind=d.get("error_type") or ErrorType.WRONG_CATEGORY,
            score=d.get("error_score") or 0.0,
            suggested=_suggested(d),
            reason=d.get("reason") or "",
        )
        for photo in bulk.collection(dataset.samples).aggregate(steps)
        for d in photo[LABELS]
        if ids is None or str(d["_id"]) in ids
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
        yield _suspect(photo, LABELS, d, _seen(photo, d), **_doubt(d))
    for d in still_missing(photo.get(missing) or (), photo.get("made") or ()):
        yield _suspect(photo, missing, d, _seen(photo, d), kind=MISSING, score=d["confidence"],
                       suggested=d["label"], reason=d.get("reason") or "")  # fmt: skip
    reason = photo_faults(photo)
    if reason and (said is None or said.before != reason):
        kinds = [detail.partition(": ")[0] for detail in photo["photo_faults"]]
        whole = {"_id": photo["_id"], "label": "", "bounding_box": WHOLE, "faults": kinds}
        other = photo.get("at_odds_with") or ""
        yield _suspect(photo, PHOTO, whole, seen_photo(reason, said), kind=FAULT, score=0.0,
                       suggested="", reason=reason, other=other)  # fmt: skip


def _kind(d: Mapping[str, Any]) -> str:
    """What a model doubts of a label: its class or mask, else its source label; empty where it
    doubts neither."""
    if (d.get("error_score") or 0) >= SUSPECT:
        return d["error_type"]
    return SOURCE_LABEL if (d.get("source_error_score") or 0) >= SUSPECT else ""


def _doubt(d: Mapping[str, Any]) -> dict[str, Any]:
    """What is doubted of a label: what a model doubts, else an audit's fault."""
    kind = _kind(d)
    if kind == SOURCE_LABEL:
        return {"kind": kind, "score": d["source_error_score"], "suggested": d["label"],
                "suggested_source": d["suggested_source_label"],
                "reason": d["source_reason"]}  # fmt: skip
    if kind:
        return {"kind": kind, "score": d["error_score"], "reason": d["reason"],
                "suggested": _suggested(d)}  # fmt: skip
    return {"kind": FAULT, "score": 0.0, "suggested": "",
            "reason": "; ".join(d.get("fault_details") or ())}  # fmt: skip


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
        **doubt,
    )


def _seen(photo: Mapping[str, Any], d: Mapping[str, Any]) -> str:
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    mask = Rle(height, width, d["rle"].encode())
    return seen_label(d["label"], mask, d.get("review_status") or "")


def outlines(
    dataset: Dataset, wanted: Sequence[tuple[str, str, str, str]]
) -> dict[str, dict[str, Any]]:
    """What is drawn of suspects: the label, what would be right, and the labels around it.

    Args:
        wanted: label id, image id, field, and the class that is suggested (empty for none)

    Returns:
        by label id: ``own``, ``suggestion`` (rings), ``suggestion_label``, ``predicted`` (whether
        the model drew it, so that its mask can be taken), ``others`` (label and rings of each),
        and ``seen``; of a label that is gone, ``gone`` alone; of a photo, :func:`_of_photo`
    """
    fields = [LABELS, "metadata", "filepath", "photo_faults", "at_odds_with"]
    if run := dataset.flagged:
        fields += [f"missing_{run}", f"prediction_{run}"]
    photos = _by_id(bulk.read(dataset.samples, {w[1] for w in wanted}, fields))
    whole = [photos[w[1]] for w in wanted if w[2] == PHOTO and w[1] in photos]
    at_odds = {str(photo.get("at_odds_with") or "") for photo in whole}
    others = _by_id(bulk.read(dataset.samples, at_odds, fields))
    said = dataset.review().on_photos
    # Once a photo: several of its labels may be asked for at once.
    label_maps = {image_id: _label_map(photo, run) for image_id, photo in photos.items()}
    drawn = {image_id: _drawn(photo) for image_id, photo in photos.items()}
    classes = {c.name: c.id for c in dataset.taxonomy.classes}
    found: dict[str, dict[str, Any]] = {}
    for label_id, image_id, field, suggested in wanted:
        photo = photos.get(image_id, {})
        if field == PHOTO and photo:
            other = others.get(photo.get("at_odds_with") or "")
            seen = seen_photo(photo_faults(photo), said.get(image_id))
            found[label_id] = {**_of_photo(drawn[image_id], other), "seen": seen, "gone": False}
            continue
        there = bulk.detections(photo, field)
        own = next((d for d in there if str(d["_id"]) == label_id), None)
        if own is None:
            found[label_id] = {"gone": True}
            continue
        name = suggested if suggested in classes else own["label"]
        region = None
        if field == LABELS and (label_map := label_maps[image_id]) is not None:
            region = predicted_mask(label_map, classes.get(name, 0), own["bounding_box"])
        shape = drawn[image_id][label_id][1] if field == LABELS else _rings(own)
        suggestion = rings(region) if region is not None else []
        found[label_id] = {
            "own": shape,
            "suggestion": shape if field != LABELS else suggestion,
            "suggestion_label": name,
            "predicted": bool(suggestion),
            "others": _listed(x for key, x in drawn[image_id].items() if key != label_id),
            "seen": _seen(photo, own),
            "gone": False,
        }
    return found


def _by_id(photos: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {photo["image_id"]: photo for photo in photos}


def _drawn(photo: Mapping[str, Any]) -> dict[str, tuple[str, list[Ring]]]:
    """Class and rings of each label of a photo, by id."""
    return {str(d["_id"]): (d["label"], _rings(d)) for d in bulk.detections(photo, LABELS)}


def _of_photo(
    labels: Mapping[str, tuple[str, list[Ring]]], other: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What is drawn of a photo as a whole: its labels, and the photo that it is at odds with."""
    return {
        "own": [], "suggestion": [], "suggestion_label": "", "predicted": False,
        "others": _listed(labels.values()),
        "other": other and {
            "path": other["filepath"],
            "width": other["metadata"]["width"],
            "height": other["metadata"]["height"],
            "labels": _listed(_drawn(other).values()),
        },
    }  # fmt: skip


def _listed(labels: Iterable[tuple[str, list[Ring]]]) -> list[dict[str, Any]]:
    return [{"label": label, "rings": shape} for label, shape in labels]


def _rings(d: Mapping[str, Any]) -> list[Ring]:
    return rings(documents.unpack(d["mask"]), d["bounding_box"]) if d.get("mask") else []


def predicted(dataset: Dataset, image_id: str, label_id: str, category: str = "") -> Rle | None:
    """The mask that the flagged run's model sees where a label is, over the whole photo.

    Args:
        category: the class to look for; empty for the label's own

    Returns:
        None where the model sees nothing of that class there
    """
    run = dataset.flagged
    fields = [LABELS, "metadata", f"prediction_{run}"]
    photo = next(bulk.read(dataset.samples, [image_id], fields), {})
    own = next((d for d in bulk.detections(photo, LABELS) if str(d["_id"]) == label_id), None)
    label_map = _label_map(photo, run)
    if own is None or label_map is None:
        return None
    classes = {c.name: c.id for c in dataset.taxonomy.classes}
    class_id = classes.get(category or own["label"], 0)
    region = predicted_mask(label_map, class_id, own["bounding_box"])
    if not region.any():
        return None
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    # Linear, and cut at a half: nearest would draw the prediction's coarse steps.
    smooth = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return rle.encode(smooth > 0.5)


def predicted_mask(
    label_map: NDArray[np.uint8], class_id: int, box: Sequence[float]
) -> NDArray[np.bool_]:
    """The connected regions of a class in a prediction that reach into a box.

    Args:
        label_map: (H, W) class ids
        box: x, y, width, height, relative to the photo

    Returns:
        (H, W)
    """
    _, regions = cv2.connectedComponents((label_map == class_id).astype(np.uint8))
    height, width = label_map.shape
    x, y, w, h = box
    rows = slice(max(0, int(y * height)), int(np.ceil((y + h) * height)))
    columns = slice(max(0, int(x * width)), int(np.ceil((x + w) * width)))
    inside = np.unique(regions[rows, columns])
    return np.isin(regions, inside[inside > 0])


def _label_map(photo: Mapping[str, Any], run: str | None) -> NDArray[np.uint8] | None:
    """(H, W) class ids that a run predicted; None where it did not, or the file is no use."""
    path = Path((photo.get(f"prediction_{run}") or {}).get("mask_path") or "")
    try:
        with Image.open(path) as image:
            # One that somebody saved in colours has no class ids any more.
            return np.asarray(image) if image.mode in ("L", "P") else None
    except OSError:
        return None
