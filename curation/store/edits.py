"""Edits made past curate, in FiftyOne's Annotate tab or a notebook, become decisions.

They go into ``labels`` without the journal, and the next decision on the photo
would silently replace them. A digest on each photo tells what curate itself
wrote last; where the labels no longer match it, the difference is journaled.
"""

from __future__ import annotations

from collections.abc import Iterable

import fiftyone as fo
import numpy as np

from curation.core import masks, rle
from curation.core.errors import DatasetError
from curation.core.rle import Rle
from curation.core.taxonomy import SOURCE, Taxonomy
from curation.review import journal
from curation.review.journal import Decision
from curation.store import bulk, documents
from curation.store.datasets import LABELS, batches, info
from curation.store.labels import (
    Expected,
    active_taxonomy,
    basis,
    by_image,
    decisions,
    digest,
    expected,
    journal_path,
    locked,
    rebuild,
)


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
    standing = by_image(journal.standing(entries))
    fields = ["content_digest", "labels_digest", "labels_basis", LABELS]
    found: list[Decision] = []
    stale: set[str] = set()
    for batch in batches(sorted(image_ids)):
        edited: dict[str, list[fo.Detection]] = {}
        built_from: dict[str, list[Decision]] = {}
        for image in bulk.read(dataset, batch, fields):
            image_id, built = image["image_id"], image.get("labels_basis")
            if not built:
                continue  # imported after the last remap
            labels = bulk.detections(image, LABELS)
            if unknown := [key for key in built[1:] if key not in by_id]:
                raise DatasetError(
                    dataset.name,
                    f"its labels were built with {len(unknown)} decisions that are not in "
                    f"{journal_path(dataset)}: share one CURATE_HOME, or put the journal back",
                    where=image_id,
                )
            now = basis(toml, image.get("content_digest") or "", standing.get(image_id, ()))
            if built != now:
                stale.add(image_id)
            if digest(labels) != image["labels_digest"] and built[0] == now[0]:
                stale.add(image_id)
                edited[image_id] = [bulk.to_detection(d) for d in labels]
                # Compared with what was built then: decisions since are no edits.
                built_from[image_id] = [by_id[key] for key in built[1:]]
        for due in expected(dataset, edited, active, built_from):
            # What a crash left in the journal, and not in the labels, is not journaled again.
            since = {
                _said(d)
                for d in standing.get(due.image_id, ())
                if d not in built_from[due.image_id]
            }
            difference = _difference(dataset, active, due, edited[due.image_id])
            found += [d for d in difference if _said(d) not in since]
    if found:
        journal.append(journal_path(dataset), found)
    if stale:
        rebuild(dataset, stale)
    return found


def _said(decision: Decision) -> tuple[str, ...]:
    return decision.action, decision.instance_id, decision.category, decision.mask


def _difference(
    dataset: fo.Dataset,
    active: Taxonomy,
    image: Expected,
    edited: list[fo.Detection],
) -> list[Decision]:
    who, image_id = journal.user(), image.image_id
    ours = {item.instance_id: item.instance for item in image.items}
    theirs = {d.id: d for d in edited}
    found = [
        journal.decide("delete", image_id, who, instance_id=key)
        for key in ours
        if key not in theirs
    ]
    for key, d in theirs.items():
        if d.label not in active.class_names:
            raise DatasetError(
                dataset.name,
                f"a label was changed in FiftyOne to {d.label!r}, which is no class of "
                f"{active.name} ({', '.join(sorted(active.class_names))}); mend it there",
                where=image_id,
            )
        values = {"instance_id": key, "category": d.label, "taxonomy": active.name}
        if key not in ours or not _same_mask(d, ours[key].mask):
            text = rle.to_text(_drawn_mask(dataset, image, d))
            if key in ours and ours[key].category == d.label and ours[key].source_label:
                # Drawn anew, and still what the annotation file calls it.
                values |= {"category": ours[key].source_label, "taxonomy": SOURCE}
            found.append(journal.decide("add", image_id, who, mask=text, **values))
        elif d.label != ours[key].category:
            found.append(journal.decide("relabel", image_id, who, **values))
    return found


def _same_mask(drawn: fo.Detection, ours: Rle) -> bool:
    piece, (left, top, w, h) = masks.crop(ours, documents.DRAWN)
    box = (left / ours.width, top / ours.height, w / ours.width, h / ours.height)
    if not np.allclose(drawn.bounding_box, box, atol=1e-5):
        return False
    if drawn.mask is None:
        return not piece.size
    return drawn.mask.shape == piece.shape and bool(((drawn.mask != 0) == piece).all())


def _drawn_mask(dataset: fo.Dataset, image: Expected, drawn: fo.Detection) -> Rle:
    """The mask over the whole photo of a detection as FiftyOne keeps it: a piece in a box."""
    if drawn.mask is None:
        raise DatasetError(
            dataset.name,
            f"FiftyOne has a new {drawn.label!r} that is a box without a mask; draw its mask "
            "or delete it there",
            where=image.image_id,
        )
    height, width = image.height, image.width
    x, y, w, h = drawn.bounding_box
    left, top = max(0, round(x * width)), max(0, round(y * height))
    right, bottom = min(width, round((x + w) * width)), min(height, round((y + h) * height))
    piece = masks.resize_nearest(drawn.mask != 0, max(1, bottom - top), max(1, right - left))
    return masks.paste(piece, left, top, height, width)
