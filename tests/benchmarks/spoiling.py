"""Errors of kinds that flagging is never taught, planted into records with known truth.

Nothing here is shared with :mod:`curation.issues.corruptions`, which flagging learns from. Beside
what happens to whole photos there are the three of arXiv 2508.17930 (drop, flip, spawn) and, as
in COCO-N (arXiv 2406.10891), outlines as coarse as a quick annotator draws them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core import masks, rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle

LEAST = 0.0015
"""Share of the photo that an error must change."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Spoilt:
    """A photo's labels with one error in them, and the truth.

    Attributes:
        kind: of ``KINDS``, or HABIT
        record: as it is now
        wrong: instance ids in it of the labels that are wrong
        missing: category and true mask of what lacks a label now
        was: the true masks of the wrong labels, by instance id, where their masks changed
    """

    kind: str
    record: ImageRecord
    wrong: frozenset[str]
    missing: tuple[tuple[str, Rle], ...] = ()
    was: Mapping[str, Rle] = field(default_factory=dict)


@dataclass(frozen=True)
class Photo:
    """What an error may draw on."""

    record: ImageRecord
    others: Sequence[ImageRecord]
    classes: Sequence[str]
    rng: np.random.Generator

    @property
    def least(self) -> float:
        return LEAST * self.record.height * self.record.width

    def large(self) -> list[int]:
        """Indices of the labels that are large enough, in random order."""
        instances = self.record.instances
        order = self.rng.permutation(len(instances)).tolist()
        return [i for i in order if rle.area(instances[i].mask) >= self.least]

    def mask(self, index: int) -> Mask:
        return rle.decode(self.record.instances[index].mask)


Spoil = Callable[[Photo], tuple[Sequence[Instance | None], Sequence[int]] | None]
"""All labels as they are now, None for one that is gone, and the indices of the wrong ones."""


def _whole(photo: Photo, change: Callable[[Mask], Mask]):
    before = photo.record.instances
    now, changed = [], 0
    for i, instance in enumerate(before):
        old = photo.mask(i)
        new = change(old)
        changed += np.count_nonzero(old ^ new)
        now.append(_redrawn(instance, new) if new.any() else None)
    if not before or changed < 0.04 * photo.record.height * photo.record.width:
        return None
    return now, [i for i, instance in enumerate(now) if instance]


def _redrawn(instance: Instance, mask: Mask) -> Instance:
    return replace(instance, mask=rle.encode(np.ascontiguousarray(mask)), polygons=())


def of_another_photo(photo: Photo):
    """All labels are those of another photo."""
    record = photo.record
    other = photo.others[int(photo.rng.integers(len(photo.others)))]
    if other.image_id == record.image_id or len(other.instances) < 2:
        return None
    now = [
        _redrawn(x, masks.resize_nearest(rle.decode(x.mask), record.height, record.width))
        for x in other.instances
    ]
    return now, list(range(len(now)))


def mirrored(photo: Photo):
    return _whole(photo, lambda mask: mask[:, ::-1])


def turned(photo: Photo):
    return _whole(photo, lambda mask: mask[::-1, ::-1])


def offset(photo: Photo):
    """All masks moved by 8 to 20 % of the photo's sides."""
    record, rng = photo.record, photo.rng
    right = rng.uniform(0.08, 0.2) * rng.choice([-1, 1]) * record.width
    down = rng.uniform(0.08, 0.2) * rng.choice([-1, 1]) * record.height
    return _whole(photo, lambda mask: _warped(mask, 1.0, right, down))


def scaled(photo: Photo):
    """All masks drawn for a photo of another size."""
    factor = photo.rng.choice([photo.rng.uniform(0.6, 0.8), photo.rng.uniform(1.25, 1.5)])
    return _whole(photo, lambda mask: _warped(mask, factor, 0, 0))


def _warped(mask: Mask, factor: float, right: float, down: float) -> Mask:
    matrix = np.array([[factor, 0, right], [0, factor, down]], np.float64)
    size = mask.shape[::-1]
    return cv2.warpAffine(mask.view(np.uint8), matrix, size, flags=cv2.INTER_NEAREST).view(bool)


def half(photo: Photo):
    """40 to 60 % of a garment, on one side of a straight line."""
    for i in photo.large():
        rows, columns = np.nonzero(photo.mask(i))
        angle = photo.rng.uniform(0, 2 * np.pi)
        along = rows * np.sin(angle) + columns * np.cos(angle)
        kept = along <= np.quantile(along, photo.rng.uniform(0.4, 0.6))
        if kept.sum() >= photo.least:
            mask = np.zeros(photo.mask(i).shape, bool)
            mask[rows[kept], columns[kept]] = True
            return _one(photo, i, _redrawn(photo.record.instances[i], mask))
    return None


def _one(photo: Photo, index: int, now: Instance | None):
    every: list[Instance | None] = list(photo.record.instances)
    every[index] = now
    return every, [index] if now else []


def merged(photo: Photo):
    """One label over two touching garments."""
    instances, large = photo.record.instances, photo.large()
    for a in large:
        for b in large:
            one, other = photo.mask(a), photo.mask(b)
            if instances[a].category == instances[b].category or one.sum() < other.sum():
                continue
            touch = cv2.dilate(other.view(np.uint8), np.ones((9, 9))).view(bool) & one
            if touch.any() and np.count_nonzero(other & ~one) >= photo.least:
                every: list[Instance | None] = list(instances)
                every[a], every[b] = _redrawn(instances[a], one | other), None
                return every, [a]
    return None


def boundary(photo: Photo):
    """An outline 10 to 20 % of the garment's size too wide or too narrow."""
    for i in photo.large():
        mask = photo.mask(i)
        reach = photo.rng.uniform(0.1, 0.2) * np.sqrt(np.count_nonzero(mask))
        source = mask if photo.rng.random() < 0.5 else ~mask
        near = cv2.distanceTransform((~source).view(np.uint8), cv2.DIST_L2, 5) <= reach
        now = near if source is mask else ~near
        if np.count_nonzero(now) >= photo.least / 2:
            return _one(photo, i, _redrawn(photo.record.instances[i], now))
    return None


def coarse(photo: Photo):
    """An outline of few points: a tenth to a quarter of the garment's size off."""
    for i in photo.large():
        mask = photo.mask(i)
        rings, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        far = photo.rng.uniform(0.1, 0.25) * np.sqrt(np.count_nonzero(mask))
        drawn = np.zeros(mask.shape, np.uint8)
        for ring in rings:
            few = cv2.approxPolyDP(ring, far, True)
            if len(few) > 2:
                cv2.fillPoly(drawn, [few], (1,))
        changed = np.count_nonzero(drawn.view(bool) ^ mask)
        if drawn.any() and changed >= max(photo.least, 0.12 * np.count_nonzero(mask)):
            return _one(photo, i, _redrawn(photo.record.instances[i], drawn.view(bool)))
    return None


def missing(photo: Photo):
    large = photo.large()
    return _one(photo, large[0], None) if large else None


def exchanged(photo: Photo):
    """Two labels swapped their classes."""
    instances, large = photo.record.instances, photo.large()
    for a in large:
        for b in large:
            one, other = instances[a], instances[b]
            if one.category != other.category:
                every: list[Instance | None] = list(instances)
                every[a] = replace(one, category=other.category)
                every[b] = replace(other, category=one.category)
                return every, [a, b]
    return None


def flipped(photo: Photo):
    """Another class."""
    for i in photo.large():
        was = photo.record.instances[i]
        category = photo.rng.choice([c for c in photo.classes if c != was.category])
        return _one(photo, i, replace(was, category=str(category)))
    return None


def spawned(photo: Photo):
    """A blob of any class anywhere."""
    record, rng = photo.record, photo.rng
    for _ in range(8):
        waves = cv2.resize(
            rng.normal(size=(9, 9)).astype(np.float32), (record.width, record.height),
            interpolation=cv2.INTER_CUBIC,
        )  # fmt: skip
        _, pieces, stats, _ = cv2.connectedComponentsWithStats((waves > 1).astype(np.uint8))
        if len(stats) > 1:
            piece = int(rng.integers(1, len(stats)))
            mask, category = pieces == piece, str(rng.choice(photo.classes))
            new = mask.copy()
            for i, x in enumerate(record.instances):
                if x.category == category:
                    new &= ~photo.mask(i)
            if np.count_nonzero(new) >= 4 * photo.least:
                added = Instance(category, rle.encode(mask))
                return [*record.instances, added], [len(record.instances)]
    return None


WHOLE: Mapping[str, Spoil] = {
    "of another photo": of_another_photo,
    "mirrored": mirrored,
    "turned": turned,
    "offset": offset,
    "scaled": scaled,
}
"""What befalls all labels of a photo at once."""

KINDS: Mapping[str, Spoil] = {
    **WHOLE,
    "half": half,
    "merged": merged,
    "boundary": boundary,
    "coarse": coarse,
    "missing": missing,
    "exchanged": exchanged,
    "flipped": flipped,
    "spawned": spawned,
}

HABIT = "a habit"
"""One annotator calls a class otherwise: what that annotator labelled follows each other."""


def spoil(
    records: Sequence[ImageRecord],
    classes: Sequence[str],
    rng: np.random.Generator,
    share: float,
    habit: tuple[str, str] | None = None,
) -> list[Spoilt]:
    """One error in a share of the photos, the kinds in turn.

    Args:
        records: the labels as given, under the classes
        share: of the photos, 0 to 1
        habit: what one annotator calls what; he labelled a tenth of the photos, one after another
    """
    found: dict[str, Spoilt] = {}
    if habit:
        tenth = len(records) // 10
        start = int(rng.integers(len(records) - tenth))
        for record in records[start : start + tenth]:
            wrong = [i for i, x in enumerate(record.instances) if x.category == habit[0]]
            if wrong:
                now = [replace(x, category=habit[1]) if i in wrong else x
                       for i, x in enumerate(record.instances)]  # fmt: skip
                found[record.image_id] = _spoilt(HABIT, record, now, wrong)
    counts = dict.fromkeys(KINDS, 0)
    for number in rng.permutation(len(records)).tolist():
        if len(found) >= share * len(records):
            break
        record = records[number]
        if record.image_id in found:
            continue
        for kind in sorted(KINDS, key=lambda name: counts[name]):
            if done := KINDS[kind](Photo(record, records, classes, rng)):
                found[record.image_id] = _spoilt(kind, record, *done)
                counts[kind] += 1
                break
    return list(found.values())


def _spoilt(
    kind: str, record: ImageRecord, now: Sequence[Instance | None], wrong: Sequence[int]
) -> Spoilt:
    kept = {i: instance for i, instance in enumerate(now) if instance is not None}
    instances = tuple(replace(instance, instance_id="") for instance in kept.values())
    changed = replace(record, instances=instances)
    ids = {i: changed.instances[n].instance_id for n, i in enumerate(kept)}
    before = record.instances
    lost = [before[i] for i in range(len(now)) if now[i] is None and kind in ("missing", "merged")]
    same = kind not in WHOLE and kind != "spawned"
    return Spoilt(
        kind,
        changed,
        frozenset(ids[i] for i in wrong),
        tuple((x.category, x.mask) for x in lost),
        {ids[i]: before[i].mask for i in wrong if same},
    )


def named_so(records: Sequence[ImageRecord], rng: np.random.Generator) -> Iterator[ImageRecord]:
    """The records, each label that has an injected class with a source label of that class: who
    takes a shirt for a skirt writes "skirt", or what a skirt may be called."""
    five = taxonomy.load("supercategories")

    def fits(label: Instance) -> bool:
        return bool(label.source_label) and five.target(label.source_label) == label.category

    of_class: dict[str, list[str]] = defaultdict(list)
    for label in (label for record in records for label in record.instances):
        if fits(label):
            of_class[label.category].append(label.source_label)

    def named(label: Instance) -> Instance:
        if fits(label):
            return label
        drawn = of_class[label.category]
        return replace(label, source_label=drawn[int(rng.integers(len(drawn)))])

    for record in records:
        yield replace(record, instances=tuple(named(label) for label in record.instances))
