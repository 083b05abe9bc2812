"""Run-length masks: iMaterialist pairs <-> COCO counts, and arithmetic on them.

Every mask in the core is an :class:`Rle`: exact, over the whole photo, a few
hundred bytes. pycocotools does the work in C. Both formats run down the
columns (column-major, Fortran order) and start at the top left.

Sources: the pairs are described on the data page of iMaterialist (Fashion)
2019/2020 ("pairs of values that contain a start position and a run length",
1-based, numbered from top to bottom, then left to right); the compressed
counts are those of the COCO API (``pycocotools/mask.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco

from curation.core.finding import FindingKind

MAX_PIXELS = 200_000_000
"""No photo larger than this is believed: a wrong size must not eat the memory."""


@dataclass(frozen=True, slots=True)
class Rle:
    """A binary mask over a whole photo, as COCO's compressed run lengths.

    Attributes:
        height, width: size of the photo in pixels
        counts: COCO's compressed counts, column-major, first run is background
    """

    height: int
    width: int
    counts: bytes

    def __post_init__(self) -> None:
        check_size(self.height, self.width)

    def __reduce__(self) -> tuple:
        """Through pickle in half the time that a dataclass takes by itself."""
        return Rle, (self.height, self.width, self.counts)

    def as_coco(self) -> dict:
        return {"size": [self.height, self.width], "counts": self.counts}


def check_size(height: int, width: int) -> None:
    """Raises ValueError unless 0 < height * width <= MAX_PIXELS."""
    if height <= 0 or width <= 0:
        raise ValueError(f"image size {width}x{height} is not positive")
    if height * width > MAX_PIXELS:
        raise ValueError(f"image size {width}x{height} is above {MAX_PIXELS} pixels")


def from_pairs(pairs: str | ArrayLike, height: int, width: int) -> Rle:
    """iMaterialist's ``start length start length ...`` to an :class:`Rle`.

    Args:
        pairs: a string of integers or an array of them; starts are 1-based and
            column-major (down the first column, then the second)
        height, width: size of the photo in pixels

    Raises:
        ValueError: an odd number of values, something that is not an integer,
            a length below 1, a start below 1, runs that overlap, or a run past
            the last pixel

    >>> decode(from_pairs("2 2 8 1", 4, 3)).astype(int)
    array([[0, 0, 0],
           [1, 0, 0],
           [1, 0, 0],
           [0, 1, 0]])
    """
    mask, repaired = repair_pairs(pairs, height, width)
    if repaired:
        raise ValueError(" and ".join(repaired))
    return mask


def repair_pairs(
    pairs: str | ArrayLike, height: int, width: int
) -> tuple[Rle, tuple[FindingKind, ...]]:
    """:func:`from_pairs` that repairs what can be repaired, and says so.

    Args:
        pairs, height, width: see there

    Returns:
        the mask, and what was repaired: ``RUN_PAST_END`` (what lies past the last pixel
        is cut off) and ``OVERLAPPING_RUNS`` (the mask is the pixels inside any)

    Raises:
        ValueError: as :func:`from_pairs`, over what cannot be repaired
    """
    check_size(height, width)
    values = _integers(pairs) if isinstance(pairs, str) else np.asarray(pairs, np.int64).ravel()
    if values.size == 0:
        raise ValueError("EncodedPixels is empty")
    if values.size % 2:
        raise ValueError(f"EncodedPixels has {values.size} values: pairs are cut off")
    pixels = height * width
    # Numbers near 2**63 must not wrap around.
    starts, lengths = np.minimum(values, pixels + 1).reshape(-1, 2).T
    if min(starts.min(), lengths.min()) < 1:
        raise ValueError("a run has a length or a start below 1")
    starts = starts - 1
    ends = starts + lengths
    repaired = []
    if ends.max() > pixels:
        repaired.append(FindingKind.RUN_PAST_END)
        starts, ends = starts[starts < pixels], np.minimum(ends, pixels)[starts < pixels]
        if not starts.size:
            raise ValueError(f"all runs lie past the end of the {width}x{height} photo")
    if (starts[1:] < ends[:-1]).any():
        order = np.argsort(starts, kind="stable")
        starts, ends = starts[order], np.maximum.accumulate(ends[order])
        if (starts[1:] < ends[:-1]).any():
            repaired.append(FindingKind.OVERLAPPING_RUNS)
            first = np.append(True, starts[1:] > ends[:-1])
            starts, ends = starts[first], ends[np.append(first[1:], True)]
    counts = np.empty(starts.size * 2 + 1, dtype=np.int64)
    counts[0], counts[-1] = starts[0], pixels - ends[-1]
    counts[1::2] = ends - starts
    counts[2:-1:2] = starts[1:] - ends[:-1]
    return from_counts(counts, height, width), tuple(repaired)


def from_counts(counts: Sequence[int] | NDArray[np.integer], height: int, width: int) -> Rle:
    """Uncompressed COCO counts (background first, column-major) to an :class:`Rle`.

    Args:
        counts: (n,) lengths of the runs in pixels, outside and inside by turns
        height, width: size of the photo in pixels

    Raises:
        ValueError: a negative count, or counts that do not add up to the photo
    """
    check_size(height, width)
    values = np.asarray(counts, dtype=np.int64)
    if values.size == 0 or values.min() < 0:
        raise ValueError("counts are empty or negative")
    # One by one first: a sum of wrong counts can go round and come out right.
    if values.max() > height * width or values.sum() != height * width:
        raise ValueError(f"counts add up to {values.sum()}, the photo has {height * width} pixels")
    runs = _canonical(values) if (values[1:] == 0).any() else values
    packed = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return Rle(height, width, packed["counts"])


def to_counts(rle: Rle) -> NDArray[np.int64]:
    """An :class:`Rle` to uncompressed COCO counts: (n,) int64, background first, column-major.

    Raises:
        ValueError: the compressed counts are not those of a mask of this size

    >>> to_counts(from_pairs("2 2 8 1", 4, 3)).tolist()
    [1, 2, 4, 1, 4]
    """
    runs = _unpack(rle.counts)
    # pycocotools checks nothing: it reads and writes past its memory over wrong counts.
    pixels = rle.height * rle.width  # each is bounded first: a sum may wrap around
    if not runs.size or runs.min() < 0 or runs.max() > pixels or runs.sum() != pixels:
        raise ValueError(f"the counts do not fill a mask of {rle.width}x{rle.height}")
    return runs


def edges(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of uncompressed counts starts and ends (exclusive), column-major."""
    ends = counts.cumsum()
    return ends[: counts.size // 2 * 2 : 2], ends[1::2]


def to_pairs(rle: Rle) -> NDArray[np.int64]:
    """An :class:`Rle` to iMaterialist pairs: (2 n,) int64, 1-based, column-major."""
    starts, ends = edges(to_counts(rle))
    return np.stack([starts + 1, ends - starts], axis=1).ravel()


def to_text(rle: Rle) -> str:
    """A mask for a cell of a CSV: height, width, counts.

    >>> to_text(from_pairs("2 2 8 1", 4, 3))
    '4 3 124O0'
    """
    return f"{rle.height} {rle.width} {rle.counts.decode('ascii')}"


def parse(text: str) -> Rle:
    """The inverse of :func:`to_text`.

    Raises:
        ValueError: not such a text, a size that is not positive or too large,
            or counts that do not fill it
    """
    if len(parts := text.split(" ", 2)) != 3:
        raise ValueError("a mask is height, width and counts, with a blank between")
    height, width, counts = parts
    result = Rle(int(height), int(width), counts.encode("ascii"))
    to_counts(result)
    return result


def encode(mask: NDArray) -> Rle:
    """(H, W) array, nonzero is inside, to an :class:`Rle`."""
    if mask.ndim != 2:
        raise ValueError(f"a mask has 2 axes (H, W), this one has {mask.ndim}")
    packed = coco.encode(np.asfortranarray(mask != 0, dtype=np.uint8))
    return Rle(mask.shape[0], mask.shape[1], packed["counts"])


def encode_box(inside: NDArray[np.bool_], left: int, top: int, height: int, width: int) -> Rle:
    """A mask that was kept as a part of its photo, to an :class:`Rle` of the photo.

    Takes the time of the part, not of the photo.

    Args:
        inside: (h, w) the part
        left, top: of the part, in pixels from the photo's top left corner
        height, width: size of the photo in pixels

    Raises:
        ValueError: the part leaves the photo

    >>> to_counts(encode_box(np.array([[True], [True]]), 1, 0, 2, 3)).tolist()
    [2, 2, 2]
    """
    check_size(height, width)
    rows, columns = inside.shape
    if min(left, top) < 0 or left + columns > width or top + rows > height:
        box = f"{columns}x{rows} at {left},{top}"
        raise ValueError(f"the mask ({box}) leaves the {width}x{height} photo")
    columns_apart = np.zeros((rows + 1, columns), dtype=bool)
    columns_apart[:rows] = inside
    edges = np.flatnonzero(np.diff(columns_apart.ravel(order="F"), prepend=False))
    column, row = np.divmod(edges, rows + 1)
    places = (left + column) * height + top + row
    return from_counts(np.diff(places, prepend=0, append=height * width), height, width)


def decode(rle: Rle) -> NDArray[np.bool_]:
    """An :class:`Rle` to a (H, W) bool array."""
    return coco.decode(rle.as_coco()).astype(bool)


def area(rle: Rle) -> int:
    """Pixels inside."""
    return int(coco.area(rle.as_coco()))


def bbox(rle: Rle) -> tuple[int, int, int, int]:
    """(left, top, width, height) in pixels of the tight box; zeros for an empty mask."""
    left, top, width, height = coco.toBbox(rle.as_coco())
    return int(left), int(top), int(width), int(height)


def union(rles: Sequence[Rle]) -> Rle:
    """The pixels inside any of the masks. All must have one size."""
    _same_size(rles)
    packed = coco.merge([r.as_coco() for r in rles])
    return Rle(rles[0].height, rles[0].width, packed["counts"])


def intersection(a: Rle, b: Rle) -> int:
    """Pixels inside both.

    Raises:
        ValueError: they are of two sizes

    >>> intersection(from_pairs("1 2", 2, 2), from_pairs("2 2", 2, 2))
    1
    """
    _same_size([a, b])
    return int(coco.area(coco.merge([a.as_coco(), b.as_coco()], intersect=True)))


def iou(a: Rle, b: Rle) -> float:
    """Intersection over union of two masks; 0.0 when both are empty.

    Raises:
        ValueError: they are of two sizes

    >>> iou(from_pairs("1 2", 2, 2), from_pairs("2 2", 2, 2))
    0.3333333333333333
    """
    _same_size([a, b])
    return float(coco.iou([a.as_coco()], [b.as_coco()], [0])[0, 0])


def _integers(text: str) -> NDArray[np.int64]:
    if not text or text.isspace():  # numpy reads a 0 out of blanks
        return np.empty(0, np.int64)
    try:
        return np.fromstring(text, dtype=np.int64, sep=" ")
    except ValueError:
        raise ValueError("EncodedPixels holds something that is not an integer") from None


def _unpack(counts: bytes) -> NDArray[np.int64]:
    """COCO's compressed counts as numbers, which nothing has checked.

    Six bits a character, from ``0`` on: five of the number, lowest first, and
    one that says that more follow; the last one's highest bit is the sign.
    From the fourth on, a number is the difference to the last but one.

    Raises:
        ValueError: a character that is none of these, or a number cut off
    """
    digits = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - 48
    if not digits.size:
        return digits
    if digits.min() < 0 or digits.max() > 63:
        raise ValueError("the counts are not those of a mask")
    last = np.flatnonzero(digits < 32)
    if not last.size or last[-1] != digits.size - 1:
        raise ValueError("the counts are cut off")
    first = np.append(0, last[:-1] + 1)
    places = np.arange(digits.size) - np.repeat(first, last - first + 1)
    if places.max() > 5:  # MAX_PIXELS needs 28 bits and a sign
        raise ValueError("the counts are not those of a mask")
    values = np.add.reduceat((digits & 31) << (5 * places), first)
    values -= (digits[last] >> 4 & 1) << (5 * (places[last] + 1))
    values[1::2] = values[1::2].cumsum()
    values[2::2] = values[2::2].cumsum()
    return values


def _canonical(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """No empty run but the first: one mask then has one spelling, and one id."""
    inside = (np.arange(counts.size) % 2 == 1)[counts > 0]
    counts = counts[counts > 0]
    starts = np.flatnonzero(np.diff(inside, prepend=not inside[0]))
    runs = np.add.reduceat(counts, starts)
    return np.insert(runs, 0, 0) if inside[0] else runs


def _same_size(rles: Sequence[Rle]) -> None:
    sizes = {(r.height, r.width) for r in rles}
    if len(sizes) != 1:
        raise ValueError(f"masks of {len(sizes)} sizes cannot be combined: {sorted(sizes)}")
