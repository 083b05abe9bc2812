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


def edited(exact: Rle, before: NDArray[np.bool_], after: NDArray[np.bool_], cell: int) -> Rle:
    """A mask with what somebody changed on a coarser drawing of it; elsewhere as exact as it was.

    Args:
        exact: (H, W)
        before, after: (H, W) bool, the drawing at the photo's size
        cell: 0 for a drawing that came back on the grid it was given on; else the photo pixels
            that one of its pixels covers: differences that are no wider than that are no change
    """
    changed = before ^ after
    if cell:
        kernel = np.ones((cell + 1, cell + 1), np.uint8)
        core = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, kernel)
        around = cv2.dilate(core, np.ones((2 * cell + 1, 2 * cell + 1), np.uint8))
        changed &= around != 0
    return rle.encode(np.where(changed, after, rle.decode(exact)))
