"""Masks as a person sees and changes them: outlines to draw, and what an edit comes to."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.core.rle import Rle

Ring = list[tuple[float, float]]
"""Points (x, y) relative to the photo; the last one joins the first."""

WHOLE = (0.0, 0.0, 1.0, 1.0)


def rings(piece: NDArray, box: Sequence[float] = WHOLE) -> list[Ring]:
    """The edges of a mask, holes among them: to be filled by the even-odd rule.

    Args:
        piece: (h, w), what is not 0 is inside; any size, since points are relative
        box: x, y, width and height of the piece, relative to the photo

    Returns:
        rings of at least three points, through the centers of the pixels at the edge
    """
    inside = np.ascontiguousarray(piece != 0).astype(np.uint8)
    if not inside.size:
        return []
    found, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    (left, top, width, height), (h, w) = box, inside.shape
    scale, start = np.array([width / w, height / h]), np.array([left, top])
    points = (start + (ring[:, 0] + 0.5) * scale for ring in found if len(ring) > 2)
    return [[(x, y) for x, y in ring.round(5).tolist()] for ring in points]


def edited(
    exact: Rle,
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    cell: int,
    same_grid: bool = False,
) -> Rle:
    """A mask with what somebody changed on a coarser drawing of it; elsewhere as exact as it was.

    Args:
        exact: (H, W)
        before, after: (H, W) bool, the drawing at the photo's size
        cell: photo pixels that one pixel of the drawing covers
        same_grid: the drawing came back on the grid on which it went: each difference is a
            change. On another one, differences that are no wider than a cell are none
    """
    changed = before ^ after
    square = np.ones((2 * cell + 1, 2 * cell + 1), np.uint8)
    if not same_grid:
        kernel = np.ones((cell + 1, cell + 1), np.uint8)
        core = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, kernel)
        changed &= cv2.dilate(core, square) != 0
    if cell > 1:
        # What the drawing was too coarse to show beside a change goes with it: no thread is left
        # where the edge of something that was erased ran.
        around, now = cv2.dilate(changed.astype(np.uint8), square), after.astype(np.uint8)
        changed |= (around != 0) & (cv2.dilate(now, square) == cv2.erode(now, square))
    return rle.encode(np.where(changed, after, rle.decode(exact)))


def moved(exact: Rle, right: int, down: int) -> Rle:
    """A mask some pixels further; what leaves the photo is gone."""
    rows, columns = np.arange(exact.height) - down, np.arange(exact.width) - right
    tall = (rows >= 0) & (rows < exact.height)
    wide = (columns >= 0) & (columns < exact.width)
    shifted = np.zeros((exact.height, exact.width), bool)
    shifted[np.ix_(tall, wide)] = rle.decode(exact)[np.ix_(rows[tall], columns[wide])]
    return rle.encode(shifted)
