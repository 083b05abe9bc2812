"""Shapes that annotation tools draw, as rings: boxes, circles and ellipses, turned or not, lines.

Coordinates are pixels from the photo's top left corner. Turns are clockwise, as y points down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from curation.core import polygons
from curation.core.polygons import Ring
from curation.formats.messages import quoted

Point = tuple[float, float]

MAX_COORDINATE = 1e7
CIRCLE_POINTS = 72

MEETING = 0.2
"""Of a line's length: its ends meet where they are no further apart. Who clicks around a garment
and stops at the sixth corner leaves a fifth; a zip, a strap or a neckline leaves more."""


class OpenLineError(ValueError):
    """A shape is a line whose ends do not meet, and lines are not drawn."""


def number(value: object) -> float:
    """A coordinate out of a file.

    Raises:
        ValueError: no number, or none that a photo can have
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"coordinate {quoted(value)} is not a number")
    # Compared before it becomes a float, which an integer of 400 digits cannot.
    if not -MAX_COORDINATE <= value <= MAX_COORDINATE:
        raise ValueError(f"coordinate {quoted(value)} is out of all bounds")
    return float(value)


def polygon(points: Sequence[Point]) -> Ring:
    """The ring through points."""
    return tuple(v for point in points for v in point)


def box(left: float, top: float, right: float, bottom: float) -> Ring:
    """The ring of a box that lies straight."""
    return (left, top, right, top, right, bottom, left, bottom)


def turned(ring: Ring, degrees: float, centre: Point) -> Ring:
    """A ring turned clockwise about a point.

    >>> turned(box(0, 0, 4, 2), 90, (0, 0))
    (0.0, 0.0, 0.0, 4.0, -2.0, 4.0, -2.0, 0.0)
    """
    if not degrees % 360:
        return ring
    # Right angles exactly: half a pixel's rounding decides whether a pixel is inside.
    cos, sin = (round(f(math.radians(degrees % 360)), 15) + 0.0 for f in (math.cos, math.sin))
    x0, y0 = centre
    points = zip(ring[0::2], ring[1::2], strict=True)
    away = ((x - x0, y - y0) for x, y in points)
    return polygon([(x0 + x * cos - y * sin, y0 + x * sin + y * cos) for x, y in away])


def ellipse(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Ring:
    """An ellipse as a polygon of ``CIRCLE_POINTS``.

    Args:
        cx, cy, rx, ry: centre and radii
        turn: in radians, clockwise
    """
    cos, sin = math.cos(turn), math.sin(turn)
    points: list[Point] = []
    for step in range(CIRCLE_POINTS):
        angle = 2 * math.pi * step / CIRCLE_POINTS
        x, y = rx * math.cos(angle), ry * math.sin(angle)
        points.append((cx + x * cos - y * sin, cy + x * sin + y * cos))
    return polygon(points)


def line(points: Sequence[Point], width: float | None) -> tuple[Ring, ...]:
    """The outline of a line. Where its ends nearly meet, it is an outline that was left open.

    Args:
        width: pixels that any other line is drawn with

    Returns:
        one ring, or several where the line goes around something: rings have no holes

    Raises:
        OpenLineError: any other line, and no width to draw it with
        ValueError: the points are all at one place
    """
    length = sum(map(math.dist, points, points[1:]))
    gap = math.dist(points[0], points[-1]) if points else 0.0
    if len(set(points)) > 2 and gap <= MEETING * length:
        return (polygon(points),)
    if width is None:
        between = f"{gap:.0f} pixels lie between the ends of a line of {length:.0f}"
        raise OpenLineError(f"{between}; --line-width N draws it")
    return tuple(polygons.stroke(points, width))
