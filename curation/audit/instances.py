"""The labels of one photo: masks, polygons, pairs of instances, parts without a garment."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from curation.audit import parts
from curation.core import misread, polygons, rle
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import IGNORE

MIN_PIXELS = 16
"""4 x 4: no hand aims finer. The smallest true label in 800 street photos (CCP), the sliver
of a sock above a boot, has 74."""

MIN_SHARE = 1 / 256**2
"""Of a photo: less is not one pixel of a label map of 256 x 256."""

SAME_MASK = 0.95
"""IoU from which two instances of one category are one garment. In 5,434 polygons of ModaNet,
401 pairs have 1.0 and no other pair more than 0.86."""

SAME_PIXELS = 0.9
"""IoU from which two categories are said of one garment. Lower, since the outline is likely to
be drawn a second time: 1 or 2 pixels further out, a garment of 10,000 pixels still has 0.9."""

REACH = 0.02
"""Of the photo's diagonal: how far a part may lie from its garment's box."""

_NO_GARMENT = {"background", IGNORE}

Box = tuple[int, int, int, int]


def audit_record(record: ImageRecord) -> list[Finding]:
    """What is wrong with a photo's labels.

    Returns:
        what is wrong with single instances, in the record's order; then with pairs; then with parts
    """
    instances = record.instances
    areas = [rle.area(i.mask) for i in instances]
    boxes = [rle.bbox(i.mask) for i in instances]

    def finding(index: int, kind: FindingKind, detail: str, other: int | None = None) -> Finding:
        one, pair = instances[index], "" if other is None else instances[other].instance_id
        return Finding(kind, one.source, detail, record.image_id, one.instance_id, pair)

    found = [
        finding(index, kind, detail)
        for index, instance in enumerate(instances)
        for kind, detail in [
            *_repaired(instance, areas[index]),
            *_small(instance, areas[index]),
            *_misread(instance, areas[index]),
        ]
    ]
    found += [finding(*found) for found in _repeated(instances, areas, boxes)]
    found += [finding(*found) for found in _lone_parts(record, boxes)]
    return found


def _repaired(instance: Instance, area: int) -> Iterator[tuple[FindingKind, str]]:
    """Kind and detail of what was repaired: by the reader, or, unsaid by it, in the outline."""
    drawn = dict(_polygon_repairs(instance))
    for kind in instance.repaired:
        if kind not in drawn:
            yield kind, f"{kind.meaning}; {area:,} pixels are left"
    yield from drawn.items()


def _small(instance: Instance, area: int) -> Iterator[tuple[FindingKind, str]]:
    """Kind and detail of what is wrong with a mask by its area."""
    pixels = instance.mask.height * instance.mask.width
    if area == 0:
        yield FindingKind.EMPTY, f"{instance.category!r} has 0 of the photo's {pixels:,} pixels"
    elif area < max(MIN_PIXELS, pixels * MIN_SHARE):
        yield FindingKind.TINY, f"{instance.category!r} has {area} of the photo's {pixels:,} pixels"


def _misread(instance: Instance, area: int) -> Iterator[tuple[FindingKind, str]]:
    """Kind and detail of a mask that seems to have been written in another way than it was read."""
    # An outline is drawn as it is; a label of all that is no garment is no inverse of one.
    if not area or instance.polygons or instance.category.casefold() in _NO_GARMENT:
        return
    if kind := misread.by_shape(instance.mask):
        pixels = instance.mask.height * instance.mask.width
        share = f"{area:,} of the photo's {pixels:,} pixels"
        yield kind, f"{instance.category!r} has {share}; {kind.meaning.partition(';')[0]}"


def _polygon_repairs(instance: Instance) -> Iterator[tuple[FindingKind, str]]:
    """Kind and detail of what has to be repaired in the outline as drawn."""
    rings, height, width = instance.polygons, instance.mask.height, instance.mask.width
    found = polygons.repairs(rings, height, width) if rings else ()
    if not found:
        return
    drawn = [shapely.Polygon(np.reshape(ring, (-1, 2))) for ring in rings]
    repaired = [p if p.is_valid else shapely.make_valid(p) for p in drawn]
    if FindingKind.SELF_INTERSECTING in found:
        reason = next(shapely.is_valid_reason(p) for p in drawn if not p.is_valid)
        where = re.sub(r"\.\d+", "", reason)  # "Self-intersection[210 446]", in whole pixels
        areas = f"{_area(drawn)} square pixels as drawn, {_area(repaired)} as repaired"
        yield FindingKind.SELF_INTERSECTING, f"{where}: {areas}"
    if FindingKind.OUT_OF_FRAME in found:
        out = polygons.overshot(rings, height, width)
        clipped = [p.intersection(shapely.box(0, 0, width, height)) for p in repaired]
        areas = f"{_area(repaired)} square pixels as drawn, {_area(clipped)} inside"
        where = f"{out:.0f} pixels out of the {width}x{height} photo"
        yield FindingKind.OUT_OF_FRAME, f"reaches {where}: {areas}"


def _area(geometries: Sequence[shapely.Geometry]) -> str:
    return f"{sum(g.area for g in geometries):,.0f}"


def _repeated(
    instances: Sequence[Instance], areas: Sequence[int], boxes: Sequence[Box]
) -> Iterator[tuple[int, FindingKind, str, int]]:
    """Index, kind, detail and the first earlier instance that has the same pixels."""
    for later, instance in enumerate(instances):
        for earlier in range(later):
            other = instances[earlier]
            same = instance.category == other.category
            # Sequins may cover a whole dress, or an applique: parts share pixels by nature.
            if not same and (parts.is_part(instance.category) or parts.is_part(other.category)):
                continue
            bar = SAME_MASK if same else SAME_PIXELS
            # What two masks share lies in what their boxes share; IoU reads the runs.
            shared = _shared(boxes[later], boxes[earlier])
            if shared == 0 or shared / max(areas[later], areas[earlier]) < bar:
                continue
            iou = rle.iou(instance.mask, other.mask)
            if iou >= bar:
                kind = FindingKind.DUPLICATE if same else FindingKind.CONTRADICTION
                detail = f"IoU {iou:.2f} with {other.category!r} of {other.source or 'this photo'}"
                yield later, kind, f"{instance.category!r} has {detail}", earlier
                break


def _lone_parts(
    record: ImageRecord, boxes: Sequence[Box]
) -> Iterator[tuple[int, FindingKind, str]]:
    """Index, kind and detail of parts that no garment's box comes near."""
    reach = REACH * math.hypot(record.height, record.width)
    categories = [i.category for i in record.instances]
    wearers = [k for k, c in enumerate(categories) if not parts.is_part(c) and boxes[k][2]]
    for index, part in enumerate(categories):
        if not parts.is_part(part) or not boxes[index][2]:  # an empty mask lies nowhere
            continue
        able = [k for k in wearers if parts.can_have(categories[k], part)]
        if not any(_gap(boxes[index], boxes[k]) <= reach for k in able):
            nearest = min((_gap(boxes[index], boxes[k]) for k in able), default=None)
            distance = "in the photo" if nearest is None else f"nearer than {nearest} pixels"
            detail = f"no garment that can have a {part!r} is {distance}"
            yield index, FindingKind.LONE_PART, detail


def _shared(a: Box, b: Box) -> int:
    """Pixels inside both boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def _gap(a: Box, b: Box) -> int:
    """Pixels between two boxes, along the axis where they are further apart; 0 if they touch."""
    across = max(a[0], b[0]) - min(a[0] + a[2], b[0] + b[2])
    down = max(a[1], b[1]) - min(a[1] + a[3], b[1] + b[3])
    return max(across, down, 0)
