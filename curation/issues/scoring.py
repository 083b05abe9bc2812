"""Scores as rows that a person can read: what is wrong with a label, how sure, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.core import masks, rle
from curation.core.records import ImageRecord
from curation.core.taxonomy import IGNORE
from curation.issues.feature_table import Rows, Scores
from curation.issues.issue import SUSPECT, ErrorType, ImageScore, Issue, digest
from curation.issues.observation import Place, Seen, Verdict


def judged(record: ImageRecord) -> list[int]:
    """Indices of the instances that are judged: all but the void ones."""
    return [i for i, x in enumerate(record.instances) if x.category != IGNORE]


def seen(
    record: ImageRecord,
    names: Sequence[str],
    p: NDArray[np.float16],
    taps: tuple[NDArray[np.float16], ...] = (),
    verdicts: Sequence[Verdict] = (),
    places: Sequence[Place] = (),
    *,
    group: str = "",
) -> Seen:
    """A photo's labels beside what the model sees.

    Args:
        record: its categories are class names or ``ignore``
        names: of the classes, background first
        p, taps, verdicts, places: see :class:`Seen`
        group: see there; empty for a photo that has no copies
    """
    given = [record.instances[i] for i in judged(record)]
    labels = [(names.index(x.category), x.mask) for x in given]
    void = [x.mask for x in record.instances if x.category == IGNORE]
    sources = tuple(x.source_label for x in given)
    image = (record.image_id, group or record.image_id)
    return Seen(
        *image, tuple(labels), tuple(void), p, taps, sources, tuple(verdicts), tuple(places)
    )


def image_scores(
    rows: Rows,
    scores: Scores,
    records: Mapping[str, tuple[ImageRecord, Sequence[str]]],
    names: Sequence[str],
    run: str,
) -> Iterator[ImageScore]:
    """The issues of some photos.

    Args:
        rows, scores: as long as each other
        records: by image_id, with the ids of their instances
        names: of the classes, background first
        run: goes into the ids of missing garments
    """
    given = dict(iter(rows.given.join(scores.instances).groupby("image_id", sort=False)))
    missing = dict(iter(rows.missing.join(scores.missing).groupby("image_id", sort=False)))
    for image_id in rows.images["image_id"]:
        record, ids = records[image_id]
        issues = []
        places = judged(record)
        for row in given[image_id].to_dict("records") if image_id in given else ():
            place = places[int(row["index"])]
            issues.append(_issue(row, record, place, ids[place], names))
        for row in missing[image_id].to_dict("records") if image_id in missing else ():
            if row["error_score"] >= SUSPECT:
                issues.append(_missing(row, record, names, run))
        right = np.prod([1 - issue.error_score for issue in issues])
        yield ImageScore(image_id, float(1 - right), tuple(issues))


def _issue(row: Mapping, record: ImageRecord, place: int, key: str, names: Sequence[str]) -> Issue:
    instance = record.instances[place]
    error_type = ErrorType(row["error_type"])
    suggested = instance.category
    if error_type is ErrorType.WRONG_CATEGORY:
        suggested = names[int(row["other"])]
    elif error_type is ErrorType.SPURIOUS:
        suggested = names[0]
    return Issue(
        record.image_id,
        key,
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


def reason(
    row: Mapping[str, float], error_type: ErrorType, given: str, names: Sequence[str]
) -> str:
    """Why a label is suspect, for the person who reviews it.

    Args:
        row: the numbers about it, see :mod:`curation.issues.instance_features`
    """
    seen = {
        ErrorType.WRONG_CATEGORY: lambda: (
            f"the model sees {names[int(row['other'])]} at {row['p_other']:.2f} "
            f"over {row['share_other']:.0%} of it"
        ),
        ErrorType.SPURIOUS: lambda: (
            f"the model sees background at {row['p_background']:.2f} "
            f"over {row['share_background']:.0%} of it"
            if row["share_background"] >= row["share_other"]
            else f"the model sees none here but {names[int(row['other'])]} "
            f"at {row['p_other']:.2f} over {row['share_other']:.0%} of it"
        ),
        ErrorType.SHIFTED: lambda: (
            f"it would fit what the model sees better {row['fit_distance']:.0%} "
            "of its own size away"
        ),
        ErrorType.BAD_BOUNDARY: lambda: (
            f"the model sees {given} in {row['share_own']:.0%} of it, and {row['goes_on']:.0%} "
            "of its area more around it"
        ),
        ErrorType.MERGED: lambda: (
            f"the model sees {names[int(row['piece_class'])]} at {row['piece_p']:.2f} "
            f"in {row['piece']:.0%} of it"
        ),
        ErrorType.DUPLICATED: lambda: (
            f"another {given} lies on it (IoU {row['iou_same_class']:.2f})"
        ),
    }[error_type]
    return f"labelled {given}; {seen()}"


def _missing(row: Mapping, record: ImageRecord, names: Sequence[str], run: str) -> Issue:
    name = names[int(row["class_id"])]
    small = rle.decode(rle.parse(row["mask"]))
    mask = rle.encode(masks.resize_nearest(small, record.height, record.width))
    text = f"{run}\0{record.image_id}\0{name}\0".encode() + mask.counts
    return Issue(
        record.image_id,
        blake2b(text, digest_size=12).hexdigest(),
        f"run:{run}",
        "",
        float(row["error_score"]),
        str(ErrorType.MISSING),
        name,
        f"nothing is labelled {name} here; the model sees it at {row['p']:.2f}",
        mask=mask,
    )


def as_table(issues: Sequence[Issue], decided: Collection[str] = ()) -> pd.DataFrame:
    """Issues as rows, worst first; those that a reviewer decided on already come last.

    Masks are text, see :func:`curation.core.rle.to_text`.

    Args:
        decided: instance ids
    """
    columns = list(Issue.__slots__)
    rows = [[getattr(issue, name) for name in columns] for issue in issues]
    table = pd.DataFrame(rows, columns=columns)
    table["mask"] = [rle.to_text(i.mask) if i.mask else "" for i in issues]
    table["decided"] = [i.instance_id in decided for i in issues]
    order = ["decided", "error_score", "image_id", "instance_id"]
    return table.sort_values(order, ascending=[True, False, True, True], ignore_index=True)
