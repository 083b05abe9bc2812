"""What readers of drawing tools share: photos, what was drawn on each, and the source of both.

A reader translates its files into :class:`Listing`; here the shapes become instances. Shapes may
lie over each other: none is cut by those above it, and the file's order stays.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from curation.core import image_io, polygons, rle
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind, Severity
from curation.core.polygons import Ring
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.core.text import count
from curation.formats.messages import alike, explain_mismatch, listed, printable, quoted
from curation.formats.shapes import OpenLineError
from curation.formats.source import OnFinding, Repeats, Spelling, find_image, join, joined


class Shape(Protocol):
    """What was drawn, not held against its photo yet."""

    def draw(self, height: int, width: int) -> Rle:
        """The mask over a photo of this size in pixels.

        Raises:
            ValueError: it gives none
        """


@dataclass(frozen=True, slots=True)
class Outline:
    """A shape by its rings, each ``(x0, y0, x1, y1, ...)`` in pixels; they unite."""

    rings: tuple[Ring, ...]

    def draw(self, height: int, width: int) -> Rle:
        """See :func:`curation.core.polygons.rasterise`."""
        return polygons.rasterise(self.rings, height, width)


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A mask that was kept as an image, of the whole photo or of a part of it.

    Attributes:
        file: the image, as PNG; see :func:`curation.core.image_io.read_bitmap`
        box: (left, top, height, width) of the part in pixels; None is the whole
    """

    file: bytes
    box: tuple[int, int, int, int] | None = None

    @classmethod
    def of(cls, text: object, box: tuple[int, int, int, int] | None = None) -> Bitmap:
        """An image in base64, with or without the ``data:image/png;base64,`` of an address.

        Raises:
            ValueError: not such a text
        """
        if not isinstance(text, str):
            raise ValueError(f"the mask is {quoted(text)}, not an image in base64")
        try:
            return cls(b64decode(text.rpartition(",")[2]), box)
        except ValueError:
            raise ValueError("the mask is cut off, or not in base64") from None

    def draw(self, height: int, width: int) -> Rle:
        """See :class:`Shape`."""
        left, top, rows, columns = self.box or (0, 0, height, width)
        rle.check_size(rows, columns)
        return rle.encode_box(
            image_io.read_bitmap(self.file, rows, columns), left, top, height, width
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A shape and what it is.

    Attributes:
        location: file and where in it
        attributes: finer labels, in the file's order
        group: those of one group and one category are parts of one garment; None stands alone
    """

    location: str
    category: str
    shape: Shape
    attributes: tuple[str, ...] = ()
    group: int | str | None = None


def label(
    location: str,
    name: Callable[[], str],
    shape: Callable[[], Shape],
    attributes: tuple[str, ...] = (),
    group: int | str | None = None,
) -> Label | Finding:
    """A label, or why there is none.

    Args:
        location, attributes, group: see :class:`Label`
        name: gives its category; ValueError where there is none
        shape: gives its shape; ValueError where it cannot be read or has no area,
            OpenLineError of a line that is not drawn
    """
    try:
        category = printable(name())
    except ValueError as error:
        return Finding(FindingKind.REGION_WITHOUT_LABEL, location, str(error))
    try:
        return Label(location, category, shape(), attributes, group)
    except OpenLineError as error:
        return Finding(FindingKind.OPEN_LINE, location, f"{category}: {error}")
    except ValueError as error:
        return Finding(FindingKind.UNDRAWABLE_REGION, location, f"{category}: {error}")


def check_asked(path: Path, asked: str | None, present: Counter[str], what: str) -> None:
    """Raises FormatError where nothing has the attribute that was asked for, with those there are.

    Args:
        present: how often there is each
        what: one of them is called
    """
    if asked is not None and asked not in present:
        there = f"; there are: {listed(present)}" if present else ""
        near = alike(asked, present)
        raise FormatError(path, f"no shape has the {what} {quoted(asked)}{near}{there}")


@dataclass(frozen=True, slots=True)
class Listing:
    """A photo as a file lists it.

    Attributes:
        location: file and where in it
        name: of the photo, as the file names it
        size: (height, width) in pixels of what was drawn on; None where that is not said
        labels: in the file's order; what cannot be read, or is only to be said, is a finding
    """

    location: str
    name: str
    size: tuple[int, int] | None
    labels: tuple[Label | Finding, ...]

    @property
    def regions(self) -> int:
        """How many shapes it has, those among them that cannot be read."""
        read = (isinstance(a, Label) or a.severity is Severity.ERROR for a in self.labels)
        return sum(read)

    @property
    def is_unlabelled(self) -> bool:
        """Nobody has said that the photo has no garment."""
        found = (a.kind for a in self.labels if isinstance(a, Finding))
        return FindingKind.UNLABELLED in found


@dataclass(frozen=True)
class Drawn:
    """What was drawn on photos: a :class:`curation.formats.source.Source`.

    Attributes:
        told: what is to be said of no photo in particular, with the first
    """

    path: Path
    images: Path
    listings: tuple[Listing, ...]
    spelling: Spelling
    repeats: Repeats
    told: tuple[Finding, ...] = ()

    @classmethod
    def of(
        cls, path: Path, images: Path, listings: list[Listing], told: tuple[Finding, ...] = ()
    ) -> Drawn:
        """Looks for the photos in their folder."""
        spelling = Spelling.of([listing.name for listing in listings], images)
        repeats = Repeats.of(spelling.names, images)
        return cls(path, images, tuple(listings), spelling, repeats, told)

    @property
    def names(self) -> tuple[str, ...]:
        """The photos, by their paths in the folder where that is how each is found."""
        return self.spelling.names

    def image_id(self, number: int) -> str:
        """What the photo ``names[number]`` is called in a dataset."""
        return self.repeats.image_id(number, self.names[number])

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``; see :class:`curation.formats.source.Source`."""
        if start == 0:
            for found in self.told:
                on_finding(found)
        for number in range(start, min(stop, len(self.listings))):
            if number not in self.repeats.first and (record := self._record(number, on_finding)):
                yield record

    def _record(self, number: int, on_finding: OnFinding) -> ImageRecord | None:
        name, location = self.names[number], self.listings[number].location
        numbers = (number, *self.repeats.later.get(number, ()))
        listings = [self.listings[k] for k in numbers]
        regions = [listing.regions for listing in listings]
        skipped = count(sum(regions), "region")
        photo = find_image(self.images, name, location, skipped, on_finding, self.spelling)
        if not photo:
            return None
        path, height, width = photo
        fitting = []
        for listing in listings:
            if listing.size and listing.size != (height, width):
                mismatch = explain_mismatch(listing.size, (height, width))
                detail = f"{mismatch}, {count(listing.regions, 'region')}"
                on_finding(Finding(FindingKind.SIZE_MISMATCH, listing.location, detail))
            else:
                fitting.append(list(_instances(listing, height, width, on_finding)))
        instances = join(fitting)
        if not fitting or (not instances and any(listing.is_unlabelled for listing in listings)):
            return None
        if not instances and any(regions):
            on_finding(Finding(FindingKind.NO_USABLE_REGION, location, quoted(name)))
            return None
        if not instances and self.spelling.has_lost(path, name, location, on_finding):
            return None
        if len(listings) > 1:
            on_finding(joined(location, name, regions, "region"))
        return ImageRecord(self.image_id(number), path, height, width, instances)


def _instances(
    listing: Listing, height: int, width: int, on_finding: OnFinding
) -> Iterator[Instance]:
    """One for each label that can be drawn, or group of them, where its first part stands."""
    found: dict[tuple, Instance] = {}
    for number, drawn in enumerate(listing.labels):
        if isinstance(drawn, Finding):
            on_finding(drawn)
            continue
        try:
            part = _instance(drawn, height, width)
        except ValueError as error:
            detail = f"{drawn.category}: {error}"
            on_finding(Finding(FindingKind.UNDRAWABLE_REGION, drawn.location, detail))
            continue
        alone = drawn.group is None
        key = (number,) if alone else (drawn.category, drawn.group)
        found[key] = _united(found[key], part) if key in found else part
    yield from found.values()


def _instance(drawn: Label, height: int, width: int) -> Instance:
    mask = drawn.shape.draw(height, width)
    if rle.area(mask) == 0:
        raise ValueError("the mask has no pixel")
    rings = drawn.shape.rings if isinstance(drawn.shape, Outline) else ()
    repaired = polygons.repairs(rings, height, width) if rings else ()
    return Instance(drawn.category, mask, drawn.location, drawn.attributes, rings, repaired)


def _united(one: Instance, other: Instance) -> Instance:
    rings = one.polygons + other.polygons if one.polygons and other.polygons else ()
    return replace(
        one,
        mask=rle.union([one.mask, other.mask]),
        attributes=tuple(dict.fromkeys(one.attributes + other.attributes)),
        polygons=rings,
        repaired=tuple(dict.fromkeys(one.repaired + other.repaired)),
    )
