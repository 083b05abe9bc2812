"""What an annotation's ``segmentation`` may be: run lengths, or outlines, as tools write them.

{"size": [height, width], "counts": [...] or "..."}    run lengths, column-major; also in a list
[[x, y, x, y, ...], ...]                               outlines, the parts of one garment
[[[x, y], [x, y], ...], ...]                           the same in pairs
[x, y, x, y, ...]                                      one outline alone, as VIA writes it
"""

from __future__ import annotations

import math

from curation.core import misread, polygons, rle
from curation.core.finding import Finding, FindingKind
from curation.core.polygons import Ring
from curation.core.rle import Rle
from curation.core.text import count
from curation.formats import values
from curation.formats.messages import explain_mismatch, quoted
from curation.formats.source import OnFinding

MAX_COORDINATE = 1e7


def held_against(annotation: dict, mask: Rle) -> tuple[Rle, tuple[FindingKind, ...]]:
    """A mask that was drawn of run lengths, held against the annotation's own area and box.

    Returns:
        the mask as it is, and what :func:`unlike` says of it; or, where the file's ``area`` and
        ``bbox`` are exactly those of its inverse, or of its runs along the rows, this, and
        which of both it is
    """
    area, box = annotation.get("area"), annotation.get("bbox")
    if not _has(mask, area, box, 1, 0.1):
        for kind, read in (
            (FindingKind.INVERSE_MASK, misread.inverse),
            (FindingKind.ROW_MAJOR, misread.along_rows),
        ):
            other = read(mask)
            if rle.area(other) and _has(other, area, box, 1, 0):
                return other, (kind,)
    return mask, unlike(mask, area, box)


def unlike(mask: Rle, area: object, box: object) -> tuple[FindingKind, ...]:
    """That an annotation's area or box is of something else than its mask, if it is.

    A quarter off is how tools round, simplify and pad. A box by its corners is one, too.
    """
    fits = any(_has(mask, area, b, 2, 0.25) for b in (box, _corners(box)))
    return () if fits else (FindingKind.OTHER_BOX,)


def _corners(box: object) -> object:
    """The box in left, top, width and height of one that a tool wrote by its corners."""
    figures = _figures(box if isinstance(box, list) else [])
    if len(figures) != 4:
        return box
    left, top, right, bottom = figures
    return [left, top, right - left, bottom - top]


def _has(mask: Rle, area: object, box: object, pixels: float, share: float) -> bool:
    """Whether a mask has the area and the box that an annotation gives, as far as it gives them.

    Args:
        area, box: pixels; left, top, width and height; anything else is as good as not given
        pixels: that an edge, or the area, may be off
        share: of the area, or of the longer side, that it may be off beside
    """
    found = rle.bbox(mask)
    sides = max(found[2:])
    given_area = _figures([area])
    given_box = _figures(box if isinstance(box, list) else [])
    pairs = [(said, rle.area(mask), max(said, rle.area(mask))) for said in given_area]
    if len(given_box) == len(found):
        pairs += [(said, is_, sides) for said, is_ in zip(given_box, found, strict=True)]
    return all(abs(said - is_) <= pixels + share * size for said, is_, size in pairs)


def _figures(given: list) -> list[float]:
    """Numbers of pixels; none where one of them is no number that a photo can have."""
    numbers = [float(v) if type(v) is str else v for v in given if values.is_number(v)]
    bounded = all(-rle.MAX_PIXELS <= n <= rle.MAX_PIXELS for n in numbers)  # false of NaN
    return numbers if bounded and len(numbers) == len(given) else []


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
