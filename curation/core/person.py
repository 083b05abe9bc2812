"""Where a person is in a photo, as two networks see it, and how well labels fit that.

The networks themselves are in :mod:`training.person`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.core import masks
from curation.core.records import ImageRecord
from curation.core.taxonomy import IGNORE

SIDE = 128
"""Pixels of a silhouette, of whatever shape the photo is."""
LANDMARKS = 33
"""Those of BlazePose (arXiv 2006.10204): nose, eyes, ears, mouth, then shoulders to feet."""

_NO_GARMENT = {"background", IGNORE}


@dataclass(frozen=True, slots=True)
class Person:
    """What is seen of a person in a photo.

    Attributes:
        silhouette: (SIDE, SIDE) bool, the photo stretched to a square
        landmarks: (LANDMARKS, 3) float32: x and y in widths and heights of the photo, also beyond
            0 and 1, and how surely it can be seen, 0 to 1
        confidence: 0 to 1: how far one person explains the photo. The pose's own score times the
            IoU of its mask with the silhouette: near 1 for one person, low for none or several
        ratio: width of the photo by its height
    """

    silhouette: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    confidence: float
    ratio: float


Transform = Callable[[NDArray], NDArray]
"""Of (..., H, W) masks."""

TRANSFORMS: Mapping[str, Transform] = {
    "mirrored": lambda mask: mask[..., ::-1],
    "upside down": lambda mask: mask[..., ::-1, :],
    "turned by 180 degrees": lambda mask: mask[..., ::-1, ::-1],
}
"""What tools and scripts do to all labels of a photo by mistake."""


def labelled(record: ImageRecord) -> NDArray[np.bool_]:
    """(SIDE, SIDE) where any label of a photo lies, but what is ignored or called background."""
    rows, columns = (masks.sample_points(n, SIDE) for n in (record.height, record.width))
    union = np.zeros((SIDE, SIDE), bool)
    for instance in record.instances:
        if instance.category.casefold() not in _NO_GARMENT:
            union |= masks.sample(instance.mask, rows, columns)
    return union


def agreement(mask: NDArray[np.bool_], silhouettes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of what is labelled with each silhouette.

    Hair and skin are part of a silhouette and seldom labelled: of right labels it is far from 1.

    Args:
        mask: (H, W)
        silhouettes: (N, H, W)

    Returns:
        (N,), 0 where both are empty

    >>> halves = np.array([np.arange(4) < 2, np.arange(4) < 3])[:, None]
    >>> agreement(halves[0], halves).round(2)
    array([1.  , 0.67])
    """
    common = np.count_nonzero(silhouettes & mask, axis=(1, 2))
    return common / np.maximum(np.count_nonzero(silhouettes | mask, axis=(1, 2)), 1)
