"""Outlines: smooth closed curves, limbs, discs. Points are (n, 2) float64, x then y, in pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Shape = list[Points]
"""Closed rings whose union is the shape; each ring by itself does not cross itself."""

_STEPS = 5
"""Points a curve is given between two of its control points."""


def polar(degrees: float, length: float) -> Points:
    """The vector (2,) of a length; 0 degrees hangs straight down, 90 points to the right."""
    angle = np.deg2rad(degrees)
    return length * np.array([np.sin(angle), np.cos(angle)])


def vector(x: float, y: float) -> Points:
    """(2,) from its two lengths."""
    return np.array([x, y], dtype=np.float64)


def curve(points: ArrayLike, closed: bool = False) -> Points:
    """A Catmull-Rom curve through (n, 2) points; a point given twice is a corner."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    s = (np.arange(_STEPS) / _STEPS)[None, :, None]
    path = b + 0.5 * s * (c - a + s * (2 * a - 5 * b + 4 * c - d + s * (3 * (b - c) + d - a)))
    path = path.reshape(-1, 2)
    return path if closed else np.concatenate([path, p[-2:-1]])


def disc(centre: ArrayLike, rx: float, ry: float | None = None, degrees: float = 0.0) -> Points:
    """An ellipse (24, 2) turned by so many degrees; a circle without ``ry``."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([rx * np.cos(angle), (rx if ry is None else ry) * np.sin(angle)], axis=1)
    turn = np.deg2rad(degrees)
    across = np.array([np.cos(turn), np.sin(turn)])
    return (
        np.asarray(centre) + ring[:, :1] * across + ring[:, 1:] * np.array([-across[1], across[0]])
    )


def tube(path: ArrayLike, radii: Sequence[float], caps: bool = True) -> Shape:
    """A limb: the area within ``radii`` of a curve through ``path`` (n, 2).

    It comes as short pieces, since the outline of a bent thick limb crosses itself.
    """
    middle = curve(path)
    radius = np.interp(np.linspace(0, len(radii) - 1, len(middle)), np.arange(len(radii)), radii)
    step = np.gradient(middle, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-6)[:, None]
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) * radius[:, None]
    left, right = middle + normal, middle - normal
    shape = list(np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1))
    if caps:
        shape += [disc(middle[0], radius[0]), disc(middle[-1], radius[-1])]
    return shape


def part_of(path: Points, start: float, stop: float) -> Points:
    """The stretch of a polyline (n, 2) between two fractions of its n - 1 segments."""
    places = np.linspace(start, stop, 4) * (len(path) - 1)
    known = np.arange(len(path))
    return np.stack([np.interp(places, known, path[:, axis]) for axis in (0, 1)], axis=1)
