"""What every VIA file says, in the words of VIA 2: photos, their regions, shapes and labels.

The readers of the other versions and of CSV translate into these two records, so that
regions are outlined here and named in :mod:`.labels` alone. Nothing in them was checked yet.
Specification: https://www.robots.ox.ac.uk/~vgg/software/via/docs/
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.core.finding import Finding
from curation.core.polygons import Ring
from curation.formats import shapes
from curation.formats.messages import quoted
from curation.formats.shapes import Point, number


@dataclass(frozen=True, slots=True)
class Region:
    """One region as drawn.

    Attributes:
        where: where it stands in its file, a printable text
        shape: VIA 2's ``shape_attributes``, pixels from the photo's top left
            corner; VIA 3's extreme rectangle and circle are two names more
        attributes: VIA 2's ``region_attributes``; a checkbox is a table of
            options, true where ticked
    """

    where: str
    shape: Mapping[str, object]
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Listing:
    """One photo that a file lists, under the name it has there.

    Attributes:
        regions: in the file's order; what cannot be read of it is a finding
        size: of the photo's file in bytes as it was labelled; -1 where that is not said
    """

    where: str
    name: str
    regions: tuple[Region | Finding, ...]
    size: int = -1


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says.

    Attributes:
        is_project: it says what options are called; exports do not
        lost: rows of a CSV that belong to no photo, and why
    """

    listings: Sequence[Listing]
    is_project: bool
    lost: tuple[Finding, ...] = ()


def rings(shape: Mapping[str, object], line_width: float | None = None) -> tuple[Ring, ...]:
    """The outline of a shape, circles and ellipses as polygons.

    Args:
        line_width: pixels that a line is drawn with, see :func:`curation.formats.shapes.line`

    Returns:
        one ring; of a line several where it goes around something: rings have no holes

    Raises:
        OpenLineError: a line, and no width to draw it with
        ValueError: a shape without an area, or coordinates missing or out of bounds
    """
    if shape.get("name") in ("polyline", "line"):
        return shapes.line(_points(shape), line_width)
    return (_ring(shape),)


def _ring(shape: Mapping[str, object]) -> Ring:
    kind = shape.get("name")
    if kind == "polygon":
        return shapes.polygon(_points(shape))
    if kind == "rect":
        x, y, w, h = (number(shape.get(k)) for k in ("x", "y", "width", "height"))
        return shapes.box(x, y, x + w, y + h)
    if kind == "circle":
        cx, cy, r = (number(shape.get(k)) for k in ("cx", "cy", "r"))
        return shapes.ellipse(cx, cy, r, r)
    if kind == "ellipse":
        cx, cy, rx, ry = (number(shape.get(k)) for k in ("cx", "cy", "rx", "ry"))
        return shapes.ellipse(cx, cy, rx, ry, number(shape.get("theta", 0.0)))
    if kind == "extreme rectangle":  # its leftmost, topmost, rightmost and lowest points
        xs, ys = zip(*_points(shape, 4), strict=True)
        return shapes.box(min(xs), min(ys), max(xs), max(ys))
    if kind == "extreme circle":  # three points on it
        return _circle_through(*_points(shape, 3))
    raise ValueError(f"shape {quoted(kind)} has no area")


def file_size(value: object) -> int:
    """A size in bytes as files write it, a number or a text; -1, as VIA has it, where unknown."""
    try:
        return int(value) if isinstance(value, str | int) else -1
    except ValueError:  # also of a number of 5000 digits
        return -1


def _points(shape: Mapping[str, object], count: int | None = None) -> list[Point]:
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise ValueError(f"{shape['name']} has no matching all_points_x and all_points_y")
    if count is not None and len(xs) != count:
        raise ValueError(f"{shape['name']} has {len(xs)} points, not {count}")
    return [(number(x), number(y)) for x, y in zip(xs, ys, strict=True)]


def _circle_through(a: Point, b: Point, c: Point) -> Ring:
    # Seen from a, the centre (x, y) satisfies 2 (bx x + by y) = |b|^2, and the same for c.
    bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    across = 2 * (bx * cy - by * cx)
    if across == 0:
        raise ValueError("the three points of the circle lie on a line")
    bb, cc = bx * bx + by * by, cx * cx + cy * cy
    x, y = number((cy * bb - by * cc) / across), number((bx * cc - cx * bb) / across)
    r = math.hypot(x, y)
    return shapes.ellipse(a[0] + x, a[1] + y, r, r)
