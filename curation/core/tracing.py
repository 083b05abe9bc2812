"""The outline of a mask along the edges of its pixels, for formats that have nothing but rings.

A corner lies where an outline turns. Along each line of the pixel grid the corners pair up, two by
two, as the ends of an edge; each corner ends one edge down its column and one along its row, so
following the edges goes once around every part and every hole. A hole is joined to what lies to
its left by a bridge, an edge that is gone there and back: a ring has no holes. All of it takes
time that grows with the corners and the pixels of the mask's box, not with the square of the holes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.core import masks
from curation.core.polygons import MAX_OUTLINE, Ring
from curation.core.rle import Rle

Numbers = NDArray[np.intp]


def trace(mask: Rle, longest: int = MAX_OUTLINE) -> list[Ring]:
    """One ring for each part of a mask; parts that only touch at a corner are two.

    ``polygons.rasterise(trace(mask), ...)`` gives the mask back exactly, and so do the rings one
    by one.

    Args:
        longest: pixels along a ring; where one would be longer, the mask is cut into its left and
            right half, and those are traced

    Returns:
        rings ``(x0, y0, x1, y1, ...)`` in pixels from the photo's top left corner, not closed;
        none of an empty mask
    """
    piece, (left, top, _, _) = masks.crop(mask)
    corner = np.array([left, top])
    return [
        tuple((ring + corner).ravel().astype(float).tolist()) for ring in _rings(piece, longest)
    ]


def _rings(piece: NDArray[np.bool_], longest: int) -> list[Numbers]:
    """The rings of a (h, w) mask, each (n, 2) of x, y."""
    corners = _Corners.of(piece)
    columns, rows = np.arange(corners.x.size), np.lexsort((corners.rank, corners.x, corners.y))
    cycles = _cycles(_following(columns, rows, corners.fills))
    holes = np.array([cycle[0] for cycle in cycles if not corners.fills[cycle[0]]], np.intp)
    if holes.size:
        corners, columns, rows = _bridged(piece, corners, rows, holes)
        cycles = _cycles(_following(columns, rows, corners.fills))
    found = []
    for cycle in cycles:
        ring = np.stack([corners.x[cycle], corners.y[cycle]], axis=1)
        steps = np.abs(ring - np.roll(ring, 1, axis=0)).sum(axis=1)
        ring = ring[steps > 0]  # a bridge may end on a corner that was there
        if steps.sum() + len(ring) > longest and piece.shape[1] > 1:
            middle = piece.shape[1] // 2
            right = _rings(piece[:, middle:], longest)
            return _rings(piece[:, :middle], longest) + [r + np.array([middle, 0]) for r in right]
        found.append(ring)
    return found


@dataclass(frozen=True, slots=True)
class _Corners:
    """The corners of a mask's outlines, down the columns, left to right.

    Where two pixels touch at a corner, it is there twice: as the end of the edge above it, and as
    that of the one below.

    Attributes:
        x, y: (n,) which lines of the pixel grid cross there
        fills: (n,) whether the pixel to its lower right is inside
        rank: (n,) which of two at one place comes first along the row
    """

    x: Numbers
    y: Numbers
    fills: NDArray[np.bool_]
    rank: Numbers

    @classmethod
    def of(cls, piece: NDArray[np.bool_]) -> _Corners:
        framed = np.pad(piece, 1).T
        above, below = framed[:, :-1], framed[:, 1:]
        turns = above[:-1] ^ above[1:] ^ below[:-1] ^ below[1:]
        touch = (above[:-1] == below[1:]) & (above[1:] == below[:-1]) & (above[:-1] ^ above[1:])
        x, y = np.nonzero(turns | touch)
        double = touch[x, y]
        x, y = x.repeat(1 + double), y.repeat(1 + double)
        second = np.append(False, (x[1:] == x[:-1]) & (y[1:] == y[:-1]))[: x.size]
        # Around a pixel to the upper left, an edge from above goes on to the left; else it goes
        # on to the right. So pixels that touch at a corner alone are not joined.
        rank = np.where(above[:-1][x, y], second, -second.astype(np.intp))
        return cls(x, y, below[1:][x, y], rank)


def _following(columns: Numbers, rows: Numbers, fills: NDArray[np.bool_]) -> list[int]:
    """The corner after each, with the inside to the right as one walks.

    Args:
        columns, rows: the corners by the vertical, and by the horizontal edges that they end: the
            two ends of an edge stand together, the upper and the left one first
    """
    after = np.empty(fills.size, np.intp)
    top, bottom = columns[0::2], columns[1::2]
    up = fills[top]
    after[np.where(up, bottom, top)] = np.where(up, top, bottom)
    left, right = rows[0::2], rows[1::2]
    forth = fills[left]
    after[np.where(forth, left, right)] = np.where(forth, right, left)
    return after.tolist()


def _cycles(after: list[int]) -> list[list[int]]:
    """The corners of each ring, from the upper one of its leftmost edge on."""
    seen = bytearray(len(after))
    found = []
    for start in range(len(after)):
        if not seen[start]:
            cycle, corner = [], start
            while not seen[corner]:
                seen[corner] = 1
                cycle.append(corner)
                corner = after[corner]
            found.append(cycle)
    return found


def _bridged(
    piece: NDArray[np.bool_], corners: _Corners, rows: Numbers, holes: Numbers
) -> tuple[_Corners, Numbers, Numbers]:
    """Each hole joined with the outline to its left, along the row line of its first corner.

    That outline's own first corner lies further left, so that no bridges close a circle.

    Args:
        holes: the first corner of each

    Returns:
        the corners, and their order by vertical and by horizontal edges
    """
    x, y = corners.x, corners.y
    # A bridge has pixels of the part on both sides; it ends where one of them is outside.
    beside = np.pad(piece[1:] & piece[:-1], ((1, 1), (1, 0)))
    gaps = np.flatnonzero(~beside)
    width = beside.shape[1]
    end_y = y[holes]
    end_x = gaps[gaps.searchsorted(end_y * width + x[holes], side="right") - 1] % width
    order = np.lexsort((end_y, end_x))
    holes, end_x, end_y = holes[order], end_x[order], end_y[order]
    # Two corners for each end, on the vertical edge there: where the walk comes back, going on
    # upwards, and where it leaves.
    back = x.size + np.arange(0, 2 * holes.size, 2)
    leave = back + 1
    height = len(beside)
    edge = (x * height + y).searchsorted(end_x * height + end_y) | 1
    columns = np.insert(np.arange(x.size), edge.repeat(2), np.stack([back, leave], axis=1).ravel())
    rows = rows.copy()
    place = np.empty(x.size, np.intp)
    place[rows] = np.arange(x.size)
    rows[place[holes]] = back
    rows = np.append(rows, np.stack([leave, holes], axis=1))
    fills = np.append(corners.fills, np.tile([False, True], holes.size))
    joined = _Corners(
        np.append(x, end_x.repeat(2)), np.append(y, end_y.repeat(2)), fills, corners.rank
    )
    return joined, columns, rows
