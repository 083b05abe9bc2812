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

from curation.core import masks, outlines, rle
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
    with dataset.journal.locked():
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
        if not _same_mask(d, ours.mask):
            # What the editor was given is coarser than the label: only what it changed counts.
            given = bulk.to_detection(documents.detection(ours))
            before, cell = self._whole_mask(given), 0
            if not _same_grid(given, d):
                cell = -(-max(self.photo.height, self.photo.width) // documents.DRAWN)
            mask = outlines.edited(ours.mask, before, self._whole_mask(d), cell)
            yield {"action": "redraw", "instance_id": key, "before": ours.category,
                   "mask": rle.to_text(mask)}  # fmt: skip

    def _whole_mask(self, drawn: fo.Detection) -> NDArray[np.bool_]:
        """(H, W) over the whole photo, of what FiftyOne keeps as a piece in a box."""
        height, width = self.photo.height, self.photo.width
        if drawn.mask is None:
            if 0 in drawn.bounding_box[2:]:
                return np.zeros((height, width), bool)  # a label without a pixel
            raise self._wrong(
                f"FiftyOne has a new {drawn.label!r} that is a box without a mask; draw its mask "
                "or delete it there"
            )
        x, y, w, h = drawn.bounding_box
        left, top = max(0, round(x * width)), max(0, round(y * height))
        right, bottom = min(width, round((x + w) * width)), min(height, round((y + h) * height))
        piece = masks.resize_nearest(drawn.mask != 0, max(1, bottom - top), max(1, right - left))
        return rle.decode(masks.paste(piece, left, top, height, width))

    def _wrong(self, reason: str) -> DatasetError:
        return DatasetError(self.dataset, reason, where=self.photo.image_id)


def _same_mask(drawn: fo.Detection, ours: Rle) -> bool:
    piece, (left, top, w, h) = masks.crop(ours, documents.DRAWN)
    box = (left / ours.width, top / ours.height, w / ours.width, h / ours.height)
    if not np.allclose(drawn.bounding_box, box, atol=1e-5):
        return False
    if drawn.mask is None:
        return not piece.size
    return drawn.mask.shape == piece.shape and bool(((drawn.mask != 0) == piece).all())


def _same_grid(a: fo.Detection, b: fo.Detection) -> bool:
    """Whether two masks are pieces of the same place and size: FiftyOne's brush gives others."""
    if a.mask is None or b.mask is None:
        return False
    return a.mask.shape == b.mask.shape and np.allclose(a.bounding_box, b.bounding_box, atol=1e-5)
