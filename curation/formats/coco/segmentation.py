"""What an annotation's ``segmentation`` may be: run lengths, or outlines, as tools write them.

{"size": [height, width], "counts": [...] or "..."}    run lengths, column-major; also in a list
[[x, y, x, y, ...], ...]                               outlines, the parts of one garment
[[[x, y], [x, y], ...], ...]                           the same in pairs
[x, y, x, y, ...]                                      one outline alone, as VIA writes it
"""

from __future__ import annotations

import math

from curation.core import polygons, rle
from curation.core.finding import Finding, FindingKind
from curation.core.polygons import Ring
from curation.core.rle import Rle
from curation.core.text import count
from curation.formats.coco import values
from curation.formats.messages import explain_mismatch, quoted
from curation.formats.source import OnFinding

MAX_COORDINATE = 1e7


def draw(
    segmentation: object, height: int, width: int, location: str, on_finding: OnFinding
) -> tuple[Rle, tuple[Ring, ...]]:
    """A segmentation as a mask, filled as pycocotools does.

    Args:
        height, width: size of the photo in pixels
        location: of the annotation
        on_finding: told each outline of one or two points, which is left out

    Returns:
        the mask, and its outlines, each ``(x0, y0, x1, y1, ...)`` in pixels, where it has some

    Raises:
        ValueError: it is none of these, or for another size
    """
    if runs := all_runs(segmentation):
        masks = [_mask(part, height, width) for part in runs]
        return masks[0] if len(masks) == 1 else rle.union(masks), ()
    rings = _rings(segmentation, location, on_finding)
    return polygons.fill(rings, height, width), rings


def all_runs(segmentation: object) -> list[dict]:
    """Run lengths, also where a list is around them; none where it is something else."""
    parts = segmentation if isinstance(segmentation, list) else [segmentation]
    runs = [part for part in parts if isinstance(part, dict)]
    return runs if len(runs) == len(parts) else []


def size_of_runs(segmentation: dict) -> tuple[int, int] | None:
    size = segmentation.get("size")
    return values.size(*size) if isinstance(size, list) and len(size) == 2 else None


def _mask(segmentation: dict, height: int, width: int) -> Rle:
    """Run lengths, as numbers or compressed."""
    given, counts = size_of_runs(segmentation), segmentation.get("counts")
    if not given:
        size = quoted(segmentation.get("size"))
        raise ValueError(f"its size {size} is none that a photo can have")
    if given != (height, width):
        raise ValueError(explain_mismatch(given, (height, width)))
    if isinstance(counts, str):
        given_counts = Rle(height, width, counts.encode("utf-8", "surrogatepass"))
        return rle.from_counts(rle.to_counts(given_counts), height, width)
    given_runs = counts if isinstance(counts, list) else []
    numbers = given_runs
    if set(map(type, given_runs)) != {int}:
        numbers = [n for n in map(values.whole, given_runs) if n is not None]
    if not numbers or len(numbers) != len(given_runs):
        raise ValueError(f"counts {quoted(counts)} are no run lengths")
    if not 0 <= min(numbers) <= max(numbers) <= height * width:
        raise ValueError(f"a run is negative or longer than the {width}x{height} photo")
    return rle.from_counts(numbers, height, width)


def _rings(segmentation: object, location: str, on_finding: OnFinding) -> tuple[Ring, ...]:
    """Polygons, each ``[x0, y0, x1, y1, ...]`` in pixels; those that are points or lines go."""
    if not isinstance(segmentation, list):
        raise ValueError(f"segmentation {quoted(segmentation)} is not known")
    rings = []
    outlines = [segmentation] if _is_outline(segmentation) else segmentation
    for number, outline in enumerate(outlines, 1):
        what = f"polygon {number} of {len(outlines)}"
        ring = _flat(outline)
        if ring is None or len(ring) % 2:
            raise ValueError(f"{what} is not x, y, x, y, ...")
        if len(ring) < 6:
            on_finding(
                Finding(
                    FindingKind.POLYGON_WITHOUT_AREA,
                    location,
                    f"{what} has {count(len(ring) // 2, 'point')}",
                )
            )
            continue
        try:
            points = tuple(map(float, ring))
        except OverflowError:  # an integer of 400 digits
            points = (math.inf,)
        # NaN is neither more nor less than anything, and makes any sum NaN.
        outside = min(points) < -MAX_COORDINATE or max(points) > MAX_COORDINATE
        if outside or math.isnan(sum(points)):
            raise ValueError(f"{what} has a point that is out of all bounds")
        rings.append(points)
    if not rings:
        raise ValueError("no polygon has 3 points")
    return tuple(rings)


def _is_outline(segmentation: list) -> bool:
    """Whether it is one outline, x, y, x, y, ... or pairs of them, and no list of outlines."""
    if all(values.is_number(part) for part in segmentation):
        return True
    # As outlines they had one point each.
    return len(segmentation) >= 3 and all(
        isinstance(part, list) and len(part) == 2 and all(map(values.is_number, part))
        for part in segmentation
    )


def _flat(outline: object) -> list | None:
    """An outline as x, y, x, y, ...; None where it is none."""
    if not isinstance(outline, list):
        return None
    if set(map(type, outline)) <= {int, float}:
        return outline
    if all(isinstance(point, list) and len(point) == 2 for point in outline):
        outline = [value for point in outline for value in point]
    return outline if all(map(values.is_number, outline)) else None
