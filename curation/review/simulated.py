"""A curator who knows the truth: what such a one would decide on a label, on a missing garment and
on a photo as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curation.core import rle
from curation.core.records import Instance
from curation.core.rle import Rle

REVIEWER = "simulated"
"""Under which its decisions are in the journal."""

SAME_GARMENT = 0.3
"""IoU from which a label or a prediction is about a garment of the truth."""

WELL_DRAWN = 0.8
"""IoU from which nobody would draw a mask again."""


@dataclass(frozen=True)
class Answer:
    """A decision on a label or a missing garment.

    Attributes:
        action: keep, relabel, redraw, delete or add
        category: of ``relabel`` and ``add``
        mask: of ``redraw``
    """

    action: str
    category: str = ""
    mask: Rle | None = None


def on_label(
    label: Instance, labels: Sequence[Instance], truth: Sequence[Instance]
) -> Iterator[Answer]:
    """What is wrong with a label, as decisions; a label at which nothing is wrong is kept.

    Args:
        label: one of ``labels``
        labels: of the photo
        truth: the garments that are in it, in the same classes
    """
    garment = _garment(label, truth)
    if garment is None or _is_repeated(label, labels, truth, garment):
        yield Answer("delete")
        return
    right = garment.category == label.category
    drawn = rle.iou(garment.mask, label.mask) >= WELL_DRAWN
    if right and drawn:
        yield Answer("keep")
    if not right:
        yield Answer("relabel", garment.category)
    if not drawn:
        yield Answer("redraw", mask=garment.mask)


def on_missing(found: Instance, labels: Sequence[Instance], truth: Sequence[Instance]) -> Answer:
    """Whether a garment that a model found missing is one: it is added, or dismissed.

    Args:
        found: as the model drew it
        labels, truth: as for :func:`on_label`
    """
    garment = _garment(found, truth)
    if garment is None or any(_garment(label, truth) is garment for label in labels):
        return Answer("delete")
    return Answer("add", garment.category)


def on_photo(
    labels: Sequence[Instance], mended: Sequence[Instance] | None, truth: Sequence[Instance]
) -> str:
    """What is decided on all labels of a photo together.

    Args:
        labels: of the photo
        mended: the same as what is suggested would have them; None where nothing is
        truth: the garments that are in it, in the same classes

    Returns:
        ``transform`` where that is right and the labels are not, ``exclude`` where they are of
        another photo, else ``include``: whatever is wrong with one of them is decided by itself
    """
    fit = _fit(labels, truth)
    if mended is not None and fit < WELL_DRAWN and fit < _fit(mended, truth):
        return "transform"
    return "include" if fit >= SAME_GARMENT else "exclude"


def _fit(labels: Sequence[Instance], truth: Sequence[Instance]) -> float:
    """Mean over the labels of their IoU with a garment of their class; 1 of none."""
    best = [
        max((rle.iou(t.mask, x.mask) for t in truth if t.category == x.category), default=0.0)
        for x in labels
    ]
    return sum(best) / len(best) if best else 1.0


def _garment(drawn: Instance, truth: Sequence[Instance]) -> Instance | None:
    """The garment of the truth that something drawn is about."""
    best = max(truth, key=lambda t: rle.iou(t.mask, drawn.mask), default=None)
    return best if best and rle.iou(best.mask, drawn.mask) >= SAME_GARMENT else None


def _is_repeated(
    label: Instance, labels: Sequence[Instance], truth: Sequence[Instance], garment: Instance
) -> bool:
    """Whether another label is about the same garment, and better, or as good and stands before."""

    def fit(other: Instance) -> tuple[bool, float]:
        return other.category == garment.category, rle.iou(other.mask, garment.mask)

    same = [other for other in labels if _garment(other, truth) is garment]
    best = max(same, key=fit)
    return best.instance_id != label.instance_id
