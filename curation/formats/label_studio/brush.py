"""Label Studio's brush masks: the run lengths of rle-pack over the photo's RGBA bytes.

A stream of bits, the highest of each byte first. Its head: 32 bits for how many words are packed,
5 for the bits of a word less 1, and 4 x 4 for the bits of the four sizes of a length, each less 1.
Then packets, until all words are there: 1 bit that says whether a word is repeated, 2 bits that
choose the size, a length less 1 in so many bits, and one word, or as many as the length says.
Words are bytes: red, green, blue and alpha of each pixel along the rows. Where alpha is not 0,
however faint the edge of a stroke, is inside: so Label Studio shows a mask again that it has saved.
Specification: https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack, and
https://labelstud.io/guide/export#Decode-the-exported-brush-annotations
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.core.rle import Rle

_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class Brush:
    """A brush mask as it is packed."""

    packed: bytes

    def draw(self, height: int, width: int) -> Rle:
        """The mask over a photo of this size in pixels.

        Raises:
            ValueError: the runs are cut off, or are not those of a photo of this size
        """
        return decode(self.packed, height, width)


def decode(packed: bytes, height: int, width: int) -> Rle:
    """Label Studio's packed run lengths to an :class:`~curation.core.rle.Rle`.

    Args:
        packed: what the export has as a list of bytes
        height, width: size of the photo in pixels

    Raises:
        ValueError: the runs are cut off, or are not those of a photo of this size
    """
    rle.check_size(height, width)
    alpha = _unpack(packed, height * width * _CHANNELS)[_CHANNELS - 1 :: _CHANNELS]
    return rle.encode(alpha.reshape(height, width))


def _unpack(packed: bytes, words: int) -> NDArray[np.bool_]:
    """(words,) of each packed word whether it is another than 0."""
    bits = _Bits(packed)
    count, word_size = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if count != words:
        raise ValueError(f"the run lengths are of {count} values, the photo has {words}")
    shown = np.zeros(words, dtype=bool)
    done = 0
    while done < words:
        is_run = bits.read(1)
        length = bits.read(sizes[bits.read(2)]) + 1
        if done + length > words:
            raise ValueError("a run goes past the end of the photo")
        part = shown[done : done + length]
        part[:] = bits.read(word_size) != 0 if is_run else bits.read_set(length, word_size)
        done += length
    return shown


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def read(self, size: int) -> int:
        """The number in the next bits."""
        start, stop = self._pass(size)
        part = int.from_bytes(self.data[start >> 3 : stop + 7 >> 3], "big")
        return part >> (-stop & 7) & ((1 << size) - 1)

    def read_set(self, count: int, size: int) -> NDArray[np.bool_]:
        """(count,) of each of the next numbers whether it is another than 0."""
        start, stop = self._pass(count * size)
        part = np.frombuffer(self.data[start >> 3 : stop + 7 >> 3], np.uint8)
        inside = np.unpackbits(part)[start & 7 :][: count * size]
        return np.bitwise_or.reduce(inside.reshape(count, size), axis=1) != 0

    def _pass(self, size: int) -> tuple[int, int]:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data) * 8:
            raise ValueError("the run lengths are cut off")
        return start, self.at
