"""Labels as boolean arrays, and the geometry that they are measured with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

Window = tuple[slice, slice]
"""Rows and columns of a photo."""


@dataclass(frozen=True, slots=True)
class InstanceMask:
    """One label on its own mask, since garments overlap.

    Attributes:
        class_id: 1 to K - 1; 0 is background
        mask: (H, W) bool
    """

    class_id: int
    mask: Mask


def depth(mask: Mask) -> NDArray[np.float32]:
    """Pixels from inside a mask to its outline, 0 outside; the frame is an outline too.

    Args:
        mask: (H, W) bool

    >>> depth(np.ones((3, 5), bool)).round().astype(int)
    array([[1, 1, 1, 1, 1],
           [1, 2, 2, 2, 1],
           [1, 1, 1, 1, 1]])
    """
    # np.pad would take most of the time of this on thousands of small masks.
    framed = cv2.copyMakeBorder(mask.view(np.uint8), *4 * (1,), cv2.BORDER_CONSTANT, value=(0,))
    return cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]


def distance(mask: Mask) -> NDArray[np.float32]:
    """Pixels to a (H, W) mask that is not empty, 0 in it."""
    return cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5)


def grown(mask: Mask, pixels: int) -> Mask:
    """A (H, W) mask and so many pixels around it, diagonals included."""
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.view(np.uint8), kernel).view(bool)


def moved(mask: Mask, x: float, y: float) -> Mask:
    """A (H, W) mask moved right and down by whole pixels; what leaves the frame is lost."""
    height, width = mask.shape
    right, down = int(np.clip(round(x), -width, width)), int(np.clip(round(y), -height, height))
    result = np.zeros_like(mask)
    result[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = mask[
        max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
    ]
    return result


def around(mask: Mask, margin: int) -> Window:
    """The window of a mask that is not empty, so much wider on each side, cut at the frame.

    Args:
        mask: (H, W) bool
        margin: pixels
    """
    sides = []
    for axis in (1, 0):
        inside = np.flatnonzero(mask.any(axis=axis))
        first, last = int(inside[0]), int(inside[-1])
        sides.append(slice(max(0, first - margin), min(mask.shape[1 - axis], last + 1 + margin)))
    return sides[0], sides[1]


@dataclass(frozen=True)
class Pieces:
    """Connected pieces (4 neighbours) of a mask.

    Attributes:
        labels: (H, W) int32, 0 outside, else the number of the piece
        areas: (N,) pixels of each, that of 0 first
        boxes: (N, 4) left, top, width, height in pixels
    """

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, mask: Mask) -> Pieces:
        """The pieces of a (H, W) mask."""
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
        return cls(labels, stats[:, cv2.CC_STAT_AREA], stats[:, : cv2.CC_STAT_AREA])
