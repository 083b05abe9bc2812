"""Masks that were written in another way than they are read, and what shows it.

Run lengths do not say which way they go. Writers of them swap inside and outside (they leave out
the first run, of 0 pixels, of a garment that begins at the top left), go along the rows instead
of down the columns (numpy's ``ravel`` without ``order="F"``), or are for a copy of the photo of
another size: then the garment is stripes all over the photo.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.core.finding import FindingKind
from curation.core.rle import Rle

_FEWEST_RUNS = 8
"""Of fewer, neighbours say nothing."""

_APART, _TOGETHER = 0.7, 0.8
"""Share of a mask's pixels whose next one along the row is inside, too. Of 5,805 garments of CCP
none has less than 0.82; stripes have few, and many once they are read as they were written."""

_BORDER = 0.95
"""Share of a photo's edge that is inside an inverse mask. A garment that is cut off by all four
sides has the whole edge, too: who looks at it sees which."""


def inverse(mask: Rle) -> Rle:
    """Inside and outside swapped.

    >>> rle.decode(inverse(rle.from_counts([1, 2, 1], 2, 2))).astype(int)
    array([[1, 0],
           [0, 1]])
    """
    counts = rle.to_counts(mask)
    swapped = counts[1:] if counts[0] == 0 else np.insert(counts, 0, 0)
    return rle.from_counts(swapped, mask.height, mask.width)


def along_rows(mask: Rle) -> Rle:
    """The same runs, along the rows from the top left.

    >>> rle.decode(along_rows(rle.from_counts([0, 3, 3], 3, 2))).astype(int)
    array([[1, 1],
           [1, 0],
           [0, 0]])
    """
    pixels = rle.decode(mask).ravel(order="F")
    return rle.encode(pixels.reshape(mask.height, mask.width))


def by_shape(mask: Rle) -> FindingKind | None:
    """How a mask seems to have been written, by its shape alone; None where nothing is odd.

    A square photo's rows and columns cannot be told apart so.
    """
    counts = rle.to_counts(mask)
    starts, ends = rle.edges(counts)
    height, width, area = mask.height, mask.width, int((ends - starts).sum())
    pixels = height * width
    if pixels / 2 < area < pixels and _on_border(starts, ends, height, width) >= _BORDER:
        return FindingKind.INVERSE_MASK
    if len(starts) < _FEWEST_RUNS or _goes_on(starts, ends, height) >= _APART * area:
        return None
    if _beside(starts, ends, height) >= _APART:
        return None
    if height != width and _beside(starts, ends, width) >= _TOGETHER:
        return FindingKind.ROW_MAJOR
    # A strap that lies aslant has its next pixels elsewhere too, but goes on from column to column.
    crosses = (starts // height != (ends - 1) // height).any()
    stride = int(np.median(np.diff(starts)))
    return FindingKind.STRIPES if crosses and _beside(starts, ends, stride) >= _TOGETHER else None


def _goes_on(starts: NDArray[np.int64], ends: NDArray[np.int64], height: int) -> int:
    """Pixels inside whose next one along the row is in one of the two runs that follow.

    No more than :func:`_beside` counts, and enough of most garments, in a fraction of its time.
    """
    shared = 0
    for later in (1, 2):
        first = np.maximum(starts[:-later] + height, starts[later:])
        last = np.minimum(ends[:-later] + height, ends[later:])
        shared += int(np.maximum(last - first, 0).sum())
    return shared


def _beside(starts: NDArray[np.int64], ends: NDArray[np.int64], stride: int) -> float:
    """Share of the pixels inside whose neighbour, ``stride`` further on in the runs, is too."""
    both = _inside_before(starts, ends, ends + stride) - _inside_before(
        starts, ends, starts + stride
    )
    return float(both.sum() / (ends - starts).sum())


def _on_border(
    starts: NDArray[np.int64], ends: NDArray[np.int64], height: int, width: int
) -> float:
    """Share of the pixels along the photo's four sides that are inside."""
    columns = np.arange(width) * height
    last = (width - 1) * height
    border = np.concatenate([
        columns, columns + height - 1, np.arange(height), np.arange(last, last + height)
    ])  # fmt: skip
    inside = _inside_before(starts, ends, border + 1) - _inside_before(starts, ends, border)
    return float(inside.mean())


def _inside_before(
    starts: NDArray[np.int64], ends: NDArray[np.int64], positions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many pixels inside come before each position of the runs."""
    lengths = ends - starts
    before = np.append(0, lengths.cumsum())
    run = np.searchsorted(starts, positions, side="right") - 1
    within = np.clip(positions - starts[run], 0, lengths[run])
    return np.where(run < 0, 0, before[run] + within)
