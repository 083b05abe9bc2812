"""What every VIA file says, in the words of VIA 2: photos, their regions, shapes and labels.

The readers of the other versions and of CSV translate into these two records, so that
regions are named and outlined here alone. Nothing in them was checked yet.
Specification: https://www.robots.ox.ac.uk/~vgg/software/via/docs/
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from curation.core.polygons import Ring
from curation.formats.messages import printable, quoted

MAX_COORDINATE = 1e7
CIRCLE_POINTS = 72


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
    """One photo that a file lists, under the name it has there, and its regions.

    Attributes:
        size: of the photo's file in bytes as it was labelled; -1 where that is not said
    """

    where: str
    name: str
    regions: tuple[Region, ...]
    size: int = -1


def label(region: Region, attribute: str) -> str:
    """What a region is, by one attribute: a text, a number, or the only box ticked.

    Raises:
        ValueError: it has no such attribute, or a value that cannot be a label
    """
    if attribute not in region.attributes:
        raise ValueError(f"no {quoted(attribute)} in its region_attributes")
    value = region.attributes[attribute]
    if isinstance(value, dict):  # a checkbox: {"preppy": true}
        ticked = [name for name, on in value.items() if on]
        if len(ticked) != 1:
            raise ValueError(f"{len(ticked)} boxes of {quoted(attribute)} are ticked, not one")
        value = ticked[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{quoted(attribute)} is {quoted(value)}, not a text")
    return printable(str(value))


def ring(shape: Mapping[str, object]) -> Ring:
    """The outline of a shape, circles and ellipses as polygons of ``CIRCLE_POINTS``.

    Raises:
        ValueError: a shape without an area, or coordinates missing or out of bounds
    """
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):  # a polyline is closed: an outline left open by its drawer
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
