"""Edits made past curate, in FiftyOne's Annotate tab or a notebook, become decisions.

They go into ``labels`` without the journal, and the next decision on the photo
would silently replace them. A digest on each photo tells what curate itself
wrote last; where the labels no longer match it, the difference is journaled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.core import outlines, rle
from curation.core.errors import DatasetError
from curation.core.records import Instance
from curation.core.rle import Rle
from curation.core.taxonomy import Taxonomy
from curation.core.text import count
from curation.review import Decision, Review, journal
from curation.store import bulk, documents, labels
from curation.store.dataset import Dataset, batches
from curation.store.fields import LABELS
from curation.store.labels import ComputedLabels

if TYPE_CHECKING:
    import fiftyone as fo


@dataclass
class Edits:
    """What was done to labels past curate.

    Attributes:
        decisions: that say the same, to be journaled
        stale: photos whose labels are not what they should be by now: they were edited, or
            built from another taxonomy, source or other decisions
    """

    decisions: list[Decision] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)


def refresh(dataset: Dataset) -> list[Decision]:
    """Brings ``labels`` up to the journal, and the journal up to what was edited in FiftyOne.

    After a crash, a decision of another process or a killed remap, labels lag
    behind the journal; whoever works on all labels calls this first.

    Returns:
        the decisions that were made of edits

    Raises:
        DatasetError: as :func:`find`
    """
    with dataset.locked():
        return adopt(dataset, dataset.image_ids())


def adopt(dataset: Dataset, image_ids: Iterable[str], reviewer: str = "") -> list[Decision]:
    """:func:`refresh` of some photos, under the lock of the journal that the caller holds.

    Args:
        reviewer: who edited; empty for who is logged in
    """
    review, decisions = dataset.review(), []
    for batch in batches(sorted(image_ids)):
        photos = list(labels.read(dataset, batch))
        edits = find(dataset, photos, review, reviewer)
        if edits.decisions:
            decisions += edits.decisions
            dataset.journal.append(edits.decisions)
            review = dataset.review()
        if stale := [photo for photo in photos if photo["image_id"] in edits.stale]:
            labels.store_labels(dataset, stale, review)
    return decisions


def find(
    dataset: Dataset, photos: Iterable[Mapping[str, Any]], review: Review, reviewer: str = ""
) -> Edits:
    """What was edited in some photos; nothing is written.

    Args:
        photos: documents, see :func:`labels.read`
        review: of the whole journal
        reviewer: who edited; empty for who is logged in

    Raises:
        DatasetError: an edit that is no label: a class the taxonomy does not know,
            or a box without a mask; or labels that were built from decisions
            which this journal does not have
    """
    by_id = {d.decision_id: d for d in dataset.journal.read()}
    found = Edits()
    for photo in photos:
        image_id, built = photo["image_id"], photo.get("labels_fingerprint")
        if not built:
            continue  # imported after the last remap
        if unknown := [key for key in built[1:] if key not in by_id]:
            raise DatasetError(
                dataset.name,
                f"its labels were built with {count(len(unknown), 'decision')} missing from "
                f"{dataset.journal.path}: share one CURATE_HOME, or put the journal back",
                where=image_id,
            )
        decided = review.of(image_id)
        now = labels.fingerprint(dataset.taxonomy_toml, photo.get("content_digest") or "", decided)
        if built != now:
            found.stale.add(image_id)
        there = bulk.detections(photo, LABELS)
        if labels.digest(there) != photo["labels_digest"] and built[0] == now[0]:
            found.stale.add(image_id)
            # Compared with what was built then: decisions since are no edits.
            then = Review(tuple(by_id[key] for key in built[1:]), review.taxonomy)
            if due := labels.compute(photo, then):
                edits = _Comparison(dataset.name, due, then).decisions(there, reviewer)
                # What a crash left in the journal, and not in the labels, is not journaled again.
                since = {_what(d) for d in decided if d not in then.active}
                found.decisions += [d for d in edits if _what(d) not in since]
    return found


def _what(decision: Decision) -> tuple[str, ...]:
    return decision.action, decision.instance_id, decision.category, decision.mask


@dataclass(frozen=True)
class _Comparison:
    """A photo's labels as curate wrote them, beside what is there."""

    dataset: str
    photo: ComputedLabels
    review: Review

    def decisions(self, there: Sequence[Mapping[str, Any]], reviewer: str) -> list[Decision]:
        """The difference, as decisions of one batch."""
        ours = {item.instance.instance_id: item.instance for item in self.photo.items}
        theirs = {str(d["_id"]): bulk.to_detection(d) for d in there}
        changes: list[dict[str, str]] = [
            {"action": "delete", "instance_id": key} for key in ours if key not in theirs
        ]
        if active := self.review.taxonomy:
            for key, d in theirs.items():
                self._check(d, active)
                changes += self._changes(key, d, ours.get(key), active.name)
        batch = journal.new_id() if len(changes) > 1 else ""
        who, image_id = reviewer or journal.user(), self.photo.image_id
        return [
            journal.decision(image_id=image_id, reviewer=who, batch=batch, **change)
            for change in changes
        ]

    def _check(self, d: fo.Detection, active: Taxonomy) -> None:
        if d.label not in active.class_names:
            names = ", ".join(sorted(active.class_names))
            raise self._wrong(
                f"a label was changed in FiftyOne to {d.label!r}, which is no class of "
                f"{active.name} ({names}); change it there"
            )

    def _changes(
        self, key: str, d: fo.Detection, ours: Instance | None, taxonomy: str
    ) -> Iterator[dict[str, str]]:
        """What was done to one label, as values of decisions."""
        named = {"instance_id": key, "category": d.label, "taxonomy": taxonomy}
        if ours is None:
            mask = rle.encode(self._whole_mask(d))
            yield {"action": "add", "mask": rle.to_text(mask), **named}
            return
        if d.label != ours.category:
            yield {"action": "relabel", "before": ours.category, **named}
        if (mask := self._edited(d, ours)) != ours.mask:
            yield {"action": "redraw", "instance_id": key, "before": ours.category,
                   "mask": rle.to_text(mask)}  # fmt: skip

    def _edited(self, d: fo.Detection, ours: Instance) -> Rle:
        """A label's mask with what was changed of it in FiftyOne.

        What the editor was given is coarser than the label: only what it changed counts.
        """
        was = bulk.to_detection(documents.detection(ours))
        if _same_box(d, was) and _same_piece(d, was):
            return ours.mask
        height, width = self.photo.height, self.photo.width
        cell = -(-max(height, width) // documents.DRAWN)
        before, after = self._whole_mask(was), self._whole_mask(d)
        x, y = np.subtract(d.bounding_box[:2], was.bounding_box[:2])
        right, down = round(x * width), round(y * height)
        dragged = np.allclose(d.bounding_box[2:], was.bounding_box[2:], atol=1e-5)
        if dragged and max(abs(right), abs(down)) >= cell and _same_piece(d, was):
            return outlines.moved(ours.mask, right, down)
        same_grid = _same_box(d, was) and np.shape(d.mask) == np.shape(was.mask)
        return outlines.edited(ours.mask, before, after, cell, same_grid)

    def _whole_mask(self, drawn: fo.Detection) -> NDArray[np.bool_]:
        """(H, W) over the whole photo, of what FiftyOne keeps as a piece in a box."""
        height, width = self.photo.height, self.photo.width
        whole = np.zeros((height, width), bool)
        if drawn.mask is None:
            if 0 in drawn.bounding_box[2:]:
                return whole  # a label without a pixel
            raise self._wrong(
                f"FiftyOne has a {drawn.label!r} that is a box without a mask; draw its mask "
                "or delete it there"
            )
        piece = np.asarray(drawn.mask) != 0
        if piece.ndim != 2 or not piece.size or not np.isfinite(drawn.bounding_box).all():
            raise self._wrong(
                f"the mask or the box of a {drawn.label!r} was changed in FiftyOne to what cannot "
                "be drawn; draw it again or delete it there"
            )
        x, y, w, h = drawn.bounding_box
        left, top, right, bottom = (
            round(v) for v in (x * width, y * height, (x + w) * width, (y + h) * height)
        )
        # Of a box that sticks out of the photo, the part that is in it.
        rows = np.arange(max(0, top), min(height, bottom))
        columns = np.arange(max(0, left), min(width, right))
        from_rows = (rows - top + 0.5) * piece.shape[0] / max(1, bottom - top)
        from_columns = (columns - left + 0.5) * piece.shape[1] / max(1, right - left)
        whole[np.ix_(rows, columns)] = piece[
            np.ix_(from_rows.astype(np.intp), from_columns.astype(np.intp))
        ]
        return whole

    def _wrong(self, reason: str) -> DatasetError:
        return DatasetError(self.dataset, reason, where=self.photo.image_id)


def _same_box(a: fo.Detection, b: fo.Detection) -> bool:
    return np.allclose(a.bounding_box, b.bounding_box, atol=1e-5)


def _same_piece(a: fo.Detection, b: fo.Detection) -> bool:
    """Whether two have the same mask in their boxes, wherever those are."""
    if a.mask is None or b.mask is None:
        return a.mask is b.mask
    return np.array_equal(np.asarray(a.mask) != 0, np.asarray(b.mask) != 0)
