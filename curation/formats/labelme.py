"""labelme: a folder of JSON files, one for each photo, named by ``imagePath`` from where it lies.

``shapes`` are polygons, boxes, turned or not, circles (a centre, and a point on it), lines, and
masks: a PNG for the pixels from the first of two points to the second, both within. Shapes of one
``group_id`` and one label are one garment. A copy of the photo, ``imageData``, is not read.

A mask is exact. A polygon holds the pixels whose centres are inside, as everywhere in curate;
labelme's own ``shape_to_mask`` adds those that the outline runs through, and is one pixel wider and
higher.
Specification: https://github.com/wkentaro/labelme (``_label_file.py``, ``utils/shape.py``)
"""

from __future__ import annotations

import codecs
import math
from pathlib import Path

from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.formats import json_index, shapes, values
from curation.formats.drawn import Bitmap, Drawn, Label, Listing, Outline, Shape, label
from curation.formats.messages import explain_bytes, quoted, shown
from curation.formats.shapes import Point, number
from curation.formats.values import table

MAX_FILE = 2**28
"""Bytes: no photo's copy and shapes come near it."""

CORNERS = ("polygon", "oriented_rectangle", "rotation")
"""Shapes by their corners; ``rotation`` is what X-AnyLabeling calls a turned box."""


def load(labels: Path, images: Path, line_width: int | None = None) -> Drawn:
    """Reads the files of a folder and of those in it; masks are unpacked as they are read.

    Hidden files are passed over. A file that is none of labelme's costs itself.

    Args:
        labels: the folder of JSON files; it may be that of the photos
        images: the folder of photos
        line_width: pixels that a line is drawn with; None skips those whose ends do not meet

    Raises:
        FormatError: no such folder, or not one file of labelme's in it
    """
    if not labels.is_dir():
        raise FormatError(labels, "no such folder of labelme's JSON files")
    listings: list[Listing] = []
    refused: list[Finding] = []
    for file in sorted(labels.rglob("*.json")):
        if file.name.startswith("."):
            continue
        inside = file.relative_to(labels)
        location = f"{labels.name}/{shown(inside.as_posix())}"
        try:
            content = _content(file)
            listings.append(_listing(content, location, inside.parent.as_posix(), line_width))
        except ValueError as error:
            refused.append(Finding(FindingKind.FILE_REFUSED, location, str(error)))
    if not listings:
        first = f"; the first, {refused[0].location}: {refused[0].detail}" if refused else ""
        raise FormatError(labels, f"holds no JSON file of labelme's{first}")
    return Drawn.of(labels, images, listings, tuple(refused))


def _content(path: Path) -> dict:
    try:
        if path.stat().st_size > MAX_FILE:
            raise ValueError(f"larger than {MAX_FILE >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or "cannot be read") from None
    if what := explain_bytes(data[:4]):
        raise ValueError(what)
    try:
        return table(json_index.decode(data.removeprefix(codecs.BOM_UTF8)))
    except (ValueError, RecursionError):
        raise ValueError("not JSON in UTF-8") from None


def _listing(content: dict, location: str, folder: str, line_width: int | None) -> Listing:
    """What a file says.

    Args:
        folder: where it lies in that of the labels, ``.`` for the top

    Raises:
        ValueError: not one of labelme's
    """
    name, given = content.get("imagePath"), content.get("shapes")
    if not isinstance(name, str) or not name.strip() or not isinstance(given, list):
        raise ValueError("has no imagePath and shapes: not one of labelme's")
    height, width = content.get("imageHeight"), content.get("imageWidth")
    size = None if height is None and width is None else values.size(height, width)
    if size is None and (height, width) != (None, None):
        raise ValueError(f"no photo is {quoted(width)} wide and {quoted(height)} high")
    drawn = (_label(table(s), f"{location}#{n}", line_width) for n, s in enumerate(given))
    name = name.strip() if folder == "." else f"{folder}/{name.strip()}"
    return Listing(location, name, size, tuple(drawn))


def _label(given: dict, location: str, line_width: int | None) -> Label | Finding:
    flags = table(given.get("flags"))
    return label(
        location,
        lambda: _category(given.get("label")),
        lambda: _shape(given, line_width),
        tuple(shown(name) for name, is_set in flags.items() if is_set is True),
        values.id_of(given.get("group_id")),
    )


def _category(given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(f"its label is {quoted(given)}, not a text")
    return given


def _shape(given: dict, line_width: int | None) -> Shape:
    """The shape of an element of ``shapes``.

    Raises:
        OpenLineError: a line whose ends do not meet, and lines are not drawn
        ValueError: a shape without an area, or one that cannot be read
    """
    kind = given.get("shape_type") or "polygon"  # the first versions had no other
    points = _points(given.get("points"))
    if kind in CORNERS or (kind == "rectangle" and len(points) == 4):
        return Outline((shapes.polygon(points),))
    if kind in ("line", "linestrip"):
        return Outline(shapes.line(points, line_width))
    if kind not in ("rectangle", "circle", "mask"):
        raise ValueError(f"a shape of type {quoted(kind)} has no area")
    if len(points) != 2:
        raise ValueError(f"a {kind} has 2 points, this one {len(points)}")
    (x0, y0), (x1, y1) = points
    if kind == "circle":
        radius = math.dist(*points)
        return Outline((shapes.ellipse(x0, y0, radius, radius),))
    if kind == "rectangle":
        return Outline((shapes.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)),))
    left, top, right, bottom = map(int, (x0, y0, x1, y1))  # where it was moved, they are fractions
    return Bitmap.of(given.get("mask"), (left, top, bottom - top + 1, right - left + 1))


def _points(given: object) -> list[Point]:
    if not isinstance(given, list) or not all(isinstance(p, list) and len(p) == 2 for p in given):
        raise ValueError("its points are no list of pairs")
    return [(number(x), number(y)) for x, y in given]
