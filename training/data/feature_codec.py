"""Feature maps in 3 bits: each channel of each photo in eight even steps of its own range.

Nothing is fitted to other photos, so what is stored of one photo depends on it alone, and any model
reads it: the maps come back with all their channels, each value off by half a step at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 3
_GROUP = 8
"""Values that share whole bytes: as many as these have bits."""


class FeatureCodec:
    """To and from rows of fixed size.

    Args:
        shapes: (h, w, channels) of the maps; each has a multiple of 8 values

    Attributes:
        dtype: of a row. For each map three planes of bytes, which hold 8 values where they hold a
            byte each: value ``i`` of each of the map's eighths; and what a step and the lowest
            value of each channel are
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]]) -> None:
        self._shapes = tuple(shapes)
        fields: list[tuple[str, Any, tuple[int, int]]] = []
        for n, shape in enumerate(self._shapes):
            fields += [
                (f"bits{n}", "u1", (BITS, prod(shape) // _GROUP)),
                (f"range{n}", "<f4", (2, shape[-1])),
            ]
        self.dtype = np.dtype(fields)

    def encode(self, maps: Sequence[NDArray[np.floating]]) -> NDArray[np.void]:
        """(B,) rows of (B, h, w, channels) finite maps."""
        rows = np.empty(len(maps[0]), self.dtype)
        for n, given in enumerate(maps):
            values = given.astype(np.float32)
            low, high = (x(axis=(1, 2), keepdims=True) for x in (values.min, values.max))
            step = (high - low) / np.float32(2**BITS - 1)
            steps = np.rint((values - low) / np.where(step > 0, step, 1)).astype(np.uint32)
            words = np.zeros(rows[f"bits{n}"][:, 0].shape, np.uint32)
            for place in range(_GROUP):
                words |= steps.reshape(len(rows), _GROUP, -1)[:, place] << BITS * place
            for byte in range(BITS):
                rows[f"bits{n}"][:, byte] = words >> 8 * byte & 255
            rows[f"range{n}"] = np.concatenate([step, low], axis=1)[:, :, 0]
        return rows

    def decode(self, rows: Sequence[np.void]) -> list[NDArray[np.float32]]:
        """(B, h, w, channels) maps of some rows."""
        maps = []
        for n, shape in enumerate(self._shapes):
            made = np.empty((len(rows), *shape), np.float32)
            for row, target in zip(rows, made, strict=True):
                words = np.zeros(prod(shape) // _GROUP, np.uint32)
                for byte, plane in enumerate(row[f"bits{n}"]):
                    words |= plane.astype(np.uint32) << 8 * byte
                for place, eighth in enumerate(target.reshape(_GROUP, -1)):
                    eighth[:] = words >> BITS * place & 2**BITS - 1
                step, low = row[f"range{n}"]
                target *= step
                target += low
            maps.append(made)
        return maps
