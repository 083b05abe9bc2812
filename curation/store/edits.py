"""Edits made past curate, in FiftyOne's Annotate tab or a notebook, become decisions.

They go into ``labels`` without the journal, and the next decision on the photo
would silently replace them. A digest on each photo tells what curate itself
wrote last; where the labels no longer match it, the difference is journaled.
"""

from __future__ import annotations

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
    basis,
    by_photo,
    class_names,
    decisions,
    digest,
    expected,
    journal,
    locked,
    rebuild,
)
from curation.taxonomy import Taxonomy


def refresh(dataset: fo.Dataset) -> list[Decision]:
    """Brings ``labels`` up to the journal, and the journal up to what was edited in FiftyOne.

    After a crash, a decision of another process or a killed remap, labels lag
    behind the journal; whoever works on all labels calls this first.

    Returns:
        the decisions that were made of edits

    Raises:
        DatasetError: an edit that is no label: a class the taxonomy does not know,
            or a box without a mask; or labels that were built from decisions
            which this journal does not have
    """
    with locked(dataset):
        return adopt_edits(dataset, dataset.values("image_id"))


def adopt_edits(dataset: fo.Dataset, image_ids: Iterable[str]) -> list[Decision]:
    """:func:`refresh` of some photos, under a lock that the caller holds."""
    active, entries = active_taxonomy(dataset), decisions(dataset)
    toml = info(dataset)["taxonomy"]["toml"]
    by_id = {d.decision_id: d for d in entries}
    standing = by_photo(review.standing(entries))
    found: list[Decision] = []
    stale: set[str] = set()
    for batch in batches(sorted(image_ids)):
        columns = select(dataset, batch).values(
            ["image_id", "labels_digest", "labels_basis", LABELS]
        )
        edited: dict[str, list[fo.Detection]] = {}
        built_from: dict[str, list[Decision]] = {}
        for image_id, known, built, labels in zip(*columns, strict=True):
            if not labels or not known or not built:
                continue  # imported after the last remap
            if unknown := [key for key in built[1:] if key not in by_id]:
                raise DatasetError(
                    dataset.name,
                    image_id,
                    f"its labels were built with {len(unknown)} decisions that are not in "
                    f"{journal(dataset)}: share one CURATE_HOME, or put the journal back",
                )
            now = basis(toml, standing.get(image_id, ()))
            if built != now:
                stale.add(image_id)
            if digest(labels.detections) != known and built[0] == now[0]:
                edited[image_id] = labels.detections
                # Compared with what was built then: decisions since are no edits.
                built_from[image_id] = [by_id[key] for key in built[1:]]
        if edited:
            view = select(dataset, edited)
            sizes = view.values(["image_id", "metadata.height", "metadata.width"])
            size_of = {i: (height, width) for i, height, width in zip(*sizes, strict=True)}
            for image_id, _, items in expected(view, active, built_from):
                found += _difference(
                    dataset, active, image_id, items, edited[image_id], *size_of[image_id]
                )
    if found:
        review.append(journal(dataset), found)
    if stale := stale | {d.image_id for d in found}:
        rebuild(dataset, stale)
    return found


def _difference(
    dataset: fo.Dataset,
    active: Taxonomy,
    image_id: str,
    items: list[Reviewed],
    edited: list[fo.Detection],
    height: int,
    width: int,
) -> list[Decision]:
    who = review.user()
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
