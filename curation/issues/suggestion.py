"""What the mask of a suspect should be: out-of-fold probabilities, cut along the photo's edges.

Each type of error leaves something of a label right, and that is kept: of a shifted one the shape,
of a merged one its outer outline, of a bad boundary the parts that the model agrees with. Which way
is the best for which type was measured, see ``tests/benchmarks/README.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core import masks, outlines, rle
from curation.core.rle import Rle
from curation.issues.geometry import Mask, Pieces, depth, distance
from curation.issues.issue import ErrorType
from curation.issues.observation import Label

PHOTO = 1024
"""Pixels: side of the square that a photo is read in, see :func:`curation.core.image_io.read`."""

LONGEST = 384
"""Pixels: the longer side of what is worked on, a window of the photo around the label."""

SUGGESTED = (ErrorType.SHIFTED, ErrorType.BAD_BOUNDARY, ErrorType.MERGED, ErrorType.MISSING)
"""The errors of which a mask is the correction."""

# Lengths below are in roots of the label's area.
_MARGIN = 0.6
"""Of the window around a label."""
_REACH = 1.0
"""How far a shifted label may have been moved."""
_LABELLED = 0.1
"""Within so much of its edge, a label counts the less for what is in it."""
_EDGE = 0.2
"""So far from where the probabilities put an edge the photo may move it."""
_SLIVER = 0.03
"""Half the width of what two outlines may differ by without either being wrong."""

_INSIDE, _OUTSIDE = 3.5, 1.0
"""In log odds, what a label says of a pixel deep in it, and of one far from it."""
_SURE = 0.02
"""A probability nearer to 0 or 1 counts as this: the model is wrong more often than that."""
_FLOOR = 0.01
"""Of probabilities that are compared."""
_COARSE = 256
"""Pixels: the longer side of the window that a label is moved about in."""
_FEWEST = 9
"""Pixels of a mask that is worth suggesting, and from which colours can be learned."""
_ITERATIONS = 2
_SAME = 0.5
"""IoU from which on two masks are of one missing garment: it is known again by its mask."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What would be right where a label, or none, is.

    Attributes:
        mask: over the whole photo, not empty
        second: of a label over two garments, class id and mask of the one that has none yet
    """

    mask: Rle
    second: tuple[int, Rle] | None = None


def suggest(
    error_type: ErrorType,
    given: Label,
    others: Sequence[Label],
    p: NDArray[np.floating],
    photo: NDArray[np.uint8] | None,
) -> Suggestion | None:
    """The correction of one label, or of a garment without one.

    Args:
        error_type: one of ``SUGGESTED``
        given: the label; of a missing garment, its class and where the model sees it
        others: the other labels of the photo
        p: (K, S, S) class probabilities, background first
        photo: (R, R, 3) RGB, resized to a square as ``p`` is; None where it cannot be read: then
            edges are those of the probabilities alone

    Returns:
        None where nothing can be suggested
    """
    if rle.area(given.mask) < _FEWEST:
        return None
    if error_type is ErrorType.MERGED and (cut := _cut(_Window.of(given, others, p, photo))):
        return cut
    if error_type is ErrorType.SHIFTED and (moved := _moved(given, others, p)):
        return Suggestion(moved)
    missing = error_type is ErrorType.MISSING
    drawn = _redrawn(_Window.of(given, others, p, photo), trusted=not missing)
    if drawn is None or (missing and rle.iou(drawn, given.mask) < _SAME):
        return None
    return Suggestion(drawn)


@dataclass(frozen=True)
class _Window:
    """A part of a photo around a label, at a size that is worked with.

    Attributes:
        label: whose window it is
        box: top, left, height and width in pixels of the photo
        mask: (h, w) of the label
        taken: (h, w) what other labels of its class cover, and it does not
        p: (K, h, w) float32
        photo: (h, w, 3) RGB, or None
    """

    label: Label
    box: tuple[int, int, int, int]
    mask: Mask
    taken: Mask
    p: NDArray[np.float32]
    photo: NDArray[np.uint8] | None

    @classmethod
    def of(
        cls,
        label: Label,
        others: Sequence[Label],
        p: NDArray[np.floating],
        photo: NDArray[np.uint8] | None,
        margin: float = _MARGIN,
        longest: int = LONGEST,
    ) -> _Window:
        exact = label.mask
        left, top, width, height = rle.bbox(exact)
        # A pixel of the probabilities more: what lies at an edge is uncertain by that.
        wide = margin * np.sqrt(rle.area(exact)) + max(exact.height, exact.width) / p.shape[-1]
        top, bottom = max(0, int(top - wide)), min(exact.height, int(top + height + wide) + 1)
        left, right = max(0, int(left - wide)), min(exact.width, int(left + width + wide) + 1)
        box = (top, left, bottom - top, right - left)
        scale = min(1.0, longest / max(box[2:]))
        h, w = (max(1, round(side * scale)) for side in box[2:])
        rows, columns = top + masks.sample_points(box[2], h), left + masks.sample_points(box[3], w)
        mask = masks.sample(exact, rows, columns)
        taken = np.zeros_like(mask)
        for other in others:
            if other.class_id == label.class_id:
                taken |= masks.sample(other.mask, rows, columns)
        part = [_part(channel.astype(np.float32), box, exact, h, w) for channel in p]
        seen = None if photo is None else _part(photo, box, exact, h, w)
        return cls(label, box, mask, taken & ~mask, np.stack(part), seen)

    @property
    def root(self) -> float:
        """Of the label's area, in pixels of the window."""
        return float(np.sqrt(np.count_nonzero(self.mask)))

    @property
    def own(self) -> NDArray[np.float32]:
        """(h, w) log odds of the label's class; none where another label of it lies."""
        p = self.p[self.label.class_id].clip(_SURE, 1 - _SURE)
        odds = np.log(p / (1 - p))
        odds[self.taken] = np.log(_SURE / (1 - _SURE))
        return odds

    def reaching(self, region: Mask) -> Mask:
        """The connected pieces of a (h, w) region that reach into the label."""
        pieces = Pieces.of(np.ascontiguousarray(region))
        kept = np.bincount(pieces.labels[self.mask], minlength=len(pieces.areas)) > 0
        kept[0] = False
        return kept[pieces.labels]

    def exact(self, region: Mask) -> Mask:
        """(height, width) of the box, in pixels of the photo: a (h, w) region of the window."""
        size = (self.box[3], self.box[2])
        # Linear, and cut at a half: nearest would draw the window's coarse steps.
        grey = cv2.resize(region.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR)
        return grey > 127

    @property
    def exact_mask(self) -> Mask:
        """(height, width) of the box, in pixels of the photo: the label."""
        top, left, height, width = self.box
        return masks.sample(self.label.mask, top + np.arange(height), left + np.arange(width))

    def encoded(self, part: Mask) -> Rle | None:
        """The mask over the whole photo of what is in the box; None of too little."""
        top, left, *_ = self.box
        if np.count_nonzero(part) < _FEWEST:
            return None
        return rle.encode_box(part, left, top, self.label.mask.height, self.label.mask.width)


def _part(array: NDArray, box: tuple[int, int, int, int], photo: Rle, h: int, w: int) -> NDArray:
    """A box of a photo out of a square that shows all of it, as (h, w, ...)."""
    top, left, height, width = box
    across, down = array.shape[1] / photo.width, array.shape[0] / photo.height
    # Centers of pixels lie at their half, in all of the three sizes.
    x, y = across * width / w, down * height / h
    where = np.array([
        [x, 0, across * left + x / 2 - 0.5],
        [0, y, down * top + y / 2 - 0.5],
    ])  # fmt: skip
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(array, where, (w, h), flags=how, borderMode=cv2.BORDER_REPLICATE)


def _redrawn(window: _Window, trusted: bool) -> Rle | None:
    """The label with an outline where probabilities, photo and label put it.

    Args:
        trusted: whether the label says anything: a missing garment has none
    """
    root, given = window.root, window.mask
    if root == 0:
        return None
    odds = window.own
    if trusted:
        depths = (_signed(given) / (_LABELLED * root)).clip(-1, 1)
        odds += depths * np.where(given, _INSIDE, _OUTSIDE)
    region = window.reaching(odds > 0)
    if not region.any():
        return None
    region = window.reaching(_along_edges(window, region, max(2.0, _EDGE * root)))
    if not trusted:
        return window.encoded(window.exact(region))
    changed = _thick(given ^ region, max(1, round(_SLIVER * root)))
    # On the label's own outline where that is as good: it is exact.
    exact, after = window.exact_mask, window.exact(np.where(changed, region, given))
    before = window.exact(given)
    return window.encoded(np.where(before ^ after, after, exact))


def _signed(mask: Mask) -> NDArray[np.float32]:
    """(h, w) pixels to the outline, negative outside."""
    return depth(mask) - distance(mask)


def _along_edges(window: _Window, region: Mask, reach: float) -> Mask:
    """A region whose edge follows the colours of the photo (GrabCut), within a reach of pixels."""
    if window.photo is None:
        return region
    far = _signed(region)
    marks = np.where(far > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[far > reach] = cv2.GC_FGD
    marks[(far < -reach) | window.taken] = cv2.GC_BGD
    inside = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if min(np.count_nonzero(inside), np.count_nonzero(~inside)) < _FEWEST:
        return region
    cv2.setRNGSeed(0)  # its colours begin by chance
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(window.photo, marks, None, *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)


def _thick(region: Mask, half: int) -> Mask:
    """What is left of a region without the parts of it that are thinner than twice ``half``."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * half + 1, 2 * half + 1))
    core = cv2.morphologyEx(region.view(np.uint8), cv2.MORPH_OPEN, kernel)
    return region & (cv2.dilate(core, kernel) > 0)


def _moved(given: Label, others: Sequence[Label], p: NDArray[np.floating]) -> Rle | None:
    """The label, as it is, where it fits the probabilities best; None where it lies there."""
    window = _Window.of(given, others, p, None, _REACH, _COARSE)
    rows, columns = (np.flatnonzero(window.mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    shape = window.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    reach = int(_REACH * window.root) + 1
    # What leaves the photo fits neither well nor badly.
    odds = cv2.copyMakeBorder(window.own, *4 * (reach,), cv2.BORDER_CONSTANT, value=(0,))
    around = odds[rows[0] : rows[-1] + 1 + 2 * reach, columns[0] : columns[-1] + 1 + 2 * reach]
    fits = cv2.matchTemplate(around, shape.astype(np.float32), cv2.TM_CCORR)
    down, right = np.subtract(np.unravel_index(fits.argmax(), fits.shape), reach)
    _, _, height, width = window.box
    h, w = window.mask.shape
    y, x = round(down * height / h), round(right * width / w)
    if not x and not y:
        return None
    moved = outlines.moved(given.mask, x, y)
    return moved if rle.area(moved) >= _FEWEST else None


def _cut(window: _Window) -> Suggestion | None:
    """The label cut in two where another class becomes likelier than its own; None where none
    does."""
    given, k = window.mask, window.label.class_id
    log_p = np.log(window.p[:, given].clip(_FLOOR))
    gains = np.maximum(log_p - log_p[k], 0).sum(axis=1)
    gains[0] = 0
    other = int(gains.argmax())
    if not gains[other]:
        return None
    thinnest = max(1, round(_SLIVER * window.root))
    second = _thick(given & (window.p[other] > window.p[k]), thinnest)
    # Slivers that are left of it go to the second.
    first = Pieces.of(given & ~second)
    kept = np.bincount(first.labels[_thick(given & ~second, thinnest)], minlength=len(first.areas))
    kept[0] = 0
    second = given & ~(kept > 0)[first.labels]
    exact, apart = window.exact_mask, window.exact(second)
    own, cut = window.encoded(exact & ~apart), window.encoded(exact & apart)
    return Suggestion(own, (other, cut)) if own and cut else None
