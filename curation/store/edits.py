"""Edits made past curate, in FiftyOne's Annotate tab or a notebook, become decisions.

They go into ``labels`` without the journal, and the next decision on the photo
would silently replace them. A digest on each photo tells what curate itself
wrote last; where the labels no longer match it, the difference is journaled.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable

import fiftyone as fo
import numpy as np

from curation import masks, review, rle
from curation.errors import DatasetError
from curation.review import Decision, Reviewed
from curation.rle import Rle
from curation.store.datasets import LABELS, batches, info, select
from curation.store.labels import (
    active_taxonomy,
    class_names,
    decisions,
    digest,
    expected,
    journal,
    rebuild,
)


def adopt_edits(dataset: fo.Dataset, image_ids: Iterable[str] | None = None) -> list[Decision]:
    """Journals what was changed in ``labels`` by others than curate.

    Args:
        image_ids: the photos to look at; all of them by default

    Returns:
        the decisions that were made of it

    Raises:
        DatasetError: an edit that is no label: a class the taxonomy does not know,
            or a box without a mask
    """
    if not info(dataset)["taxonomy"]:
        return []
    active = active_taxonomy(dataset)
    standing = review.standing(decisions(dataset))
    photos = dataset.values("image_id") if image_ids is None else image_ids
    found: list[Decision] = []
    for batch in batches(sorted(photos)):
        columns = select(dataset, batch).values(["image_id", "labels_digest", LABELS])
        edited = {
            image_id: labels.detections
            for image_id, known, labels in zip(*columns, strict=True)
            if labels and known and digest(labels.detections) != known
        }
        if not edited:
            continue
        for image_id, _, items in expected(select(dataset, edited), active, standing):
            height, width = _size(dataset, image_id)
            found += _difference(dataset, image_id, items, edited[image_id], height, width)
    if found:
        review.append(journal(dataset), found)
        standing = review.standing(decisions(dataset))
        rebuild(dataset, active, standing, {d.image_id for d in found}, keep_scores=True)
    return found


def _difference(
    dataset: fo.Dataset,
    image_id: str,
    items: list[Reviewed],
    edited: list[fo.Detection],
    height: int,
    width: int,
) -> list[Decision]:
    active = active_taxonomy(dataset)
    who = f"{getpass.getuser()} in FiftyOne"
    ours = {item.instance_id: item.instance for item in items}
    theirs = {d.id: d for d in edited}
    found = [
        review.decide("delete", image_id, who, instance_id=key) for key in ours if key not in theirs
    ]
    for key, d in theirs.items():
        if d.label not in class_names(active):
            raise DatasetError(
                dataset.name,
                image_id,
                f"a label was changed in FiftyOne to {d.label!r}, which is no class of "
                f"{active.name} ({', '.join(sorted(class_names(active)))}); mend it there",
            )
        values = {"instance_id": key, "category": d.label, "taxonomy": active.name}
        if key not in ours or not _same_mask(d, ours[key].mask):
            text = rle.to_text(_drawn_mask(dataset, image_id, d, height, width))
            found.append(review.decide("add", image_id, who, mask=text, **values))
        elif d.label != ours[key].category:
            found.append(review.decide("relabel", image_id, who, **values))
    return found


def _same_mask(drawn: fo.Detection, ours: Rle) -> bool:
    piece, (left, top, w, h) = masks.crop(ours)
    box = (left / ours.width, top / ours.height, w / ours.width, h / ours.height)
    if not np.allclose(drawn.bounding_box, box, atol=1e-5) or drawn.mask is None:
        return False
    return drawn.mask.shape == piece.shape and bool(((drawn.mask != 0) == piece).all())


def _drawn_mask(
    dataset: fo.Dataset, image_id: str, drawn: fo.Detection, height: int, width: int
) -> Rle:
    """The mask over the whole photo of a detection as FiftyOne keeps it: a piece in a box."""
    if drawn.mask is None:
        raise DatasetError(
            dataset.name,
            image_id,
            f"FiftyOne has a new {drawn.label!r} that is a box without a mask; draw its mask "
            "or delete it there",
        )
    x, y, w, h = drawn.bounding_box
    left, top = max(0, round(x * width)), max(0, round(y * height))
    right, bottom = min(width, round((x + w) * width)), min(height, round((y + h) * height))
    piece = masks.resize_nearest(drawn.mask != 0, max(1, bottom - top), max(1, right - left))
    return masks.paste(piece, left, top, height, width)


def _size(dataset: fo.Dataset, image_id: str) -> tuple[int, int]:
    heights, widths = select(dataset, [image_id]).values(["metadata.height", "metadata.width"])
    return heights[0], widths[0]
