"""Polygons to masks, and what is wrong with polygons. shapely repairs and clips, COCO fills.

Coordinates are pixels with the origin at the photo's top left corner; the
pixel in column c and row r covers [c, c+1] x [r, r+1]. A ring is a flat tuple
``(x0, y0, x1, y1, ...)``, not closed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from pycocotools import mask as coco
from shapely.geometry import LinearRing, LineString, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from curation.core import rle
from curation.core.finding import FindingKind
from curation.core.rle import Rle

Ring = tuple[float, ...]

REPAIRED = 1.0
"""Square pixels: a repair that changes an outline's area by less is no matter to any mask."""

OVERSHOT = 1.0
"""Pixels that a polygon may leave the photo by: an annotation tool's own rounding."""

MAX_OUTLINE = 1_000_000
"""Pixels along the rings of one mask: pycocotools takes 80 bytes and more for each."""


def rasterise(rings: Sequence[Ring], height: int, width: int) -> Rle:
    """Fills rings into one mask; overlapping rings of one instance unite.

    A self-intersecting ring is repaired (shapely's ``make_valid``), what lies
    out of the frame is cut off, a hole that the repair finds stays a hole. What
    :func:`curation.core.tracing.trace` made is filled as it is.

    Args:
        rings: each ``(x0, y0, x1, y1, ...)`` in pixels from the top left corner, not closed
        height, width: size of the photo in pixels

    Raises:
        ValueError: nothing is left: too few points, no area, or all of it out
            of the frame; or longer than MAX_OUTLINE
    """
    frame = box(0, 0, width, height)
    filled: list[Rle] = []
    for ring in rings:
        polygon: BaseGeometry = _polygon(ring)
        if not polygon.is_valid:
            if traced := _traced(ring, height, width):
                filled.append(traced)
                continue
            polygon = shapely.make_valid(polygon)
        # Part by part: the hole of one part may hold another, an island.
        parts = _parts(polygon.intersection(frame))
        filled += [_fill_part(part, height, width) for part in parts]
    if not filled:
        raise ValueError("the polygon has no area inside the photo")
    united = rle.union(filled)
    if rle.area(united) == 0:
        raise ValueError("the polygon covers no pixel centre")
    return united


def gives(rings: Sequence[Ring], mask: Rle) -> bool:
    """Whether :func:`rasterise` of some rings, or of none, is this mask."""
    try:
        return rasterise(rings, mask.height, mask.width) == mask
    except ValueError:
        return False


def fill(rings: Sequence[Ring], height: int, width: int) -> Rle:
    """What pycocotools makes of rings of 3 points or more: nothing is repaired.

    It cuts off by itself what is out of the frame.

    Args:
        rings: each ``(x0, y0, x1, y1, ...)`` in pixels from the top left corner, not closed
        height, width: size of the photo in pixels

    Raises:
        ValueError: longer than MAX_OUTLINE, or a point that is not a number
    """
    points = [np.reshape(ring, (-1, 2)) for ring in rings]
    steps = [np.abs(np.diff(p, axis=0, append=p[:1])).max(axis=1) + 1 for p in points]
    outline = sum(float(step.sum()) for step in steps)
    if not outline <= MAX_OUTLINE:  # nor one that is not a number
        raise ValueError(f"an outline of {outline:.0f} pixels is no garment's")
    merged = coco.merge(coco.frPyObjects([list(ring) for ring in rings], height, width))
    return Rle(height, width, merged["counts"])


def repairs(rings: Sequence[Ring], height: int, width: int) -> tuple[FindingKind, ...]:
    """What :func:`rasterise` has to repair in rings of 3 points or more.

    Args:
        rings: each ``(x0, y0, x1, y1, ...)`` in pixels from the top left corner, not closed
        height, width: size of the photo in pixels

    Returns:
        ``SELF_INTERSECTING`` where a repair changes their areas by REPAIRED or
        more, ``OUT_OF_FRAME`` where they leave the photo by more than OVERSHOT
    """
    drawn = [(Polygon(np.reshape(ring, (-1, 2))), ring) for ring in rings]
    changed = sum(
        abs(polygon.area - shapely.make_valid(polygon).area)
        for polygon, ring in drawn
        if not polygon.is_valid and not _traced(ring, height, width)
    )
    crossed = (FindingKind.SELF_INTERSECTING,) if changed >= REPAIRED else ()
    return crossed + out_of_frame(rings, height, width)


def out_of_frame(rings: Sequence[Ring], height: int, width: int) -> tuple[FindingKind, ...]:
    """The half of :func:`repairs` that :func:`fill` makes."""
    return (FindingKind.OUT_OF_FRAME,) if overshot(rings, height, width) > OVERSHOT else ()


def overshot(rings: Sequence[Ring], height: int, width: int) -> float:
    """Pixels by which rings leave the photo; 0.0 where they do not."""
    xs, ys = ([v for ring in rings for v in ring[axis::2]] for axis in (0, 1))
    return max(0.0, -min(xs), -min(ys), max(xs) - width, max(ys) - height)


def _traced(ring: Ring, height: int, width: int) -> Rle | None:
    """The mask of a ring along the pixels' edges inside the photo, as :mod:`.tracing` makes them.

    None of any other, and of one that goes around a pixel more than once, or around some pixels
    one way and around others the other way. Holes that hang on bridges, edges that are gone there
    and back, are no matter here; shapely needs minutes to see what thousands of them enclose.
    """
    points = np.asarray(ring, dtype=np.float64).reshape(-1, 2)
    inside = (points >= 0).all() and (points <= (width, height)).all()
    if not inside or (points % 1).any():
        return None
    x, y = points.astype(np.int64).T
    right, down = np.roll(x, -1) - x, np.roll(y, -1) - y
    spans = np.abs(right)
    if (right * down).any() or spans.sum() > MAX_OUTLINE:
        return None
    # Down the columns, each pixel of a horizontal edge is one turn more around what is below it.
    first = np.minimum(x, x + right) + spans - spans.cumsum()
    places = (np.arange(spans.sum()) + first.repeat(spans)) * height + y.repeat(spans)
    order = places.argsort()
    places, turns = places[order], np.sign(right).repeat(spans)[order].cumsum()
    last = np.append(places[1:] != places[:-1], True)[: places.size]
    places, turns = places[last], turns[last]
    if not turns.any() or turns.max() - turns.min() > 1:
        return None
    edges = places[np.diff(turns, prepend=0) != 0]
    counts = np.diff(edges, prepend=0, append=height * width)
    return rle.from_counts(counts, height, width)


def stroke(points: Sequence[tuple[float, float]], width: float) -> list[Ring]:
    """A line drawn with a width: it ends where its points do, and its corners are round.

    Args:
        points: (x, y) in pixels from the top left corner
        width: in pixels, half of it on each side

    Returns:
        its outline; several rings side by side where it goes around something

    Raises:
        ValueError: the points are all at one place
    """
    if len(set(points)) < 2:
        raise ValueError("the line has no length")
    drawn = shapely.buffer(LineString(points), width / 2, cap_style="flat", join_style="round")
    return [_ring(part.exterior) for whole in _parts(drawn) for part in _without_holes(whole)]


def _polygon(ring: Ring) -> Polygon:
    points = np.asarray(ring, dtype=np.float64)
    if points.size % 2 or points.size < 6:
        raise ValueError(f"a polygon needs 3 points, this ring has {points.size / 2:g}")
    if not np.isfinite(points).all():
        raise ValueError("a polygon point is not a finite number")
    return Polygon(points.reshape(-1, 2))


def _parts(geometry: BaseGeometry) -> list[Polygon]:
    """The polygons of any geometry; lines and points that a cut leaves have no area."""
    if isinstance(geometry, Polygon):
        return [] if geometry.is_empty else [geometry]
    return [p for part in getattr(geometry, "geoms", ()) for p in _parts(part)]


def _fill_part(part: Polygon, height: int, width: int) -> Rle:
    filled = fill([_ring(part.exterior)], height, width)
    if not part.interiors:
        return filled
    holes = fill([_ring(hole) for hole in part.interiors], height, width)
    return rle.encode(rle.decode(filled) & ~rle.decode(holes))


def _ring(line: LinearRing) -> Ring:
    return tuple(np.asarray(line.coords)[:-1].ravel().tolist())


def _without_holes(polygon: Polygon) -> list[Polygon]:
    if not polygon.interiors:
        return [polygon]
    left, top, right, bottom = polygon.bounds
    hole = polygon.interiors[0]
    # A whole column: a cut through pixels would leave half pixels on both sides.
    cut = round(hole.centroid.x)
    if not hole.bounds[0] < cut < hole.bounds[2]:  # of a hole narrower than a pixel
        cut = hole.centroid.x
    sides = [box(left, top, cut, bottom), box(cut, top, right, bottom)]
    halves = MultiPolygon([p for side in sides for p in _parts(polygon.intersection(side))])
    return [p for half in halves.geoms for p in _without_holes(half)]
