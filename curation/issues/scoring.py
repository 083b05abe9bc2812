"""Scores as issues that a person can read: what is wrong with a label, how sure, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pandas as pd

from curation.core import masks, rle
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.issues import whole_photo
from curation.issues.feature_table import FeatureTable, Scores
from curation.issues.issue import (
    SUSPECT,
    ErrorType,
    ImageScore,
    Issue,
    PhotoErrorType,
    PhotoIssue,
    digest,
)
from curation.issues.observation import judged
from curation.issues.pairing import paired


def image_scores(
    table: FeatureTable,
    scores: Scores,
    records: Mapping[str, ImageRecord],
    names: Sequence[str],
    run: str,
) -> Iterator[ImageScore]:
    """The issues of some photos, in the order of ``table.images``.

    Args:
        table, scores: as long as each other
        records: by image_id, as they were observed
        names: (K,) of the classes, background first
        run: goes into the ids of missing garments
    """
    given = _by_image(table.given.join(scores.instances))
    missing = _by_image(table.missing.join(scores.missing))
    photos = _by_image(table.photos.join(scores.photos))
    for image_id in table.images["image_id"]:
        record = records[image_id]
        instances = judged(record)
        of_labels = _rows(given, image_id)
        outlines = [instances[int(row["index"])].mask for row in of_labels]
        issues = [_issue(row, record, instances[int(row["index"])], names) for row in of_labels]
        issues += [
            _missing(row, record, names, run)
            for row in _rows(missing, image_id)
            if row["error_score"] >= SUSPECT
        ]
        whole = next((_whole(row) for row in _rows(photos, image_id) if row["error_type"]), None)
        together = 1 - whole.error_score if whole else 1.0
        if together <= 1 - SUSPECT:
            # What is wrong with all labels at once explains what seems wrong with each.
            issues = [replace(x, error_score=x.error_score * together) for x in issues]
            issues = [x for x in issues if x.mask is None or x.error_score >= SUSPECT]
        correct = together * np.prod([1 - issue.error_score for issue in issues])
        garments = issues[len(outlines) :]
        issues = paired(issues[: len(outlines)], outlines, garments)
        yield ImageScore(image_id, float(1 - correct), tuple(issues), whole)


def _by_image(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(image_id): rows for image_id, rows in frame.groupby("image_id", sort=False)}


def _rows(frames: Mapping[str, pd.DataFrame], image_id: str) -> list[dict]:
    return frames[image_id].to_dict("records") if image_id in frames else []


def _whole(row: Mapping) -> PhotoIssue:
    error_type = PhotoErrorType(row["error_type"])
    if row.get(f"gain_{error_type}", 0.0) < FLOOR:
        error_type = PhotoErrorType.ANOTHER_PHOTO  # nothing that was tried would mend them
    transform = whole_photo.transform_of(row, error_type)
    return PhotoIssue(
        float(row["error_score"]),
        str(error_type),
        photo_reason(row, error_type),
        str(transform) if transform else "",
    )


def photo_reason(row: Mapping[str, float], error_type: PhotoErrorType) -> str:
    """Why all labels of a photo together are suspect.

    Args:
        row: its features, see :func:`curation.issues.whole_photo.features`

    >>> row = {"fit": 0.18, "fit_mirrored labels": 0.71}
    >>> photo_reason(row, PhotoErrorType.MIRRORED)
    'its labels would fit mirrored: agreement with the model 0.18 as given, 0.71 mirrored'
    """
    given = f"{row['fit']:.2f}" if row["fit"] >= FLOOR else "next to none"
    if error_type is PhotoErrorType.ANOTHER_PHOTO:
        return f"are its labels of another photo? agreement with the model: {given}"
    how = {
        PhotoErrorType.MIRRORED: "mirrored",
        PhotoErrorType.TURNED: "turned by 180 degrees",
        PhotoErrorType.MOVED: "moved",
        PhotoErrorType.SCALED: "at another size",
    }[error_type]
    then = f"{row[f'fit_{error_type}']:.2f} {how}"
    return f"its labels would fit {how}: agreement with the model {given} as given, {then}"


def _issue(row: Mapping, record: ImageRecord, instance: Instance, names: Sequence[str]) -> Issue:
    error_type = ErrorType(row["error_type"])
    suggested = instance.category
    if error_type is ErrorType.WRONG_CATEGORY:
        suggested = names[int(row["other"])]
    elif error_type is ErrorType.SPURIOUS:
        suggested = names[0]
    return Issue(
        record.image_id,
        instance.instance_id,
        instance.source,
        instance.category,
        float(row["error_score"]),
        str(error_type),
        suggested,
        reason(row, error_type, instance.category, names),
        digest=digest(instance),
        **_source(row, instance.source_label),
    )


def _source(row: Mapping, given: str) -> dict:
    """What is said of the source label."""
    score, other = row.get("source_error_score"), row.get("suggested_source_label")
    if score is None or np.isnan(score):
        return {"source_label": given}
    probabilities = f"at {row['suggested_source_p']:.2f}; {given} at {row['source_p']:.2f}"
    return {
        "source_label": given,
        "source_error_score": float(score),
        "suggested_source_label": other,
        "source_reason": f"labelled {given}; it looks like {other} {probabilities}",
    }


FLOOR = 0.05
"""Of a share of a label, of its size or of its area: less is no reason to give."""

LEAST_SURE = 0.1
"""Of a probability, the same."""

MOSTLY = 0.5
"""Of a missing garment: from there on it is said what it is labelled instead."""


def reason(
    row: Mapping[str, float], error_type: ErrorType, given: str, names: Sequence[str]
) -> str:
    """Why a label is suspect, for the person who reviews it.

    A figure below :data:`FLOOR` or :data:`LEAST_SURE` is not quoted: what made the score is
    another thing then, and is said in words.

    Args:
        row: its features, see :mod:`curation.issues.instance_features`
        error_type: what would be wrong with it; not ``missing``
        given: its class
        names: (K,) of the classes, background first

    >>> row = {"iou_same_class": 0.9}
    >>> reason(row, ErrorType.DUPLICATED, "shoes", ["background", "shoes"])
    'labelled shoes; another shoes lies on it (IoU 0.90)'
    """
    sentence = {
        ErrorType.WRONG_CATEGORY: _wrong_category,
        ErrorType.SPURIOUS: _spurious,
        ErrorType.SHIFTED: _shifted,
        ErrorType.BAD_BOUNDARY: _bad_boundary,
        ErrorType.MERGED: _merged,
        ErrorType.DUPLICATED: _duplicated,
    }[error_type]
    return f"labelled {given}; {sentence(row, given, names)}"


def _sees(name: str, p: float, share: float, where: str) -> str:
    """What the model sees in a label; empty where that is next to nothing."""
    if p < LEAST_SURE or share < FLOOR:
        return ""
    return f"the model sees {name} at {p:.2f} {where} {share:.0%} of it"


def _wrong_category(row: Mapping[str, float], given: str, names: Sequence[str]) -> str:
    other = names[int(row["other"])]
    seen = _sees(other, row["p_other"], row["share_other"], "over")
    return seen or f"it is unlike what the model knows as {given}; {other} comes nearest"


def _spurious(row: Mapping[str, float], given: str, names: Sequence[str]) -> str:
    if row["share_background"] >= row["share_other"]:
        seen = _sees("background", row["p_background"], row["share_background"], "over")
        return seen or f"the model does not know it as {given} or as any other garment"
    other = names[int(row["other"])]
    if row["p_other"] < LEAST_SURE or row["share_other"] < FLOOR:
        return "the model sees none here"
    told = f"{other} at {row['p_other']:.2f} over {row['share_other']:.0%} of it"
    return f"the model sees none here but {told}"


def _shifted(row: Mapping[str, float], given: str, names: Sequence[str]) -> str:
    far = row["fit_distance"]
    away = f"{far:.0%} of its own size away" if far >= FLOOR else "a little aside"
    return f"it would fit what the model sees better {away}"


def _bad_boundary(row: Mapping[str, float], given: str, names: Sequence[str]) -> str:
    inside, around = row["share_own"], row["goes_on"]
    seen = f"{given} in {inside:.0%} of it" if inside >= FLOOR else f"hardly any {given} in it"
    if around >= FLOOR:
        return f"the model sees {seen}, and {around:.0%} of its area more around it"
    if inside >= 1 - FLOOR:
        return "it lies within what the model sees, and its edge runs elsewhere"
    return f"the model sees {seen}, and none around it"


def _merged(row: Mapping[str, float], given: str, names: Sequence[str]) -> str:
    other = names[int(row["piece_class"])]
    seen = _sees(other, row["piece_p"], row["piece"], "in")
    return seen or "its outline is more like that of two garments"


def _duplicated(row: Mapping[str, float], given: str, names: Sequence[str]) -> str:
    iou = row["iou_same_class"]
    return (
        f"another {given} lies on it (IoU {iou:.2f})"
        if iou >= FLOOR
        else f"another {given} lies beside it"
    )


def _missing(row: Mapping, record: ImageRecord, names: Sequence[str], run: str) -> Issue:
    name = names[int(row["class_id"])]
    small = rle.decode(rle.parse(row["mask"]))
    mask = rle.encode(masks.resize_nearest(small, record.height, record.width))
    text = f"{run}\0{record.image_id}\0{name}\0".encode() + mask.counts
    there = _labelled(mask, record) if row["unlabelled"] < MOSTLY else ""
    p = f"{row['p']:.2f}"
    reason = f"nothing is labelled {name} here; the model sees it at {p}"
    if there:
        reason = f"labelled {there} here; the model sees {name} at {p}"
    return Issue(
        record.image_id,
        blake2b(text, digest_size=12).hexdigest(),
        f"run:{run}",
        "",
        float(row["error_score"]),
        str(ErrorType.MISSING),
        name,
        reason,
        mask=mask,
    )


def _labelled(mask: Rle, record: ImageRecord) -> str:
    """The class of the label that most of a mask lies under; empty where none covers so much."""
    covered: Counter[str] = Counter()
    for instance in judged(record):
        covered[instance.category] += rle.intersection(instance.mask, mask)
    most = max(covered, key=covered.__getitem__, default="")
    return most if most and covered[most] >= MOSTLY * rle.area(mask) else ""
