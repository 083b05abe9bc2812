"""Binary masks and label maps as arrays: crop, paint, resize."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.core.rle import Rle

IGNORE_INDEX = 255
"""Label map value of pixels that neither teach nor count."""

SMALLEST = 32
"""Pixels: a crop that is drawn smaller than the photo keeps at least this side, if it has it."""


def crop(
    mask: Rle, longest: int | None = None
) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
    """The tight crop of a mask and its box, without painting the photo.

    Args:
        longest: the photo's longer side is taken to be no longer than this, and the
            crop shrinks with it (nearest, as :func:`resize_nearest` of the whole
            crop), but no side of it below ``SMALLEST``. None keeps the size

    Returns:
        (h, w) bool array, and (left, top, width, height) in pixels; both empty
        (0, 0) and zeros for an empty mask
    """
    left, top, width, height = box = rle.bbox(mask)
    scale = min(1.0, longest / max(mask.height, mask.width)) if longest else 1.0
    h, w = (max(min(side, SMALLEST), round(side * scale)) for side in (height, width))
    return sample(mask, top + sample_points(height, h), left + sample_points(width, w)), box


def sample(mask: Rle, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The pixels of a mask where some rows and columns cross, computed run by run.

    Its cost goes with the runs and with what comes out, not with the photo.

    Args:
        rows, columns: (h,) and (w,) indices, ascending; they may repeat

    Returns:
        (h, w) bool array, C order
    """
    edges = rle.to_counts(mask).cumsum()
    in_column = np.bincount(columns, minlength=mask.width + 1)
    h, once = rows.size, np.minimum(in_column, 1)
    # How many of the asked pixels, down the columns, lie before an edge of a run?
    rows_before = np.bincount(rows + 1, minlength=mask.height).cumsum()
    columns_before = once.cumsum() - once
    column = edges // mask.height
    row = edges - column * mask.height
    lengths = columns_before[column] * h + once[column] * rows_before[row]
    lengths[1:] -= lengths[:-1].copy()
    flat = (np.arange(lengths.size) & 1).astype(bool).repeat(lengths)
    inside = flat.reshape(once.sum(), h)
    if columns.size > len(inside):
        inside = inside.repeat(in_column[in_column > 0], axis=0)
    return np.ascontiguousarray(inside.T)


def sample_points(length: int, target: int) -> NDArray[np.intp]:
    """The indices that a nearest resize with aligned pixel centres takes.

    Args:
        length, target: pixels of a side before and after

    Returns:
        (target,) indices, 0 to length - 1
    """
    return ((np.arange(target) + 0.5) * length / target).astype(np.intp)


def resize_nearest(array: NDArray, height: int, width: int) -> NDArray:
    """A map in another size; only values that were there come out.

    Args:
        array: (H, W) or (H, W, ...)
        height, width: pixels of the result

    Returns:
        (height, width) or (height, width, ...), of the same type
    """
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
        (H, W) or (size, size) uint8, 0 background, 255 ignored
    """
    label_map = np.zeros((size or height, size or width), dtype=np.uint8)
    if size:
        rows, columns = sample_points(height, size), sample_points(width, size)
        for class_id, mask in layers:
            label_map[sample(mask, rows, columns)] = class_id
        return label_map
    for class_id, mask in layers:
        # Its box alone: a photo may have a thousand beads.
        piece, (left, top, w, h) = crop(mask)
        label_map[top : top + h, left : left + w][piece] = class_id
    return label_map
