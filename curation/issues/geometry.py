"""Labels as boolean arrays, and the geometry that they are measured with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

Window = tuple[slice, slice]
"""Rows and columns of a photo that are looked at."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One label on its own mask, since garments overlap.

    Attributes:
        class_id: 1 to K - 1
        mask: (H, W) bool
    """

    class_id: int
    mask: Mask


def depth(mask: Mask) -> NDArray[np.float32]:
    """(H, W) pixels from inside a mask to its outline, 0 outside. The frame is an outline too."""
    # np.pad would take most of the time of this on thousands of small masks.
    framed = cv2.copyMakeBorder(mask.view(np.uint8), *4 * (1,), cv2.BORDER_CONSTANT, value=(0,))
    return cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]


def distance(mask: Mask) -> NDArray[np.float32]:
    """(H, W) pixels to a mask that is not empty, 0 in it."""
    return cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5)


def grown(mask: Mask, pixels: int) -> Mask:
    """The mask and so many pixels around it, diagonals included."""
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.view(np.uint8), kernel).view(bool)


def moved(mask: Mask, x: float, y: float) -> Mask:
    """The mask moved by whole pixels; what leaves the frame is lost."""
    height, width = mask.shape
    right, down = int(np.clip(round(x), -width, width)), int(np.clip(round(y), -height, height))
    result = np.zeros_like(mask)
    result[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = mask[
        max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
    ]
    return result


def around(mask: Mask, margin: int) -> Window:
    """The window of a mask that is not empty, so much wider on each side, cut at the frame."""
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        first, last = int(places[0]), int(places[-1])
        sides.append(slice(max(0, first - margin), min(mask.shape[1 - axis], last + 1 + margin)))
    return sides[0], sides[1]
