"""Errors injected into records, with known truth.

The demo shows that they are found again, and the benchmark counts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from curation.core import masks, rle
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.issues.corruptions import (
    MODERATE,
    OF_TYPE,
    Corruption,
    ImageLabels,
    Severity,
    fewest_pixels,
)
from curation.issues.geometry import InstanceMask
from curation.issues.issue import ErrorType

TYPES = tuple(error_type for error_type in ErrorType if error_type is not ErrorType.DUPLICATED)
"""What is injected: what two labels of one thing are, an audit sees without a model."""


@dataclass(frozen=True, slots=True)
class InjectedError:
    """One error and the truth about it.

    Attributes:
        image_id: the photo
        error_type: what was done
        category: as it was before; of a spurious instance, as given
        mask: the true mask of a missing instance, else the mask as given now
        instance_id: of the wrong instance in the record as it is now; None where it was dropped
    """

    image_id: str
    error_type: ErrorType
    category: str
    mask: Rle
    instance_id: str | None


@dataclass(frozen=True)
class _Pool:
    """What an error may draw on: all records, and the group of each category."""

    records: Sequence[ImageRecord]
    groups: Mapping[str, str]
    severity: Severity
    rng: np.random.Generator

    @cached_property
    def names(self) -> list[str]:
        """The groups; their indices here are their class ids."""
        return sorted(set(self.groups.values()))

    def counted(self, record: ImageRecord) -> list[int]:
        """Indices of the instances that count under the target vocabulary."""
        return [i for i, x in enumerate(record.instances) if x.category in self.groups]

    def label(self, instance: Instance) -> InstanceMask:
        class_id = self.names.index(self.groups[instance.category])
        return InstanceMask(class_id, rle.decode(instance.mask))

    def category(self, class_id: int) -> str:
        """Any category of a group."""
        own = [c for c, g in self.groups.items() if g == self.names[class_id]]
        return str(self.rng.choice(own))

    def donor(self, index: int) -> InstanceMask | None:
        """A label of another record than this one, in its size; None where it drew none."""
        other = int(self.rng.integers(len(self.records)))
        source = self.records[other]
        candidates = self.counted(source) if other != index else []
        if not candidates:
            return None
        label = self.label(source.instances[self.rng.choice(candidates)])
        if np.count_nonzero(label.mask) < fewest_pixels(source.height, source.width):
            return None
        record = self.records[index]
        return replace(label, mask=masks.resize_nearest(label.mask, record.height, record.width))


def inject(
    records: Sequence[ImageRecord],
    rng: np.random.Generator,
    share: float = 0.2,
    types: Sequence[ErrorType] = TYPES,
    *,
    groups: Mapping[str, str],
    severity: Severity = MODERATE,
) -> tuple[list[ImageRecord], list[InjectedError]]:
    """Makes one instance wrong in a share of the photos.

    The types take turns, so that all occur; where a photo has no room for the
    type whose turn it is, it gets another one. There are fewer errors than asked
    for where too few photos have room for any. A wrong instance keeps its source
    and loses its polygons; a spurious one has no source.

    Args:
        records: the labels as given, not changed
        rng: decides everything
        share: of the photos, 0 to 1
        types: what is injected
        groups: category of the labels -> category of the vocabulary trained on;
            a category that it lacks is left alone, a swap changes the group
        severity: how bad the errors are

    Returns:
        all records in their order, and the errors in the order of the records

    Raises:
        ValueError: a share outside 0 to 1

    >>> from pathlib import Path
    >>> shirt = Instance("shirt", rle.encode(np.eye(64)), source="a.csv:2")
    >>> records = [ImageRecord("a", Path("a.jpg"), 64, 64, (shirt,))]
    >>> rng = np.random.default_rng(0)
    >>> noisy, errors = inject(records, rng, 1.0, TYPES[:1], groups={"shirt": "1", "skirt": "2"})
    >>> noisy[0].instances[0].category, errors[0].category
    ('skirt', 'shirt')
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not between 0 and 1")
    pool = _Pool(records, groups, severity, rng)
    wanted = round(share * len(records))
    injected: dict[int, tuple[ImageRecord, InjectedError]] = {}
    count: Counter[str] = Counter()
    order = {name: i for i, name in enumerate(types)}
    for index in rng.permutation(len(records)).tolist():
        if len(injected) == wanted:
            break
        for error_type in sorted(types, key=lambda name: (count[name], order[name])):
            if changed := _corrupted(pool, index, error_type):
                injected[index] = changed
                count[error_type] += 1
                break
    result = [injected[i][0] if i in injected else record for i, record in enumerate(records)]
    return result, [injected[i][1] for i in sorted(injected)]


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
        records: the labels as given, not changed
        rng: decides everything
        share: of the photos, 0 to 1
        groups: as in :func:`inject`
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
    for number in rng.permutation(len(records)).tolist():
        record = records[number]
        others = {
            i: [c for c, g in groups.items() if g == groups[x.category] and c != x.category]
            for i, x in enumerate(record.instances)
            if x.category in groups
        }
        possible = [i for i, names in others.items() if names]
        if len(was) == wanted or record.image_id in but or not possible:
            continue
        index = int(rng.choice(possible))
        instances = list(record.instances)
        instances[index] = replace(instances[index], category=str(rng.choice(others[index])))
        result[number] = _with_instances(record, instances)
        was[result[number].instances[index].instance_id] = record.instances[index].category
    return result, was


def _corrupted(
    pool: _Pool, index: int, error_type: ErrorType
) -> tuple[ImageRecord, InjectedError] | None:
    """A record with one error of a type in it, and the truth about it; None without room for it."""
    record = pool.records[index]
    counted = pool.counted(record)
    labels = [pool.label(record.instances[i]) for i in counted]
    classes = range(len(pool.names))
    image = ImageLabels(labels, classes, partial(pool.donor, index), pool.rng, pool.severity)
    corruption = OF_TYPE[error_type](image)
    if corruption is None:
        return None
    instances, was, wrong = _applied(pool, record.instances, counted, corruption)
    changed = _with_instances(record, instances)
    mask, name = was.mask, None
    if wrong is not None:
        mask, name = changed.instances[wrong].mask, changed.instances[wrong].instance_id
    return changed, InjectedError(record.image_id, error_type, was.category, mask, name)


def _applied(
    pool: _Pool, before: Sequence[Instance], counted: Sequence[int], corruption: Corruption
) -> tuple[list[Instance], Instance, int | None]:
    """The instances with the error in them, what the wrong one was, and its index now.

    Args:
        counted: the indices among them of the labels that were corrupted
    """
    instances = list(before)
    match corruption.index, corruption.now:
        case None, InstanceMask() as now:
            added = Instance(pool.category(now.class_id), rle.encode(now.mask))
            return [*instances, added], added, len(instances)
        case int() as label, None:
            was = instances.pop(counted[label])
            return instances, was, None
        case int() as label, InstanceMask() as now:
            index, was = counted[label], instances[counted[label]]
            changed = replace(was, mask=rle.encode(now.mask), polygons=())
            if pool.names[now.class_id] != pool.groups[was.category]:
                changed = replace(changed, category=pool.category(now.class_id))
            instances[index] = changed
            if corruption.absorbed is not None:
                gone = counted[corruption.absorbed]
                del instances[gone]
                index -= gone < index
            return instances, was, index
    raise ValueError(f"{corruption} neither changes a label nor adds one")


def _with_instances(record: ImageRecord, instances: Sequence[Instance]) -> ImageRecord:
    """The record with other instances, and the ids that a reader of their file would give them."""
    return replace(record, instances=tuple(replace(i, instance_id="") for i in instances))
