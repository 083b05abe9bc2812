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
        return [self._decode(rows, n) for n in range(len(self._shapes))]

    def _decode(self, rows: Sequence[np.void], n: int) -> NDArray[np.float32]:
        """One of the maps."""
        height, width, channels = self._shapes[n]
        planes = np.stack([row[f"bits{n}"] for row in rows])
        words = planes[:, BITS - 1].astype(np.int32)
        for byte in reversed(range(BITS - 1)):
            words <<= 8
            words |= planes[:, byte]
        made = np.empty((len(rows), height, width * channels), np.float32)
        steps = np.empty_like(words)
        for place in range(_GROUP):
            np.bitwise_and(words, 2**BITS - 1, out=steps)
            made.reshape(len(rows), _GROUP, -1)[:, place] = steps
            words >>= BITS
        # Whole lines at once: over the channels alone numpy would take twice the time.
        step, low = np.tile(np.stack([row[f"range{n}"] for row in rows]), width).swapaxes(0, 1)
        made *= step[:, None]
        made += low[:, None]
        return made.reshape(len(rows), height, width, channels)
