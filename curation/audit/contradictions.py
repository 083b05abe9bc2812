"""Garments that two pictures of one scene call by different names."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from curation.core import masks
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord

GRID = 96
"""Points along a side at which masks are compared: near-duplicates may differ in size."""

SAME_PLACE = 0.6
"""IoU from which two labels are of one garment: near-duplicates may be cut by a few per cent."""

WITHIN = 0.8
"""Share of a label from which it is a piece of another one."""

FEWEST = 24
"""Points of the grid below which a garment is too small to be found again."""


def check(_: None, group: tuple[Iterable[ImageRecord], Container[str]]) -> list[Finding]:
    """:func:`audit_group` for worker processes."""
    return list(audit_group(*group))


def audit_group(images: Iterable[ImageRecord], mirrored: Container[str] = ()) -> Iterator[Finding]:
    """The labels in photos that look alike which are at odds with one of the first that has any.

    Either may be the wrong one: ``dress`` here and ``skirt`` there are both named; of a whole
    here (``dress``) that is its pieces there (``top`` and ``skirt``), the whole.

    Args:
        images: records of one :class:`curation.audit.duplicates.DuplicateGroup`
        mirrored: its image ids of those that show the others the other way round
    """
    labelled = (
        (image, _grid(image, image.image_id in mirrored)) for image in images if image.instances
    )
    if (first := next(labelled, None)) is None:
        return
    for other in labelled:
        common = _points(first[1][:, None] & other[1])
        yield from _contradictions(*first, *other, common)
        yield from _wholes(*first, *other, common)
        yield from _wholes(*other, *first, common.T)


def _grid(record: ImageRecord, mirrored: bool) -> NDArray[np.uint64]:
    """(N, GRID * GRID / 64) the points that each instance covers, a bit each."""
    rows, columns = (masks.sample_points(n, GRID) for n in (record.height, record.width))
    across = -1 if mirrored else 1
    drawn = [masks.sample(i.mask, rows, columns)[:, ::across].ravel() for i in record.instances]
    return np.packbits(drawn, axis=1).view(np.uint64)


def _points(grids: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many points are set along the last axis.

    Counted in bits: a matrix product of so small grids costs its threads more than the sums.
    """
    return np.bitwise_count(grids).sum(axis=-1, dtype=np.int64)


def _contradictions(
    one: ImageRecord,
    here: NDArray[np.uint64],
    other: ImageRecord,
    there: NDArray[np.uint64],
    common: NDArray[np.int64],
) -> Iterator[Finding]:
    """One garment, two names.

    Args:
        here, there: the grids of the two
        common: (N, M) points that an instance here shares with one there
    """
    areas, theirs = _points(here), _points(there)
    iou = common / np.maximum(areas[:, None] + theirs - common, 1)
    names, their_names = ([i.category for i in p.instances] for p in (one, other))
    for i, name in enumerate(names):
        same = np.flatnonzero((iou[i] >= SAME_PLACE) & (theirs >= FEWEST)).tolist()
        if areas[i] < FEWEST or not same or any(their_names[j] == name for j in same):
            continue
        j = max(same, key=lambda j: iou[i, j])
        yield _finding(one, i, f"{name!r} here, {their_names[j]!r}", other, j, iou[i, j])
        yield _finding(other, j, f"{their_names[j]!r} here, {name!r}", one, i, iou[i, j])


def _wholes(
    one: ImageRecord,
    here: NDArray[np.uint64],
    other: ImageRecord,
    there: NDArray[np.uint64],
    common: NDArray[np.int64],
) -> Iterator[Finding]:
    """One label here, of which the other photo has the pieces; arguments as there."""
    theirs = _points(there)
    for i, whole in enumerate(here):
        inside = common[i] >= WITHIN * np.maximum(theirs, 1)
        pieces = np.flatnonzero(inside & (theirs >= FEWEST))
        names = [other.instances[j].category for j in pieces]
        if len(pieces) < 2 or one.instances[i].category in names:
            continue
        union = np.bitwise_or.reduce(there[pieces])
        either = max(int(_points(union | whole)), 1)
        iou = float(_points(union & whole)) / either
        # Where one piece is the garment by itself, the rest lies on it: a belt on a skirt.
        largest = theirs[pieces].max() / either
        if iou >= SAME_PLACE > largest:
            said = f"{one.instances[i].category!r} here, {' + '.join(map(repr, sorted(names)))}"
            yield _finding(one, i, said, other, int(pieces[0]), iou)


def _finding(
    image: ImageRecord, i: int, said: str, other: ImageRecord, j: int, iou: float
) -> Finding:
    detail = f"{said} on {other.image_id}, which looks the same (IoU {iou:.2f})"
    return Finding(
        FindingKind.NEAR_DUPLICATE_GARMENT,
        image.instances[i].source,
        detail,
        image.image_id,
        image.instances[i].instance_id,
        other.instances[j].instance_id,
        other.image_id,
    )
