"""CVAT for images 1.1: an XML file of photos, and of shapes with labels on each.

    <image id="0" name="a.jpg" width="6" height="4">
      <polygon label="shirt" points="0.0,1.0;2.0,1.0;2.0,3.0" z_order="0"/>
      <mask label="belt" rle="1, 2, 1" left="0" top="1" width="2" height="2"/>
      <box label="bag" xtl="0" ytl="0" xbr="2" ybr="1" rotation="45.0">
        <attribute name="colour">red</attribute>
      </box>
    </image>

A mask's runs go along the rows of its box, outside and inside by turns. Boxes and ellipses turn
clockwise about their centre, by degrees. CVAT writes no DTD, and none is read: it could name other
files, and entities that grow without end.
Specification: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import numpy as np

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.finding import Finding
from curation.core.rle import Rle
from curation.formats import shapes, values
from curation.formats.drawn import Drawn, Label, Listing, Outline, Shape, check_asked, label
from curation.formats.messages import explain_bytes, quoted, shown
from curation.formats.shapes import Point, number

VIDEO = "has tracks, of a video: export the task from CVAT as 'CVAT for images 1.1'"
DRAWN = ("polygon", "polyline", "box", "ellipse", "mask", "points", "cuboid", "skeleton")
"""Elements that are shapes. A tag is none: it says what the whole photo is."""

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowRuns:
    """A mask as CVAT keeps it.

    Attributes:
        runs: lengths along the rows of the box, the first outside, as ``1, 2, 1``
        left, top, height, width: of the box in pixels
    """

    runs: str
    left: int
    top: int
    height: int
    width: int

    def draw(self, height: int, width: int) -> Rle:
        """The mask over a photo of this size in pixels.

        Raises:
            ValueError: the runs are no numbers or do not fill the box, or it leaves the photo
        """
        try:
            counts = [int(run) for run in self.runs.split(",")]
        except ValueError:
            raise ValueError("its rle is no list of whole numbers") from None
        pixels = self.height * self.width
        if self.height > height or self.width > width or min(counts) < 0 or sum(counts) != pixels:
            box = f"{self.width}x{self.height}"
            raise ValueError(f"its rle does not fill its box of {box}, or the box is no photo's")
        flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        inside = flat.reshape(self.height, self.width)
        return rle.encode_box(inside, self.left, self.top, height, width)


@dataclass(slots=True)
class Element:
    """A shape or a photo as the file has it.

    Attributes:
        line: where it begins, 1-based
        inner: of a shape: its attributes, by name
    """

    tag: str
    line: int
    given: Attributes
    inner: dict[str, str] = field(default_factory=dict)


def load(
    path: Path, images: Path, label_attribute: str | None = None, line_width: int | None = None
) -> Drawn:
    """Reads a file of CVAT for images; masks are unpacked as they are read.

    Shapes of one group and one label are one garment. Tags, which are of the whole photo, are
    not read.

    Args:
        images: the folder of photos
        label_attribute: the attribute that holds the category; None takes the label
        line_width: pixels that a polyline is drawn with; None skips those whose ends do not meet

    Raises:
        FormatError: not such a file, or no shape has that attribute
    """
    reader = _Reader(path)
    try:
        with path.open("rb") as file:
            if what := explain_bytes(file.read(4)):
                raise FormatError(path, what)
            file.seek(0)
            reader.parser.ParseFile(file)
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    except expat.ExpatError as error:
        reason = f"not XML: {expat.ErrorString(error.code)}"
        raise FormatError(path, reason, where=str(error.lineno)) from None
    if not reader.photos:
        raise FormatError(path, "holds no images: not CVAT's XML")
    drawn = [shape for _, photo_shapes in reader.photos for shape in photo_shapes]
    present = Counter(name for shape in drawn for name in shape.inner)
    check_asked(path, label_attribute, present, "attribute")
    listings = [
        Listing(
            f"{path.name}:{photo.line}",
            photo.given["name"],
            _size(path, photo),
            tuple(_label(path, shape, label_attribute, line_width) for shape in photo_shapes),
        )
        for photo, photo_shapes in reader.photos
    ]
    return Drawn.of(path, images, listings)


class _Reader:
    """What the parser tells it, as photos and their shapes in the file's order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.photos: list[tuple[Element, list[Element]]] = []
        self.is_root = True
        self.in_photo = False
        self.shape: Element | None = None
        self.attribute = ""  # the name of the one that is open
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text

    def fail(self, reason: str) -> NoReturn:
        raise FormatError(self.path, reason, where=str(self.parser.CurrentLineNumber))

    def doctype(self, *_: object) -> None:
        self.fail("has a DOCTYPE, which CVAT writes none of, and which may lead anywhere")

    def start(self, tag: str, given: Attributes) -> None:
        if self.is_root and tag != "annotations":
            self.fail(f"begins with <{shown(tag)}>, not with <annotations>: not CVAT's XML")
        self.is_root = False
        if tag == "track":
            self.fail(VIDEO)
        element = Element(tag, self.parser.CurrentLineNumber, given)
        if tag == "image":
            if not given.get("name", "").strip():
                self.fail("an image without a name: not CVAT's XML")
            self.photos.append((element, []))
            self.in_photo = True
        elif self.shape:
            # Of a skeleton the points, too, are in it.
            if tag == "attribute":
                self.attribute = shown(given.get("name", ""))
                self.shape.inner[self.attribute] = ""
        elif self.in_photo and tag in DRAWN:
            self.shape = element
            self.photos[-1][1].append(element)

    def end(self, tag: str) -> None:
        if tag == "image":
            self.in_photo = False
        elif tag == "attribute":
            self.attribute = ""
        elif self.shape and tag == self.shape.tag:
            self.shape = None

    def text(self, data: str) -> None:
        if self.shape and self.attribute:
            self.shape.inner[self.attribute] += data


def _size(path: Path, photo: Element) -> tuple[int, int] | None:
    height, width = photo.given.get("height"), photo.given.get("width")
    if height is None and width is None:
        return None
    size = values.size(height, width)
    if size is None:
        reason = f"no photo is {quoted(width)} wide and {quoted(height)} high"
        raise FormatError(path, reason, where=str(photo.line))
    return size


def _label(
    path: Path, element: Element, label_attribute: str | None, line_width: int | None
) -> Label | Finding:
    said = {name: text.strip() for name, text in element.inner.items() if text.strip()}
    name = element.given.get("label", "")
    if label_attribute is not None:
        said["label"], name = name, said.pop(label_attribute, "")
    group = element.given.get("group_id", "0")
    return label(
        f"{path.name}:{element.line}",
        lambda: name,
        lambda: _shape(element.tag, element.given, line_width),
        tuple(f"{key}: {shown(text)}" for key, text in said.items()),
        None if group == "0" else group,
    )


def _shape(tag: str, given: Attributes, line_width: int | None) -> Shape:
    """The shape of an element.

    Raises:
        OpenLineError: a line whose ends do not meet, and lines are not drawn
        ValueError: a shape without an area, or one that cannot be read
    """
    if tag == "mask":
        left, top, height, width = (_whole(given, k) for k in ("left", "top", "height", "width"))
        return RowRuns(given.get("rle", ""), left, top, height, width)
    if tag == "polygon":
        return Outline((shapes.polygon(_points(given)),))
    if tag == "polyline":
        return Outline(shapes.line(_points(given), line_width))
    if tag == "box":
        x0, y0, x1, y1 = (_number(given, k) for k in ("xtl", "ytl", "xbr", "ybr"))
        ring, centre = shapes.box(x0, y0, x1, y1), ((x0 + x1) / 2, (y0 + y1) / 2)
    elif tag == "ellipse":
        cx, cy, rx, ry = (_number(given, k) for k in ("cx", "cy", "rx", "ry"))
        ring, centre = shapes.ellipse(cx, cy, rx, ry), (cx, cy)
    else:
        raise ValueError(f"a shape of type {quoted(tag)} has no area")
    turn = _number(given, "rotation") if "rotation" in given else 0.0
    return Outline((shapes.turned(ring, turn, centre),))


def _points(given: Attributes) -> list[Point]:
    pairs = [pair.split(",") for pair in given.get("points", "").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("its points are no list of pairs")
    return [(_coordinate(x), _coordinate(y)) for x, y in pairs]


def _number(given: Attributes, key: str) -> float:
    if key not in given:
        raise ValueError(f"it has no {key}")
    return _coordinate(given[key])


def _coordinate(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"coordinate {quoted(text)} is not a number") from None
    return number(found)


def _whole(given: Attributes, key: str) -> int:
    found = values.whole(given.get(key))
    if found is None:
        raise ValueError(f"its {key} is {quoted(given.get(key))}, not a whole number")
    return found
