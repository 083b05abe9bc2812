"""Photos that were cut out of others, as augmented data sets and shops have them.

Cutting off a tenth turns a photo's hash into another one, so it is held against the hashes of what
the other photo would be if it were cut, in :data:`~curation.audit.crop_hash.CROPS`; and its colors
against the colors there. A copy may be cut and mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.audit.crop_hash import CROPS, resampling
from curation.audit.duplicates import (
    BLACK,
    BLOCK,
    MIRRORED,
    NEAR_BITS,
    NEAR_COLOR,
    WHITE,
    joined,
    thumbnails,
)
from curation.audit.image_hash import CELLS, ImageHash

FAR_BITS = 26
"""Of 64, in which a photo and what was cut out of it may differ, to be looked at: a tenth off both
sides turns 22 at most, 15 % up to 26 in nine of ten. Of other photos, every fourth pair is as near.
"""

MEAN, SPREAD = 20, 12
"""Levels in which the mean and the standard deviation of a channel may differ: 97 % of photos
that lost up to a fifth differ by less. What is farther off has not to be looked at."""

OTHER_CELLS = 1 / 8
"""Of the cells that show something, those that may have another color: a photo is cut anywhere,
and held against crops that lie up to a twentieth beside it. Other photos of CCP that came as far
differ in 19 of 64 or more."""


def cropped(images: Sequence[ImageHash], known: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of photos, by image_id, that were cut out of one another.

    Args:
        known: the group of each photo by what is known already: those of one are not compared

    All pairs are gone through, in blocks.
    """
    cells = thumbnails(images)
    hashes = np.array([image.perceptual for image in images], np.uint64)
    none = bytes(8 * len(CROPS))
    crops = np.frombuffer(b"".join(image.crops or none for image in images), ">u8")
    crops = crops.astype(np.uint64).reshape(-1, len(CROPS))
    means, spreads = cells.mean(axis=(1, 2)), cells.std(axis=(1, 2))
    _, same = np.unique(np.array(known, object), return_inverse=True)
    group = np.arange(len(images))
    for start in range(0, len(images), BLOCK):
        differ = hashes[start : start + BLOCK, None] ^ hashes[start:]
        pairs = [np.empty((2, 0), np.intp)]
        for flip, looks in ((np.uint64(0), cells), (MIRRORED, cells[:, :, ::-1])):
            row, column = np.nonzero(np.bitwise_count(differ ^ flip) <= FAR_BITS)
            one, other = row + start, column + start
            apart = (one < other) & (same[one] != same[other])
            one, other = one[apart], other[apart]
            for levels, most in [*((x, MEAN) for x in means.T), *((x, SPREAD) for x in spreads.T)]:
                near = np.abs(levels[one] - levels[other]) <= most
                one, other = one[near], other[near]
            for whole, part in ((one, other), (other, one)):
                bits = np.bitwise_count(crops[whole] ^ (hashes[part] ^ flip)[:, None])
                for crop in np.flatnonzero((bits <= NEAR_BITS).any(axis=0)).tolist():
                    at = np.flatnonzero(bits[:, crop] <= NEAR_BITS)
                    like = _looks_like(looks[part[at]], cells[whole[at]], crop)
                    pairs.append(np.stack([whole[at[like]], part[at[like]]]))
        group = joined(group, np.concatenate(pairs, axis=1))
    members: dict[int, list[str]] = {}
    for image, of in zip(images, group.tolist(), strict=True):
        members.setdefault(of, []).append(image.image_id)
    return [tuple(its) for its in members.values() if len(its) > 1]


def _looks_like(
    parts: NDArray[np.int16], wholes: NDArray[np.int16], crop: int
) -> NDArray[np.bool_]:
    """(n,) whether thumbnails (n, rows, columns, 3) have the colors of a crop of others."""
    rows, columns = (resampling(window, CELLS) for window in CROPS[crop])
    cut = np.einsum("ai,nijk,bj->nabk", rows, wholes, columns)
    other = np.abs(cut - parts).max(axis=-1) > NEAR_COLOR
    white = (np.minimum(cut, parts) >= WHITE).all(axis=-1)
    black = (np.maximum(cut, parts) <= BLACK).all(axis=-1)
    telling = (~(white | black)).sum(axis=(1, 2))
    return other.sum(axis=(1, 2)) <= OTHER_CELLS * telling
