"""VGG Image Annotator (VIA) 1, 2 and 3: projects and exports with regions drawn by hand.

JSON of VIA 1 and 2 is read by :mod:`.via2`, VIA 3's projects by :mod:`.via3`, exports to CSV by
:mod:`.via_csv`; here their regions become masks. :mod:`.writer` writes VIA 2's project.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.core import polygons
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.polygons import Ring
from curation.core.records import ImageRecord, Instance
from curation.core.text import count
from curation.formats import json_index
from curation.formats.messages import explain_bytes, shown
from curation.formats.shapes import OpenLineError
from curation.formats.source import OnFinding, Repeats, Spelling, find_image, join, joined
from curation.formats.values import table
from curation.formats.via import labels, via2, via3, via_csv
from curation.formats.via.regions import Content, Region, rings

MAX_FILE = 2**30
"""Bytes: a file is read as a whole, so a larger one is refused."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A region with a label and a shape, not clipped to its photo yet.

    Attributes:
        location: file and where in it
        rings: each ``(x0, y0, x1, y1, ...)`` in pixels
    """

    location: str
    category: str
    rings: tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One listing of a photo.

    Attributes:
        location: file and where in it
        name: the photo as the file names it
        size: of its file in bytes as it was labelled; -1 where that is not said
        regions: in the file's order; what has no label or no outline is a finding
    """

    location: str
    name: str
    size: int
    regions: tuple[Outline | Finding, ...]


@dataclass(frozen=True)
class Via:
    """A VIA file of any version: a :class:`~curation.formats.source.Source`.

    VIA 1 and 2 know a photo by its name and its size in bytes: one that was saved anew and
    added again stands there twice.

    Attributes:
        told: what is to be said of the file as a whole, and of rows of no photo
    """

    path: Path
    images: Path
    entries: tuple[Entry, ...]
    repeats: Repeats
    spelling: Spelling
    told: tuple[Finding, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The photos as the file names them, each as often as it is listed."""
        return tuple(entry.name for entry in self.entries)

    def image_id(self, number: int) -> str:
        """What the photo ``names[number]`` is called in a dataset: as the file names it."""
        return self.names[number]

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``, each where it is listed first.

        What is to be said of the file as a whole is told with the first photo.

        Args:
            on_finding: told each region and photo that is skipped, and why
        """
        if start == 0:
            for found in self.told:
                on_finding(found)
        for number in range(start, min(stop, len(self.entries))):
            if number in self.repeats.first:  # it is joined to the first
                continue
            entry = self.entries[number]
            listings = [entry, *(self.entries[k] for k in self.repeats.later.get(number, ()))]
            regions = [len(listing.regions) for listing in listings]
            skipped = count(sum(regions), "region")
            photo = find_image(
                self.images, entry.name, entry.location, skipped, on_finding, self.spelling
            )
            if not photo:
                continue
            instances = join([list(_instances(e, photo, on_finding)) for e in listings])
            if any(regions) and not instances:
                on_finding(Finding(FindingKind.NO_USABLE_REGION, entry.location, shown(entry.name)))
                continue
            if not instances and self.spelling.has_lost(
                photo[0], entry.name, entry.location, on_finding
            ):
                continue
            if len(listings) > 1:
                on_finding(joined(entry.location, entry.name, regions, "region"))
            yield ImageRecord(entry.name, *photo, instances)


def load(
    path: Path,
    images: Path,
    label_attribute: str | None = None,
    label: str | None = None,
    line_width: int | None = None,
) -> Via:
    """Reads a VIA file whole, whichever kind it is; masks are filled as they are read.

    Args:
        images: the folder of photos
        label_attribute: the region attribute that holds the category: text,
            radio, dropdown, or a checkbox with exactly one box ticked. None
            takes the only attribute that regions have
        label: the category of all regions, whatever attributes they have
        line_width: pixels that a line is drawn with; None skips lines

    Raises:
        CurateError: ``label`` cannot be one, or beside ``label_attribute``
        FormatError: not a VIA file that is understood, or no region in it has
            that attribute, or more than one may be meant
    """
    content = _content(path, text_of(path))
    name = labels.naming(path, content.listings, label_attribute, label)
    spelling = Spelling.of([listing.name for listing in content.listings], images)
    entries = [
        Entry(
            f"{path.name}:{listing.where}",
            spelled,
            listing.size,
            tuple(_outline(path, region, name, line_width) for region in listing.regions),
        )
        for spelled, listing in zip(spelling.names, content.listings, strict=True)
    ]
    repeats = Repeats.of(spelling.names, images)
    told = content.lost
    if label is None and not content.is_project:
        outlines = (r for entry in entries for r in entry.regions if isinstance(r, Outline))
        told += labels.numbers(path, [outline.category for outline in outlines])
    return Via(path, images, tuple(entries), repeats, spelling, told)


def _outline(
    path: Path, region: Region | Finding, name: Callable[[Region], str], line_width: int | None
) -> Outline | Finding:
    if isinstance(region, Finding):
        return region
    location = f"{path.name}:{region.where}"
    try:
        category = name(region)
    except ValueError as error:
        return Finding(FindingKind.REGION_WITHOUT_LABEL, location, str(error))
    try:
        return Outline(location, category, rings(region.shape, line_width))
    except OpenLineError as error:
        return Finding(FindingKind.OPEN_LINE, location, f"{category}: {error}")
    except ValueError as error:
        return Finding(FindingKind.UNDRAWABLE_REGION, location, f"{category}: {error}")


def _instances(
    entry: Entry, photo: tuple[Path, int, int], on_finding: OnFinding
) -> Iterator[Instance]:
    """What a listing says of a photo.

    Args:
        photo: its path, height and width
    """
    path, height, width = photo
    replaced = entry.size > 0 and entry.size != path.stat().st_size
    for region in entry.regions:
        if isinstance(region, Finding):
            on_finding(region)
            continue
        other_file: tuple[FindingKind, ...] = ()
        if replaced and any(region.rings) and polygons.out_of_frame(region.rings, height, width):
            other_file = (FindingKind.OTHER_FILE,)
        try:
            mask = polygons.rasterise(region.rings, height, width)
        except ValueError as error:
            detail = "; ".join([f"{region.category}: {error}", *(k.meaning for k in other_file)])
            on_finding(Finding(FindingKind.UNDRAWABLE_REGION, region.location, detail))
            continue
        repaired = polygons.repairs(region.rings, height, width) + other_file
        yield Instance(
            region.category, mask, region.location, polygons=region.rings, repaired=repaired
        )


def text_of(path: Path) -> str:
    """A VIA file without its BOM; FormatError for one that is too large, or no UTF-8 text."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise FormatError(path, f"larger than {MAX_FILE >> 30} GiB")
        content = path.read_bytes()
        if what := explain_bytes(content[:4]):
            raise FormatError(path, what)
        # Bytes first: a CSV's line breaks stay as they are.
        return content.decode("utf-8-sig")
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise FormatError(path, "not UTF-8 text") from None


def _content(path: Path, text: str) -> Content:
    if text.lstrip()[:1] not in ("{", "["):
        return via_csv.content(path, text)
    try:
        content = table(json.loads(text, object_pairs_hook=json_index.table_of))
    except json.JSONDecodeError as error:
        raise FormatError(path, f"not JSON: {error.msg}", where=str(error.lineno)) from None
    except (ValueError, RecursionError) as error:  # a key twice, 5000 digits, 100000 brackets
        raise FormatError(path, f"not JSON text: {error}") from None
    if "project" in content and "metadata" in content:
        return Content(via3.listings(path, content), is_project=True)
    return Content(via2.listings(path, content), is_project="_via_attributes" in content)
