"""Errors planted on purpose into labels, with known truth.

The demo shows that they are found again, the benchmark counts it, and the
flagger learns from them. Kinds and strengths follow the errors that people make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from curation import rle
from curation.records import ImageRecord, Instance, instance_ids
from curation.rle import Rle

ERROR_TYPES = ("swapped", "dropped", "spurious", "shifted", "boundary", "merged")

_FEWEST_CHANGED = 24 / (128 * 128)
"""Share of the photo that an error must change: less than that nobody calls one."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One error and the truth about it.

    Attributes:
        image_id: the photo
        error_type: one of ``ERROR_TYPES``
        category: as it was before; of a spurious instance, as given
        mask: the true mask of a dropped instance, else the mask as given now
        instance_id: of the spoilt instance in the spoilt record, see
            ``records.instance_ids``; None where the instance was dropped
    """

    image_id: str
    error_type: str
    category: str
    mask: Rle
    instance_id: str | None


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """A photo's instances with one error; ``index`` is None where one was dropped."""

    instances: tuple[Instance, ...]
    index: int | None
    was: Instance


@dataclass(frozen=True, slots=True)
class _Ground:
    """What an error may draw on: all records, and the group of each category."""

    records: Sequence[ImageRecord]
    groups: Mapping[str, str]

    def candidates(self, record: ImageRecord) -> list[int]:
        """Indices of the instances that count under the target vocabulary and can be seen."""
        return [
            i
            for i, instance in enumerate(record.instances)
            if instance.category in self.groups
            and rle.area(instance.mask) >= fewest_pixels(record.height, record.width)
        ]


def plant(
    records: Sequence[ImageRecord],
    rng: np.random.Generator,
    share: float = 0.2,
    types: Sequence[str] = ERROR_TYPES,
    *,
    groups: Mapping[str, str],
) -> tuple[list[ImageRecord], list[Planted]]:
    """Spoils one instance in a share of the photos.

    The types take turns, so that all occur; where a photo has no place for the
    type whose turn it is, it gets another one. Fewer photos than asked are
    spoilt when too few have a place for any. A spoilt instance keeps its source
    and loses its polygons; a spurious one has no source.

    Args:
        records: the labels as given, not changed
        rng: decides everything
        share: of the photos, 0 to 1
        types: some of ``ERROR_TYPES``
        groups: category of the labels -> category of the vocabulary trained on;
            a category that it lacks is left alone, a swap changes the group

    Returns:
        all records in their order, and the errors in the order of the records

    Raises:
        ValueError: a share outside 0 to 1, or an unknown error type

    >>> from pathlib import Path
    >>> shirt = Instance("shirt", rle.encode(np.eye(64)), source="a.csv:2")
    >>> records = [ImageRecord("a", Path("a.jpg"), 64, 64, (shirt,))]
    >>> rng = np.random.default_rng(0)
    >>> spoilt, errors = plant(records, rng, 1.0, ["swapped"], groups={"shirt": "1", "skirt": "2"})
    >>> spoilt[0].instances[0].category, errors[0].category
    ('skirt', 'shirt')
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not between 0 and 1")
    if unknown := [name for name in types if name not in ERROR_TYPES]:
        raise ValueError(f"error type {unknown[0]!r} is not one of {', '.join(ERROR_TYPES)}")
    ground = _Ground(records, groups)
    wanted = round(share * len(records))
    planted: dict[int, tuple[ImageRecord, Planted]] = {}
    count: Counter[str] = Counter()
    order = {name: i for i, name in enumerate(types)}
    for place in rng.permutation(len(records)).tolist():
        if len(planted) == wanted:
            break
        for error_type in sorted(types, key=lambda name: (count[name], order[name])):
            spoilt = _SPOIL[error_type](records[place], ground, rng)
            if spoilt is not None:
                planted[place] = _finished(records[place], error_type, spoilt)
                count[error_type] += 1
                break
    result = [planted[i][0] if i in planted else record for i, record in enumerate(records)]
    return result, [planted[i][1] for i in sorted(planted)]


def fewest_pixels(height: int, width: int) -> int:
    """Pixels that an error must change in a photo of this size: 24 in a view of 128x128."""
    return int(np.ceil(_FEWEST_CHANGED * height * width))


def _finished(record: ImageRecord, error_type: str, spoilt: _Spoilt) -> tuple[ImageRecord, Planted]:
    changed = replace(record, instances=spoilt.instances)
    mask, name = spoilt.was.mask, None
    if spoilt.index is not None:
        mask, name = spoilt.instances[spoilt.index].mask, instance_ids(changed)[spoilt.index]
    return changed, Planted(record.image_id, error_type, spoilt.was.category, mask, name)


def _swapped(record: ImageRecord, ground: _Ground, rng: np.random.Generator) -> _Spoilt | None:
    """Another category, of another group: first a group, then one of its categories."""
    for i in _shuffled(ground.candidates(record), rng):
        instance = record.instances[i]
        others = {g for g in ground.groups.values() if g != ground.groups[instance.category]}
        if others:
            group = sorted(others)[rng.integers(len(others))]
            names = sorted(name for name, target in ground.groups.items() if target == group)
            category = names[rng.integers(len(names))]
            return _replaced(record, i, replace(instance, category=category, polygons=()))
    return None


def _dropped(record: ImageRecord, ground: _Ground, rng: np.random.Generator) -> _Spoilt | None:
    candidates = ground.candidates(record)
    if not candidates:
        return None
    i = candidates[rng.integers(len(candidates))]
    rest = record.instances[:i] + record.instances[i + 1 :]
    return _Spoilt(rest, None, record.instances[i])


def _spurious(record: ImageRecord, ground: _Ground, rng: np.random.Generator) -> _Spoilt | None:
    """A garment of another photo, moved, where its group does not yet stand."""
    for _ in range(8):
        donor = ground.records[int(rng.integers(len(ground.records)))]
        candidates = ground.candidates(donor)
        if donor.image_id == record.image_id or not candidates:
            continue
        instance = donor.instances[candidates[rng.integers(len(candidates))]]
        mask = _resized(rle.decode(instance.mask), record.height, record.width)
        mask = _moved(mask, rng.uniform(-0.3, 0.3, 2) * (record.width, record.height))
        new = mask.copy()
        for own in record.instances:
            if ground.groups.get(own.category) == ground.groups[instance.category]:
                new &= ~rle.decode(own.mask)
        if np.count_nonzero(new) >= fewest_pixels(record.height, record.width):
            added = Instance(instance.category, rle.encode(mask))
            return _Spoilt((*record.instances, added), len(record.instances), added)
    return None


def _shifted(record: ImageRecord, ground: _Ground, rng: np.random.Generator) -> _Spoilt | None:
    """Moved by 0.2 to 0.45 of the root of its area, in any direction."""

    def move(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        angle = rng.uniform(0, 2 * np.pi)
        distance = rng.uniform(0.2, 0.45) * np.sqrt(np.count_nonzero(mask))
        return _moved(mask, distance * np.array([np.cos(angle), np.sin(angle)]))

    return _reshaped(record, ground, rng, move)


def _boundary(record: ImageRecord, ground: _Ground, rng: np.random.Generator) -> _Spoilt | None:
    """Too wide, too narrow, a box, or a part cut off."""

    def blunder(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        reach = rng.uniform(0.08, 0.2) * np.sqrt(np.count_nonzero(mask))
        kind = rng.choice(["wide", "narrow", "box", "cut"])
        if kind == "wide":
            return np.asarray(_distance(~mask) <= reach)
        if kind == "narrow":
            return np.asarray(_distance(mask) > reach)
        rows, columns = np.nonzero(mask)
        if kind == "box":
            box = np.zeros_like(mask)
            box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
            return box
        # the line leaves 55 to 85 % of the pixels on the side that is kept
        angle = rng.uniform(0, 2 * np.pi)
        along = rows * np.sin(angle) + columns * np.cos(angle)
        keep = along <= np.quantile(along, rng.uniform(0.55, 0.85))
        cut = np.zeros_like(mask)
        cut[rows[keep], columns[keep]] = True
        return cut

    return _reshaped(record, ground, rng, blunder)


def _merged(record: ImageRecord, ground: _Ground, rng: np.random.Generator) -> _Spoilt | None:
    """Two touching instances of two groups become one under the larger one's category."""
    candidates = ground.candidates(record)
    pairs = [
        (a, b)
        for a in candidates
        for b in candidates
        if a < b
        and ground.groups[record.instances[a].category]
        != ground.groups[record.instances[b].category]
    ]
    for k in _shuffled(list(range(len(pairs))), rng):
        small, large = sorted(pairs[k], key=lambda i: rle.area(record.instances[i].mask))
        lesser, greater = record.instances[small], record.instances[large]
        both = rle.union([lesser.mask, greater.mask])
        gained = rle.area(both) - rle.area(greater.mask)
        if gained < fewest_pixels(record.height, record.width):
            continue
        if _touch(lesser.mask, greater.mask):
            instances = list(record.instances)
            instances[large] = replace(greater, mask=both, polygons=())
            del instances[small]
            return _Spoilt(tuple(instances), large - (small < large), greater)
    return None


_SPOIL: dict[str, Callable[[ImageRecord, _Ground, np.random.Generator], _Spoilt | None]] = {
    "swapped": _swapped,
    "dropped": _dropped,
    "spurious": _spurious,
    "shifted": _shifted,
    "boundary": _boundary,
    "merged": _merged,
}


def _reshaped(
    record: ImageRecord,
    ground: _Ground,
    rng: np.random.Generator,
    change: Callable[[NDArray[np.bool_]], NDArray[np.bool_]],
) -> _Spoilt | None:
    """The first instance, in random order, whose mask changes enough and does not vanish."""
    # a change is drawn by chance, so one that was too small may be large enough the next time
    for i in 4 * _shuffled(ground.candidates(record), rng):
        before = rle.decode(record.instances[i].mask)
        after = change(before)
        enough = fewest_pixels(record.height, record.width)
        if np.count_nonzero(after ^ before) >= enough and np.count_nonzero(after) >= enough:
            changed = replace(record.instances[i], mask=rle.encode(after), polygons=())
            return _replaced(record, i, changed)
    return None


def _replaced(record: ImageRecord, index: int, instance: Instance) -> _Spoilt:
    instances = list(record.instances)
    instances[index] = instance
    return _Spoilt(tuple(instances), index, record.instances[index])


def _shuffled(items: list[int], rng: np.random.Generator) -> list[int]:
    return [items[i] for i in rng.permutation(len(items))]


def _moved(mask: NDArray[np.bool_], offset: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The mask moved by whole pixels (x, y); what leaves the frame is lost."""
    height, width = mask.shape
    x, y = np.clip(np.rint(offset).astype(int), (-width, -height), (width, height))
    moved = np.zeros_like(mask)
    moved[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = mask[
        max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
    ]
    return moved


def _resized(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    whole = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return whole.astype(bool)


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) pixels to the nearest pixel outside the mask, 0 outside."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)


def _touch(a: Rle, b: Rle) -> bool:
    """Whether two masks overlap or lie a hair apart, as hand-drawn outlines of neighbours do."""
    gap = max(1, round(max(a.height, a.width) / 256))
    kernel = np.ones((2 * gap + 1, 2 * gap + 1), np.uint8)
    grown = cv2.dilate(rle.decode(a).astype(np.uint8), kernel).astype(bool)
    return bool((grown & rle.decode(b)).any())
