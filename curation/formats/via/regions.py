"""What every VIA file says, in the words of VIA 2: photos, their regions, shapes and labels.

The readers of the other versions and of CSV translate into these two records, so that
regions are outlined here and named in :mod:`.labels` alone. Nothing in them was checked yet.
Specification: https://www.robots.ox.ac.uk/~vgg/software/via/docs/
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.core import polygons
from curation.core.finding import Finding
from curation.core.polygons import Ring
from curation.formats.messages import quoted

MAX_COORDINATE = 1e7
CIRCLE_POINTS = 72

MEETING = 0.2
"""Of a line's length: its ends meet where they are no further apart. Who clicks around a garment
and stops at the sixth corner leaves a fifth; a zip, a strap or a neckline leaves more."""


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


class OpenLineError(ValueError):
    """A shape is a line whose ends do not meet, and lines are not drawn."""


def rings(shape: Mapping[str, object], line_width: float | None = None) -> tuple[Ring, ...]:
    """The outline of a shape, circles and ellipses as polygons of ``CIRCLE_POINTS``.

    A line whose ends nearly meet is an outline that its drawer left open.

    Args:
        line_width: pixels that any other line is drawn with

    Returns:
        one ring; of a line several where it goes around something: rings have no holes

    Raises:
        OpenLineError: a line, and no width to draw it with
        ValueError: a shape without an area, or coordinates missing or out of bounds
    """
    if shape.get("name") not in ("polyline", "line"):
        return (_ring(shape),)
    points = _points(shape)
    length = sum(map(math.dist, points, points[1:]))
    gap = math.dist(points[0], points[-1]) if points else 0.0
    if len(set(points)) > 2 and gap <= MEETING * length:
        return (tuple(v for point in points for v in point),)
    if line_width is None:
        between = f"{gap:.0f} pixels lie between the ends of a line of {length:.0f}"
        raise OpenLineError(f"{between}; --line-width N draws it")
    return tuple(polygons.stroke(points, line_width))


def _ring(shape: Mapping[str, object]) -> Ring:
    kind = shape.get("name")
    if kind == "polygon":
        return tuple(v for point in _points(shape) for v in point)
    if kind == "rect":
        x, y, w, h = (_number(shape.get(k)) for k in ("x", "y", "width", "height"))
        return _box(x, y, x + w, y + h)
    if kind == "circle":
        cx, cy, r = (_number(shape.get(k)) for k in ("cx", "cy", "r"))
        return _ellipse(cx, cy, r, r)
    if kind == "ellipse":
        cx, cy, rx, ry = (_number(shape.get(k)) for k in ("cx", "cy", "rx", "ry"))
        return _ellipse(cx, cy, rx, ry, _number(shape.get("theta", 0.0)))
    if kind == "extreme rectangle":  # its leftmost, topmost, rightmost and lowest points
        xs, ys = zip(*_points(shape, 4), strict=True)
        return _box(min(xs), min(ys), max(xs), max(ys))
    if kind == "extreme circle":  # three points on it
        return _circle_through(*_points(shape, 3))
    raise ValueError(f"shape {quoted(kind)} has no area")


def file_size(value: object) -> int:
    """A size in bytes as files write it, a number or a text; -1, as VIA has it, where unknown."""
    try:
        return int(value) if isinstance(value, str | int) else -1
    except ValueError:  # also of a number of 5000 digits
        return -1


def table(value: object) -> dict:
    """The value where it is a table, as it should be; else an empty one."""
    return value if isinstance(value, dict) else {}


def _points(shape: Mapping[str, object], count: int | None = None) -> list[tuple[float, float]]:
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise ValueError(f"{shape['name']} has no matching all_points_x and all_points_y")
    if count is not None and len(xs) != count:
        raise ValueError(f"{shape['name']} has {len(xs)} points, not {count}")
    return [(_number(x), _number(y)) for x, y in zip(xs, ys, strict=True)]


def _box(left: float, top: float, right: float, bottom: float) -> Ring:
    return (left, top, right, top, right, bottom, left, bottom)


def _ellipse(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Ring:
    """Args: centre, radii, and the turn in radians from x to y: clockwise, as y points down."""
    cos, sin = math.cos(turn), math.sin(turn)
    points: list[float] = []
    for step in range(CIRCLE_POINTS):
        angle = 2 * math.pi * step / CIRCLE_POINTS
        x, y = rx * math.cos(angle), ry * math.sin(angle)
        points += [cx + x * cos - y * sin, cy + x * sin + y * cos]
    return tuple(points)


def _circle_through(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> Ring:
    # Seen from a, the centre (x, y) satisfies 2 (bx x + by y) = |b|^2, and the same for c.
    bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    across = 2 * (bx * cy - by * cx)
    if across == 0:
        raise ValueError("the three points of the circle lie on a line")
    bb, cc = bx * bx + by * by, cx * cx + cy * cy
    x, y = _number((cy * bb - by * cc) / across), _number((bx * cc - cx * bb) / across)
    r = math.hypot(x, y)
    return _ellipse(a[0] + x, a[1] + y, r, r)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"coordinate {quoted(value)} is not a number")
    # Compared before it becomes a float, which an integer of 400 digits cannot.
    if not -MAX_COORDINATE <= value <= MAX_COORDINATE:
        raise ValueError(f"coordinate {quoted(value)} is out of all bounds")
    return float(value)
