"""Photos that are one photo: byte for byte, or re-encoded, scaled, slightly cut, mirrored, or
made brighter or darker, as augmented data sets are handed out.

Two looks find the latter: perceptual hashes that differ in few bits, which is quick and hardly
minds the light, and thumbnails of the same colours, so that two studio shots of one pose in
different clothes stay two.
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

MIRRORED = np.uint64(0x5555_5555_5555_5555)
"""The bits that another sign of every odd frequency across flips: a mirror image's hash differs
from the flipped one in the bits near the median alone, up to 8 of them on 100 photos of CCP."""

NEAR_COLOR = 40
"""Levels of 255 in the channel that differs most; cutting edges or another light changes less."""

OTHER_CELLS = 2
"""Cells of the 64 that may differ by more; another garment fills more than that."""

BRIGHTEST = 2.0
"""How many times as bright as its copy a photo may be."""

BLACK, WHITE = 8, 250
"""Levels up to and from which a color does not tell how much brighter it was made."""

TELLING = 96
"""Of the 192 levels of a thumbnail, those between that have to be there to know: half. On a white
wall another light and another garment look the same: there, colors are compared as they are."""

BLOCK = 64
"""Rows of the table of all pairs that are in memory at a time: 23 MB for 45,000 photos."""


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Photos that show the same.

    Attributes:
        image_ids: two or more, in the order they came in
        exact: the files are equal. Otherwise the photos look alike, and of
            equal files the group names the first
        mirrored: those of them that show what the first shows the other way round
    """

    image_ids: tuple[str, ...]
    exact: bool
    mirrored: frozenset[str] = frozenset()


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

    alike: dict[int, list[int]] = {}
    cells = thumbnails(different)
    for index, group in enumerate(_groups(different, cells).tolist()):
        alike.setdefault(group, []).append(index)
    near = [
        DuplicateGroup(
            tuple(different[i].image_id for i in group),
            exact=False,
            mirrored=frozenset(
                different[i].image_id for i in group if _turned(cells[group[0]], cells[i])
            ),
        )
        for group in alike.values()
        if len(group) > 1
    ]
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


def thumbnails(images: Sequence[ImageHash]) -> NDArray[np.int16]:
    """(n, rows, columns, 3) the colors of each photo, 0 to 255."""
    joined = b"".join(image.thumbnail for image in images)
    return np.frombuffer(joined, np.uint8).reshape(-1, CELLS, CELLS, 3).astype(np.int16)


def _groups(images: Sequence[ImageHash], cells: NDArray[np.int16]) -> NDArray[np.intp]:
    """(n,) the group of each photo: the index of its first member."""
    hashes = np.array([image.perceptual for image in images], dtype=np.uint64)
    group = np.arange(len(images))
    for start in range(0, len(images), BLOCK):
        differ = hashes[start : start + BLOCK, None] ^ hashes[start:]
        alike = np.bitwise_count(differ) <= NEAR_BITS
        differ ^= MIRRORED
        turned = np.bitwise_count(differ) <= NEAR_BITS
        pairs = np.empty((2, 0), np.intp)
        for row in np.flatnonzero((alike | turned).any(axis=1)).tolist():
            image = start + row
            for near, looks in ((alike, cells), (turned, cells[:, :, ::-1])):
                others = image + 1 + np.flatnonzero(near[row, row + 1 :])
                others = others[group[others] != group[image]]
                like = others[_looks_like(cells[image], looks[others])]
                pairs = np.append(pairs, [np.full(like.size, image), like], axis=1)
            # Thousands of blank photos are all pairs, and yet one group after the first.
            if pairs.shape[1] > BLOCK:
                group, pairs = joined(group, pairs), pairs[:, :0]
        group = joined(group, pairs)
    return group


def joined(group: NDArray[np.intp], pairs: NDArray[np.intp]) -> NDArray[np.intp]:
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
    """(n,) whether thumbnails (n, rows, columns, 3) have the colors of one, in some light."""
    like = _same_colors(one, many)
    left = np.flatnonzero(~like)
    darker = (many[left].sum(axis=(1, 2, 3)) < one.sum())[:, None, None, None]
    dark, bright = np.where(darker, many[left], one), np.where(darker, one, many[left])
    telling = (dark > BLACK) & (bright < WHITE)
    enough = np.count_nonzero(telling, axis=(1, 2, 3)) >= TELLING
    left, dark, bright, telling = left[enough], dark[enough], bright[enough], telling[enough]
    totals = ((x * telling).sum(axis=(1, 2, 3), keepdims=True) for x in (bright, dark))
    brighter = np.divide(*totals)
    lit = _same_colors(np.minimum(dark * brighter, 255), bright)
    like[left] = lit & ((brighter > 1) & (brighter <= BRIGHTEST)).ravel()
    return like


def _same_colors(one: NDArray[np.number], many: NDArray[np.number]) -> NDArray[np.bool_]:
    """As :func:`_looks_like`, in the light that they are in; of one, or of as many."""
    differ = np.abs(many - one).max(axis=-1) > NEAR_COLOR
    return differ.sum(axis=(1, 2)) <= OTHER_CELLS


def _turned(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    """Whether the mirror image of the other thumbnail is nearer to one than it is itself.

    The nearer one, by the squares of their differences, has the larger inner product, and that is
    so in any light.
    """
    as_it_is, mirrored = (np.vdot(one.astype(np.int64), x) for x in (other, other[:, ::-1]))
    return bool(mirrored > as_it_is)
