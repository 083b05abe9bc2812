"""Binary masks and label maps as arrays: crop, paint, resize."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from curation import rle
from curation.rle import Rle

VOID = 255
"""Label map value of pixels that neither teach nor count."""


def crop(mask: Rle) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
    """The tight crop of a mask and its box.

    Returns:
        (h, w) bool array, and (left, top, width, height) in pixels; both empty
        (0, 0) and zeros for an empty mask
    """
    left, top, width, height = box = rle.bbox(mask)
    return rle.decode(mask)[top : top + height, left : left + width], box


def paste(piece: NDArray, left: int, top: int, height: int, width: int) -> Rle:
    """The inverse of :func:`crop`: a (h, w) piece at (left, top) in a (height, width) photo.

    Raises:
        ValueError: the piece sticks out of the photo
    """
    h, w = piece.shape
    if left < 0 or top < 0 or left + w > width or top + h > height:
        raise ValueError(f"a {w}x{h} piece at ({left}, {top}) sticks out of {width}x{height}")
    canvas = np.zeros((height, width), dtype=bool)
    canvas[top : top + h, left : left + w] = piece
    return rle.encode(canvas)


def sample_points(length: int, target: int) -> NDArray[np.intp]:
    """(target,) source indices of a nearest resize with aligned pixel centres."""
    return ((np.arange(target) + 0.5) * length / target).astype(np.intp)


def resize_nearest(array: NDArray, height: int, width: int) -> NDArray:
    """(H, W) to (height, width); only values that were there come out."""
    rows = sample_points(array.shape[0], height)
    columns = sample_points(array.shape[1], width)
    return array[np.ix_(rows, columns)]


def paint(
    layers: Iterable[tuple[int, Rle]], height: int, width: int, size: int | None = None
) -> NDArray[np.uint8]:
    """Paints masks bottom to top into a label map.

    Args:
        layers: (class id, mask) in paint order: later ones cover earlier ones
        height, width: size of the photo in pixels
        size: side of the square label map (nearest resize); None keeps the size

    Returns:
        (H, W) or (size, size) uint8, 0 background, 255 void
    """
    label_map = np.zeros((size or height, size or width), dtype=np.uint8)
    for class_id, mask in layers:
        inside = rle.decode(mask)
        if size:
            inside = resize_nearest(inside, size, size)
        label_map[inside] = class_id
    return label_map
