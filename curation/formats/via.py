"""VGG Image Annotator (VIA) 1 and 2: a JSON export or project with regions drawn by hand.

A flat export maps arbitrary keys to ``{filename, size, regions}``; a project
holds the same under ``_via_img_metadata``. Regions are a dict in VIA 1 and a
list in VIA 2; each has ``shape_attributes`` and ``region_attributes``.
Specification: https://www.robots.ox.ac.uk/~vgg/software/via/docs/
"""

from __future__ import annotations

import json
import math
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from curation import polygons
from curation.errors import FormatError
from curation.files import replacing
from curation.formats import find_photo
from curation.polygons import Ring
from curation.records import ImageRecord, Instance, Skip

MAX_FILE = 2**30
"""Bytes: a JSON file is read as a whole, so a larger one is refused."""

MAX_COORDINATE = 1e7
CIRCLE_POINTS = 72


def load(path: Path) -> dict[str, dict]:
    """The entries of a VIA file, by key: one for each photo.

    Raises:
        FormatError: not a VIA file that is understood
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise FormatError(path, "", f"larger than {MAX_FILE >> 30} GiB")
        table = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FormatError(path, "", error.strerror or "cannot be read") from None
    except json.JSONDecodeError as error:
        raise FormatError(path, str(error.lineno), f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError):  # not UTF-8, a number of 5000 digits, 100000 brackets
        raise FormatError(path, "", "not JSON text") from None
    if isinstance(table, dict) and "metadata" in table and "project" in table:
        raise FormatError(path, "", "a VIA 3 project; export it as VIA 2 JSON")
    entries = table.get("_via_img_metadata", table) if isinstance(table, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise FormatError(path, "", "holds no photos: not a VIA 1 or 2 export or project")
    for key, entry in entries.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str):
            raise FormatError(path, _shown(key), "has no filename: not a VIA 1 or 2 entry")
    return entries


def label_attributes(entries: Mapping[str, dict]) -> Counter[str]:
    """Region attributes that occur, with the number of regions that have each."""
    return Counter(
        name
        for entry in entries.values()
        for _, region in _regions(entry)
        for name in _table(region, "region_attributes")
    )


def read(
    path: Path,
    images: Path,
    entries: Mapping[str, dict],
    label_attribute: str,
    on_skip: Callable[[Skip], None] = lambda skip: None,
) -> Iterator[ImageRecord]:
    """Streams the photos of a VIA file.

    Args:
        images: the folder of photos
        entries: what :func:`load` read from ``path``
        label_attribute: the region attribute that holds the category; a
            checkbox attribute must have exactly one box ticked
        on_skip: told each region and photo that is left out, and why

    Raises:
        FormatError: no region has that attribute
    """
    present = label_attributes(entries)
    if label_attribute not in present:
        there = ", ".join(f"{_shown(name)} ({n})" for name, n in present.most_common()) or "none"
        reason = f"no region has the attribute {label_attribute!r}; there are: {there}"
        raise FormatError(path, "", reason)
    seen: set[str] = set()
    for key, entry in entries.items():
        name = entry["filename"].strip()
        if name in seen:
            on_skip(Skip(f"{path.name}:{_shown(key)}", "photo listed twice", _shown(name)))
            continue
        seen.add(name)
        record = _record(path, images, key, name, entry, label_attribute, on_skip)
        if record:
            yield record


def write(path: Path, records: Iterable[ImageRecord], label_attribute: str) -> None:
    """Writes records as a VIA 2 project.

    VIA has no instance of several parts: each part becomes a region. A record
    without polygons is traced along its mask's pixel edges.
    """
    metadata = {}
    values: set[str] = set()
    for record in records:
        regions = []
        for instance in record.instances:
            values.add(instance.category)
            for ring in instance.polygons or polygons.trace(instance.mask):
                shape = {
                    "name": "polygon",
                    "all_points_x": [_short(v) for v in ring[0::2]],
                    "all_points_y": [_short(v) for v in ring[1::2]],
                }
                attributes = {label_attribute: instance.category}
                regions.append({"shape_attributes": shape, "region_attributes": attributes})
        size = record.path.stat().st_size if record.path.is_file() else -1
        entry = {"filename": record.path.name, "size": size}
        entry |= {"regions": regions, "file_attributes": {}}
        metadata[f"{record.path.name}{size}"] = entry
    options = dict.fromkeys(sorted(values), "")
    dropdown = {"type": "dropdown", "description": "", "options": options, "default_options": {}}
    project = {
        "_via_settings": {"ui": {}, "core": {}, "project": {"name": path.stem}},
        "_via_img_metadata": metadata,
        "_via_attributes": {"region": {label_attribute: dropdown}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(metadata),
    }
    with replacing(path) as part:
        part.write_text(json.dumps(project, ensure_ascii=False), "utf-8")


def _record(
    path: Path,
    images: Path,
    key: str,
    name: str,
    entry: dict,
    label_attribute: str,
    on_skip: Callable[[Skip], None],
) -> ImageRecord | None:
    where = f"{path.name}:{_shown(key)}"
    regions = _regions(entry)
    found = find_photo(images, name, where, f"{len(regions)} regions", on_skip)
    if not found:
        return None
    photo, height, width = found
    instances = []
    for number, region in regions:
        place = f"{where}#{_shown(number)}"
        try:
            label = _label(region, label_attribute)
        except ValueError as error:
            on_skip(Skip(place, "region without a label", str(error)))
            continue
        try:
            ring = _ring(_table(region, "shape_attributes"))
            mask = polygons.rasterise([ring], height, width)
        except ValueError as error:
            on_skip(Skip(place, "region that cannot be drawn", f"{label}: {error}"))
            continue
        instances.append(Instance(label, mask, place, polygons=(ring,)))
    if not instances:
        on_skip(Skip(where, "photo without a usable region", name))
        return None
    return ImageRecord(name, photo, height, width, tuple(instances))


def _regions(entry: dict) -> list[tuple[str, object]]:
    """Number and region; none where ``regions`` is neither VIA 1's dict nor VIA 2's list."""
    regions = entry.get("regions")
    if isinstance(regions, dict):
        return list(regions.items())
    return [(str(i), r) for i, r in enumerate(regions)] if isinstance(regions, list) else []


def _table(region: object, key: str) -> dict:
    value = region.get(key) if isinstance(region, dict) else None
    return value if isinstance(value, dict) else {}


def _label(region: object, attribute: str) -> str:
    attributes = _table(region, "region_attributes")
    if attribute not in attributes:
        raise ValueError(f"no {attribute!r} in its region_attributes")
    value = attributes[attribute]
    if isinstance(value, dict):  # a checkbox: {"preppy": true}
        ticked = [name for name, on in value.items() if on]
        if len(ticked) != 1:
            raise ValueError(f"{len(ticked)} boxes of {attribute!r} are ticked, not one")
        value = ticked[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{attribute!r} is {reprlib.repr(value)}, not a text")
    label = str(value).strip()
    if not label:
        raise ValueError(f"{attribute!r} is empty")
    if not label.isprintable():  # a line break, half a character: no list could show it
        raise ValueError(f"{attribute!r} is {label!r}, which cannot be printed")
    return label


def _ring(shape: dict) -> Ring:
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):  # a polyline is closed: an outline left open by its drawer
        xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise ValueError(f"{kind} has no matching all_points_x and all_points_y")
        return tuple(_number(v) for point in zip(xs, ys, strict=True) for v in point)
    if kind == "rect":
        x, y, w, h = (_number(shape.get(k)) for k in ("x", "y", "width", "height"))
        return (x, y, x + w, y, x + w, y + h, x, y + h)
    if kind in ("circle", "ellipse"):
        cx, cy = _number(shape.get("cx")), _number(shape.get("cy"))
        rx = _number(shape.get("r" if kind == "circle" else "rx"))
        ry = _number(shape.get("r" if kind == "circle" else "ry"))
        turn = _number(shape.get("theta", 0.0))
        cos, sin = math.cos(turn), math.sin(turn)
        ring: list[float] = []
        for step in range(CIRCLE_POINTS):
            angle = 2 * math.pi * step / CIRCLE_POINTS
            x, y = rx * math.cos(angle), ry * math.sin(angle)
            ring += [cx + x * cos - y * sin, cy + x * sin + y * cos]
        return tuple(ring)
    raise ValueError(f"shape {reprlib.repr(kind)} has no area")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"coordinate {reprlib.repr(value)} is not a number")
    # Compared before it becomes a float, which an integer of 400 digits cannot.
    if not -MAX_COORDINATE <= value <= MAX_COORDINATE:
        raise ValueError(f"coordinate {reprlib.repr(value)} is out of all bounds")
    return float(value)


def _shown(text: str) -> str:
    """A text out of the file for a message: half a character as its escape, no console fails."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _short(value: float) -> int | float:
    return int(value) if value == int(value) else value
