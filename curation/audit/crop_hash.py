"""What a photo would look like if it were cut, as hashes that are kept with its own."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Pixels of the square that hashes are made of: the input of the perceptual hash."""

FREQUENCIES = 8
"""The lowest of each direction; a hash has a bit for each pair of them."""

Window = tuple[float, float]

WHOLE: Window = (0.0, 1.0)
WINDOWS: tuple[Window, ...] = (
    (0.0, 0.9), (0.05, 0.95), (0.1, 1.0),
    (0.0, 0.8), (0.1, 0.9), (0.2, 1.0),
)  # fmt: skip
"""What is left of a side that was cut: from where to where."""

CROPS: tuple[tuple[Window, Window], ...] = (
    *((rows, columns) for rows in WINDOWS[:3] for columns in WINDOWS[:3]),
    *((rows, columns) for rows in WINDOWS[3:] for columns in WINDOWS[3:]),
    *((rows, WHOLE) for rows in WINDOWS),
)
"""Of rows and of columns. People are cut at head and feet, so rows are cut alone, too."""


def crop_hashes(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The perceptual hash of each of :data:`CROPS`, as ``imagehash.phash`` has its bits.

    Args:
        gray: (SIDE, SIDE) the photo

    Returns:
        (24, 8) big-endian
    """
    basis = np.concatenate([_basis(window) for window in (WHOLE, *WINDOWS)])
    both = (basis @ gray @ basis.T).reshape(-1, FREQUENCIES, len(basis) // FREQUENCIES, FREQUENCIES)
    index = {window: i for i, window in enumerate((WHOLE, *WINDOWS))}
    of = np.stack([both[index[rows], :, index[columns]].ravel() for rows, columns in CROPS])
    return np.packbits(of > np.median(of, axis=1, keepdims=True), axis=1)


@cache
def resampling(window: Window, cells: int) -> NDArray[np.float64]:
    """(cells, cells) makes the means of as many cells of a window out of those of the whole."""
    edges = np.linspace(*window, cells + 1)[:, None] * cells
    cell = np.arange(cells)
    share = np.minimum(edges[1:], cell + 1) - np.maximum(edges[:-1], cell)
    share = share.clip(min=0)
    return share / share.sum(axis=1, keepdims=True)


@cache
def _basis(window: Window) -> NDArray[np.float64]:
    """(FREQUENCIES, SIDE) the cosine transform (DCT-II) of a window's lowest frequencies."""
    angle = np.pi / SIDE * np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5)
    return np.cos(angle) @ resampling(window, SIDE)
