"""Label Studio's own JSON export: a list of tasks, each with a photo and what people drew on it.

A result of an annotation has a shape, a label or both; those of one ``id`` are one region. Sizes
and places are per cent of the photo's width and height; a box turns clockwise about its top left
corner, an ellipse about its centre. Brush masks are run lengths, see :mod:`.brush`; bitmasks are
PNGs. Export as COCO draws around masks, and loses holes and what is thin.
Specification: https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from curation.core import image_io, image_names
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.text import count
from curation.formats import json_index, shapes, values
from curation.formats.drawn import Bitmap, Drawn, Label, Listing, Outline, Shape, check_asked, label
from curation.formats.label_studio.brush import Brush
from curation.formats.messages import quoted, shown
from curation.formats.shapes import Point, number
from curation.formats.values import table

JSON_MIN = "Label Studio's JSON-MIN, which leaves out whose each label is: export it as JSON"

Size = tuple[int, int]
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Region:
    """The results of one region of an annotation.

    Attributes:
        location: file, task and region
        shape: the result that has its shape
        said: what was picked for it, by the name of the tag (``from_name``)
        own: the name of the tag that drew it, or that labels shapes drawn without a label
    """

    location: str
    shape: Table
    said: Mapping[str, tuple[str, ...]]
    own: str


def load(
    path: Path, images: Path, label_attribute: str | None = None, line_width: int | None = None
) -> Drawn:
    """Reads a file of tasks one by one; masks are unpacked as they are read.

    Of several annotations of a task the ground truth is read, else the one that was changed
    last. A task that nobody labelled, or where all was cancelled, is no photo without garments.

    Args:
        images: the folder of photos
        label_attribute: the tag that holds the category, by its name; None takes the one that
            drew the region, or the only one that says anything of it
        line_width: pixels that a polygon which was left open is drawn with; None skips it

    Raises:
        FormatError: not such a file, or no region has that tag
    """
    listings = []
    present: Counter[str] = Counter()
    for key, start, _, task in json_index.elements(path):
        where = f"byte {start}"
        if key:
            raise FormatError(path, f"has {quoted(key)}: Label Studio's JSON is a list of tasks")
        if isinstance(task, dict) and "data" not in task and "annotation_id" in task:
            raise FormatError(path, JSON_MIN)
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise FormatError(path, "a task without data: not Label Studio's JSON", where=where)
        where = shown(str(task.get("id", where)))
        location = f"{path.name}:{where}"
        try:
            name = _photo(task["data"])
        except ValueError as error:
            raise FormatError(path, str(error), where=where) from None
        try:
            regions, told, size = _regions(location, task)
        except ValueError as error:
            regions, size = [], None
            told = [Finding(FindingKind.UNDRAWABLE_REGION, location, str(error))]
        present.update(name for region in regions for name in region.said)
        draw = partial(_label, size=size, label_attribute=label_attribute, line_width=line_width)
        labels = (*told, *map(draw, regions))
        listings.append(Listing(location, name, size, labels))
    if not listings:
        raise FormatError(path, "holds no tasks: not Label Studio's JSON")
    check_asked(path, label_attribute, present, "tag")
    return Drawn.of(path, images, listings)


def _photo(data: Table) -> str:
    """The photo of a task: ``image``, or the only text that names one.

    Raises:
        ValueError: none, or more than one may be meant
    """
    names = {k: v.strip() for k, v in data.items() if isinstance(v, str) and _is_photo(v)}
    if len(names) > 1 and "image" in names:
        names = {"image": names["image"]}
    if not names and isinstance(image := data.get("image"), str) and image.strip():
        return image.strip()
    if len(names) != 1:
        which = f" ({', '.join(map(shown, names))})" if names else ""
        raise ValueError(f"the task names {count(len(names), 'photo')}{which}, not one")
    return next(iter(names.values()))


def _is_photo(text: str) -> bool:
    parts = image_names.parts_of(text)
    return bool(parts) and parts[-1].lower().endswith(image_io.SUFFIXES)


def _regions(location: str, task: Table) -> tuple[list[Region], list[Finding], Size | None]:
    """What the annotation of a task that counts says, what is to be said, and of which size.

    Raises:
        ValueError: its annotations are no list of annotations, or are of several photos
    """
    every = task.get("annotations", task.get("completions", []))
    if not isinstance(every, list) or not all(isinstance(a, dict) for a in every):
        raise ValueError(f"its annotations are {quoted(every)}: no list of annotations")
    submitted = [a for a in every if not (a.get("was_cancelled") or a.get("skipped"))]
    if not submitted:
        cancelled = f"{count(len(every), 'annotation')}, cancelled" if every else "no annotation"
        return [], [Finding(FindingKind.UNLABELLED, location, cancelled)], None
    chosen = max(submitted, key=_rank)
    told = []
    if len(submitted) > 1:
        others = ", ".join(shown(str(a.get("id"))) for a in submitted if a is not chosen)
        read = shown(str(chosen.get("id")))
        detail = f"of {len(submitted)} annotations {read} is read, not {others}"
        told.append(Finding(FindingKind.OTHER_ANNOTATION, location, detail))
    results = chosen.get("result")
    if not isinstance(results, list) or not all(isinstance(r, dict) for r in results):
        raise ValueError(f"the result of its annotation is {quoted(results)}: no list of results")
    regions = list(_joined(location, results))
    sizes = {_size(region.shape) for region in regions}
    photos = {(str(r.shape.get("to_name")), str(r.shape.get("item_index") or 0)) for r in regions}
    if max(len(sizes), len(photos)) > 1:
        raise ValueError("its regions are of more than one photo, and no word on which is where")
    return regions, told, next(iter(sizes), None)


def _rank(annotation: Table) -> tuple[bool, str, str]:
    """Ground truth before any other, then what was changed last. Times are texts of ISO 8601."""
    updated, created = (str(annotation.get(k) or "") for k in ("updated_at", "created_at"))
    return bool(annotation.get("ground_truth")), updated or created, created


def _joined(location: str, results: Iterable[Table]) -> Iterator[Region]:
    """The results of one id are one region; those without a shape are of the whole photo."""
    by_id: dict[str, list[Table]] = {}
    for place, result in enumerate(results):
        by_id.setdefault(str(result.get("id", f"#{place}")), []).append(result)
    for id_, parts in by_id.items():
        shape = next((part for part in parts if _has_place(part)), None)
        if shape is None:
            continue
        said = {shown(str(p.get("from_name"))): texts for p in parts if (texts := _said(p))}
        # A shape drawn by <Polygon> gets its label from <Labels>.
        labelled = [p for p in parts if str(p.get("type")).endswith("labels") and _said(p)]
        own = shown(str((labelled[0] if labelled else shape).get("from_name")))
        yield Region(f"{location}#{shown(id_)}", shape, said, own)


def _has_place(result: Table) -> bool:
    places = {"points", "x", "rle", "imageDataURL", "vertices"}
    return bool(places & table(result.get("value")).keys())


def _said(result: Table) -> tuple[str, ...]:
    """What was picked: ``value`` has it under the type of its result, as a list or alone."""
    kind = str(result.get("type"))
    picked = table(result.get("value")).get("text" if kind == "textarea" else kind)
    each = picked if isinstance(picked, list) else [picked]
    # A taxonomy has whole paths, from the coarsest on.
    names = [e[-1] if isinstance(e, list) and e else e for e in each]
    return tuple(str(n) for n in names if isinstance(n, str | int | float))


def _label(
    region: Region, size: Size | None, label_attribute: str | None, line_width: int | None
) -> Label | Finding:
    tag = region.own if label_attribute is None else label_attribute
    if label_attribute is None and tag not in region.said and len(region.said) == 1:
        (tag,) = region.said
    others = {name: texts for name, texts in region.said.items() if name != tag}
    return label(
        region.location,
        lambda: _category(region.said.get(tag, ()), tag),
        lambda: _shape(region.shape, size, line_width),
        tuple(f"{name}: {shown(', '.join(texts))}" for name, texts in others.items()),
    )


def _category(texts: tuple[str, ...], tag: str) -> str:
    if len(texts) != 1:
        raise ValueError(f"{count(len(texts), 'label')} of {quoted(tag)}, not one")
    return texts[0]


def _size(result: Table) -> Size | None:
    """(height, width) in pixels of the photo as it was labelled; None where it is not said."""
    height, width = result.get("original_height"), result.get("original_width")
    if height is None and width is None:
        return None
    size = values.size(height, width)
    if size is None:
        raise ValueError(f"no photo is {quoted(width)} wide and {quoted(height)} high")
    return size


def _shape(result: Table, size: Size | None, line_width: int | None) -> Shape:
    """The shape of a result.

    Raises:
        OpenLineError: a polygon that was left open, and lines are not drawn
        ValueError: a shape without an area, or one that cannot be read
    """
    value = table(result["value"])
    if turn := result.get("image_rotation"):
        raise ValueError(
            f"the photo was turned by {quoted(turn)} degrees in Label Studio, and versions differ "
            "in what they write then: turn it back there, and export again"
        )
    if "rle" in value:
        return Brush(_bytes(value["rle"]))
    if "imageDataURL" in value:
        return Bitmap.of(value["imageDataURL"])
    if size is None:
        raise ValueError("it has no original_width and original_height, of which it is per cent")
    across, down = size[1] / 100, size[0] / 100
    if "points" in value:
        points = _points(value["points"], across, down)
        is_open = value.get("closed") is False
        return Outline(shapes.line(points, line_width) if is_open else (shapes.polygon(points),))
    turn = number(value.get("rotation", 0))
    if "radiusX" in value:
        x, y, rx, ry = (number(value.get(k)) for k in ("x", "y", "radiusX", "radiusY"))
        centre = (x * across, y * down)
        ring = shapes.ellipse(*centre, rx * across, ry * down)
        return Outline((shapes.turned(ring, turn, centre),))
    if "height" in value:
        x, y, w, h = (number(value.get(k)) for k in ("x", "y", "width", "height"))
        left, top = x * across, y * down
        ring = shapes.box(left, top, left + w * across, top + h * down)
        return Outline((shapes.turned(ring, turn, (left, top)),))
    raise ValueError(f"a shape of type {quoted(result.get('type'))} has no area, or is not read")


def _points(given: object, across: float, down: float) -> list[Point]:
    if not isinstance(given, list) or not all(isinstance(p, list) and len(p) == 2 for p in given):
        raise ValueError("its points are no list of pairs")
    return [(number(x) * across, number(y) * down) for x, y in given]


def _bytes(given: object) -> bytes:
    if not isinstance(given, list):
        raise ValueError(f"its rle is {quoted(given)}, not a list of bytes")
    try:
        return bytes(given)
    except (TypeError, ValueError):
        raise ValueError("its rle is not a list of bytes") from None
