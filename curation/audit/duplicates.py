"""Photos that are one photo: byte for byte, or re-encoded, scaled, slightly cut.

Two looks find the latter: perceptual hashes that differ in few bits, which is
quick, and thumbnails of the same colours, so that two studio shots of one pose
in different clothes stay two. A mirrored photo is another photo to both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from curation.audit.image_hash import CELLS, ImageHash, first_location
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord

NEAR_BITS = 10
"""Of 64: two copies of which one lost 2 % at each edge differ in 4, two photos in 32."""

NEAR_COLOR = 40
"""Levels of 255 in the channel that differs most; cutting edges or another light changes less."""

OTHER_CELLS = 2
"""Cells of the 64 that may differ by more; another garment fills more than that."""

BLOCK = 64
"""Rows of the table of all pairs that are in memory at a time: 23 MB for 45,000 photos."""


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Photos that show the same.

    Attributes:
        image_ids: two or more, in the order they came in
        exact: the files are equal. Otherwise the photos look alike, and of
            equal files the group names the first
    """

    image_ids: tuple[str, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class ImageLabels:
    """What a photo's labels say, in little memory.

    Attributes:
        location: where the first of them stands, e.g. ``train.csv:1042``
        instances: category and 8-byte digest of the mask of each, sorted
    """

    location: str
    instances: tuple[tuple[str, bytes], ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """Sorted, with repetitions."""
        return tuple(category for category, _ in self.instances)


def summarise(record: ImageRecord) -> ImageLabels:
    """The labels of a record for :func:`audit_duplicates`."""
    digests = (
        (i.category, blake2b(i.mask.counts, digest_size=8).digest()) for i in record.instances
    )
    return ImageLabels(first_location(record), tuple(sorted(digests)))


def duplicates(hashes: Sequence[ImageHash]) -> list[DuplicateGroup]:
    """Groups of photos that are one photo: equal files first, then those that look alike.

    Looking alike is passed on: where a is like b and b like c, all three are a
    group. Every pair is compared, in blocks: 45,000 photos take seconds and
    less than 100 MB.
    """
    copies: dict[str, list[str]] = {}
    different: list[ImageHash] = []
    for image in hashes:
        if image.content not in copies:
            different.append(image)
        copies.setdefault(image.content, []).append(image.image_id)
    exact = [DuplicateGroup(tuple(ids), exact=True) for ids in copies.values() if len(ids) > 1]

    alike: dict[int, list[str]] = {}
    for image, group in zip(different, _groups(different).tolist(), strict=True):
        alike.setdefault(group, []).append(image.image_id)
    near = [DuplicateGroup(tuple(ids), exact=False) for ids in alike.values() if len(ids) > 1]
    return exact + near


def audit_duplicates(
    groups: Iterable[DuplicateGroup], labels: Mapping[str, ImageLabels]
) -> Iterator[Finding]:
    """The photos whose labels differ from what most of their group say.

    Equal files must have equal labels; photos that look alike, equal
    categories. Where no labels are the most common, the group's first photo is
    what the others are held against: either may be the wrong one.

    Args:
        labels: of every photo in a group
    """
    for group in groups:
        said = {
            i: labels[i].instances if group.exact else labels[i].categories for i in group.image_ids
        }
        usual, _ = Counter(said.values()).most_common(1)[0]
        model = next(i for i in group.image_ids if said[i] == usual)
        kind = FindingKind.EXACT_DUPLICATE if group.exact else FindingKind.NEAR_DUPLICATE
        for image_id in group.image_ids:
            if said[image_id] != usual:
                detail = _difference(labels[image_id], labels[model], model)
                where = labels[image_id].location
                yield Finding(kind, where, detail, image_id, other=model, beside=model)


def _difference(these: ImageLabels, those: ImageLabels, other: str) -> str:
    here, there = Counter(these.categories), Counter(those.categories)
    if here != there:
        return f"only here: {_list(here - there)}; only on {other}: {_list(there - here)}"
    same = (Counter(these.instances) & Counter(those.instances)).total()
    count = len(these.instances)
    return f"the categories are those of {other}, but {count - same} of {count} masks differ"


def _list(categories: Counter[str]) -> str:
    """``'dress' + 2 'shoe'``: quoted, since names have commas."""
    words = [repr(c) if n == 1 else f"{n} {c!r}" for c, n in sorted(categories.items())]
    return " + ".join(words) or "nothing"


def _groups(images: Sequence[ImageHash]) -> NDArray[np.intp]:
    """(n,) the group of each photo: the index of its first member."""
    hashes = np.array([image.perceptual for image in images], dtype=np.uint64)
    joined = b"".join(image.thumbnail for image in images)
    thumbnails = np.frombuffer(joined, np.uint8).reshape(-1, CELLS * CELLS, 3).astype(np.int16)
    group = np.arange(len(images))
    for start in range(0, len(images), BLOCK):
        bits = np.bitwise_count(hashes[start : start + BLOCK, None] ^ hashes[start:])
        pairs = np.empty((2, 0), np.intp)
        for row, near in enumerate(bits <= NEAR_BITS):
            image = start + row
            others = image + 1 + np.flatnonzero(near[row + 1 :])
            others = others[group[others] != group[image]]
            like = others[_looks_like(thumbnails[image], thumbnails[others])]
            pairs = np.append(pairs, [np.full(like.size, image), like], axis=1)
            # Thousands of blank photos are all pairs, and yet one group after the first.
            if pairs.shape[1] > BLOCK:
                group, pairs = _joined(group, pairs), pairs[:, :0]
        group = _joined(group, pairs)
    return group


def _joined(group: NDArray[np.intp], pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """The groups (n,) after pairs (2, m) of photos came together."""
    if not pairs.size:
        return group
    from scipy.sparse import coo_array  # not for workers, who import this and group nothing
    from scipy.sparse.csgraph import connected_components

    n = len(group)
    one, other = np.concatenate([[np.arange(n), group], pairs], axis=1)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return first[component]


def _looks_like(one: NDArray[np.int16], many: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(n,) whether thumbnails (n, cells, 3) have the colors of one (cells, 3)."""
    differ = np.abs(many - one).max(axis=2) > NEAR_COLOR
    return differ.sum(axis=1) <= OTHER_CELLS
