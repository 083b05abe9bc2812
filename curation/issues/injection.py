"""Errors planted on purpose into records, with known truth.

The demo shows that they are found again, and the benchmark counts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from curation.core import masks, rle
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.issues.corruptions import (
    KINDS,
    MODERATE,
    ErrorType,
    Scene,
    Strength,
    fewest_pixels,
)
from curation.issues.geometry import Labelled

TYPES = tuple(error_type for error_type in ErrorType if error_type is not ErrorType.DUPLICATED)
"""What is planted: what two labels of one thing are, an audit sees without a model."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One error and the truth about it.

    Attributes:
        image_id: the photo
        error_type: what was done
        category: as it was before; of a spurious instance, as given
        mask: the true mask of a missing instance, else the mask as given now
        instance_id: of the spoilt instance in the spoilt record; None where it was dropped
    """

    image_id: str
    error_type: ErrorType
    category: str
    mask: Rle
    instance_id: str | None


@dataclass(frozen=True)
class _Ground:
    """What an error may draw on: all records, and the group of each category."""

    records: Sequence[ImageRecord]
    groups: Mapping[str, str]
    strength: Strength

    @cached_property
    def names(self) -> list[str]:
        """The groups; their places here are their class ids."""
        return sorted(set(self.groups.values()))

    def counted(self, record: ImageRecord) -> list[int]:
        """Indices of the instances that count under the target vocabulary."""
        return [i for i, x in enumerate(record.instances) if x.category in self.groups]

    def labelled(self, instance: Instance) -> Labelled:
        return Labelled(self.names.index(self.groups[instance.category]), rle.decode(instance.mask))

    def category(self, class_id: int, rng: np.random.Generator) -> str:
        """Any category of a group."""
        return str(rng.choice([c for c, g in self.groups.items() if g == self.names[class_id]]))


def plant(
    records: Sequence[ImageRecord],
    rng: np.random.Generator,
    share: float = 0.2,
    types: Sequence[ErrorType] = TYPES,
    *,
    groups: Mapping[str, str],
    strength: Strength = MODERATE,
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
        types: what is planted
        groups: category of the labels -> category of the vocabulary trained on;
            a category that it lacks is left alone, a swap changes the group
        strength: how bad the errors are

    Returns:
        all records in their order, and the errors in the order of the records

    Raises:
        ValueError: a share outside 0 to 1

    >>> from pathlib import Path
    >>> shirt = Instance("shirt", rle.encode(np.eye(64)), source="a.csv:2")
    >>> records = [ImageRecord("a", Path("a.jpg"), 64, 64, (shirt,))]
    >>> rng = np.random.default_rng(0)
    >>> spoilt, errors = plant(records, rng, 1.0, TYPES[:1], groups={"shirt": "1", "skirt": "2"})
    >>> spoilt[0].instances[0].category, errors[0].category
    ('skirt', 'shirt')
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not between 0 and 1")
    ground = _Ground(records, groups, strength)
    wanted = round(share * len(records))
    planted: dict[int, tuple[ImageRecord, Planted]] = {}
    count: Counter[str] = Counter()
    order = {name: i for i, name in enumerate(types)}
    for place in rng.permutation(len(records)).tolist():
        if len(planted) == wanted:
            break
        for error_type in sorted(types, key=lambda name: (count[name], order[name])):
            spoilt = _spoil(ground, place, error_type, rng)
            if spoilt is not None:
                planted[place] = spoilt
                count[error_type] += 1
                break
    result = [planted[i][0] if i in planted else record for i, record in enumerate(records)]
    return result, [planted[i][1] for i in sorted(planted)]


def rename(
    records: Sequence[ImageRecord],
    rng: np.random.Generator,
    share: float,
    *,
    groups: Mapping[str, str],
    but: Collection[str] = (),
) -> tuple[list[ImageRecord], dict[str, str]]:
    """Gives one instance in a share of the photos another category of its group.

    Args:
        groups: as in :func:`plant`
        but: photos that are left alone, by image_id

    Returns:
        all records in their order, and the category that was, by the id of the instance now

    >>> from pathlib import Path
    >>> shirt = Instance("shirt", rle.encode(np.eye(8)))
    >>> records = [ImageRecord("a", Path("a.jpg"), 8, 8, (shirt,))]
    >>> groups = {"shirt": "upper-body", "jacket": "upper-body", "skirt": "lower-body"}
    >>> renamed, was = rename(records, np.random.default_rng(0), 1.0, groups=groups)
    >>> renamed[0].instances[0].category, list(was.values())
    ('jacket', ['shirt'])
    """
    result = list(records)
    was: dict[str, str] = {}
    wanted = round(share * len(records))
    for place in rng.permutation(len(records)).tolist():
        record = records[place]
        others = {
            i: [c for c, g in groups.items() if g == groups[x.category] and c != x.category]
            for i, x in enumerate(record.instances)
            if x.category in groups
        }
        possible = [i for i, names in others.items() if names]
        if len(was) == wanted or record.image_id in but or not possible:
            continue
        at = int(rng.choice(possible))
        instances = list(record.instances)
        instances[at] = replace(instances[at], category=str(rng.choice(others[at])))
        result[place] = _relabelled(record, instances)
        was[result[place].instances[at].instance_id] = record.instances[at].category
    return result, was


def _spoil(
    ground: _Ground, place: int, error_type: ErrorType, rng: np.random.Generator
) -> tuple[ImageRecord, Planted] | None:
    """A record with one error of a type in it, and the truth about it."""
    record = ground.records[place]
    counted = ground.counted(record)
    labels = [ground.labelled(record.instances[i]) for i in counted]

    def donor() -> Labelled | None:
        other = int(rng.integers(len(ground.records)))
        source = ground.records[other]
        candidates = ground.counted(source) if other != place else []
        if not candidates:
            return None
        label = ground.labelled(source.instances[rng.choice(candidates)])
        if np.count_nonzero(label.mask) < fewest_pixels(source.height, source.width):
            return None
        mask = masks.resize_nearest(label.mask, record.height, record.width)
        return replace(label, mask=mask)

    scene = Scene(labels, range(len(ground.names)), donor, rng, ground.strength)
    change = KINDS[error_type](scene)
    if change is None:
        return None
    instances = list(record.instances)
    match change.place, change.now:
        case None, Labelled() as now:
            added = Instance(ground.category(now.class_id, rng), rle.encode(now.mask))
            instances.append(added)
            return _finished(record, instances, error_type, added, len(instances) - 1)
        case int() as place, Labelled() as now:
            at, was = counted[place], instances[counted[place]]
            changed = replace(was, mask=rle.encode(now.mask), polygons=())
            if now.class_id != labels[place].class_id:
                changed = replace(changed, category=ground.category(now.class_id, rng))
            instances[at] = changed
            if change.absorbed is not None:
                gone = counted[change.absorbed]
                del instances[gone]
                at -= gone < at
            return _finished(record, instances, error_type, was, at)
        case int() as place, None:
            was = instances.pop(counted[place])
            return _finished(record, instances, error_type, was, None)
    return None


def _finished(
    record: ImageRecord,
    instances: list[Instance],
    error_type: ErrorType,
    was: Instance,
    at: int | None,
) -> tuple[ImageRecord, Planted]:
    changed = _relabelled(record, instances)
    mask, name = was.mask, None
    if at is not None:
        mask, name = instances[at].mask, changed.instances[at].instance_id
    return changed, Planted(record.image_id, error_type, was.category, mask, name)


def _relabelled(record: ImageRecord, instances: Sequence[Instance]) -> ImageRecord:
    """The record with other instances, and the ids that a reader of their file would give them."""
    return replace(record, instances=tuple(replace(i, instance_id="") for i in instances))
