"""VGG Image Annotator (VIA) 1, 2 and 3: projects and exports with regions drawn by hand.

JSON of VIA 1 and 2 is read by :mod:`.via2`, VIA 3's projects by :mod:`.via3`, exports to CSV by
:mod:`.via_csv`; here their regions become masks. :mod:`.writer` writes VIA 2's project.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.core import polygons
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.polygons import Ring
from curation.core.records import ImageRecord, Instance
from curation.core.text import count
from curation.formats.messages import explain_bytes, shown
from curation.formats.source import OnFinding, Repeats, Spelling, find_image, join, joined
from curation.formats.via import via2, via3, via_csv
from curation.formats.via.regions import Listing, Region, label, ring, table

MAX_FILE = 2**30
"""Bytes: a file is read as a whole, so a larger one is refused."""

MAX_NAMED = 10
"""Attributes that a message lists."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A region with a label and a shape, not clipped to its photo yet.

    Attributes:
        location: file and where in it
        ring: ``(x0, y0, x1, y1, ...)`` in pixels
    """

    location: str
    category: str
    ring: Ring


@dataclass(frozen=True, slots=True)
class Entry:
    """One listing of a photo.

    Attributes:
        location: file and where in it
        name: the photo as the file names it
        regions: in the file's order; what has no label or no outline is a finding
    """

    location: str
    name: str
    regions: tuple[Outline | Finding, ...]


@dataclass(frozen=True)
class Via:
    """A VIA file of any version: a :class:`~curation.formats.source.Source`.

    VIA 1 and 2 know a photo by its name and its size in bytes: one that was saved anew and
    added again stands there twice.
    """

    path: Path
    images: Path
    entries: tuple[Entry, ...]
    repeats: Repeats
    spelling: Spelling

    @property
    def names(self) -> tuple[str, ...]:
        """The photos as the file names them, each as often as it is listed."""
        return tuple(entry.name for entry in self.entries)

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``, each where it is listed first.

        Args:
            on_finding: told each region and photo that is skipped, and why
        """
        for number in range(start, min(stop, len(self.entries))):
            if number in self.repeats.first:  # it is joined to the first
                continue
            entry = self.entries[number]
            listings = [entry, *(self.entries[k] for k in self.repeats.later.get(number, ()))]
            regions = [len(listing.regions) for listing in listings]
            skipped = count(sum(regions), "region")
            found = find_image(
                self.images, entry.name, entry.location, skipped, on_finding, self.spelling
            )
            if not found:
                continue
            path, height, width = found
            instances = join([list(_instances(e, height, width, on_finding)) for e in listings])
            if any(regions) and not instances:
                on_finding(Finding(FindingKind.NO_USABLE_REGION, entry.location, shown(entry.name)))
                continue
            if len(listings) > 1:
                on_finding(joined(entry.location, entry.name, regions, "region"))
            yield ImageRecord(entry.name, path, height, width, instances)


def load(path: Path, images: Path, label_attribute: str | None = None) -> Via:
    """Reads a VIA file whole, whichever kind it is; masks are filled as they are read.

    Args:
        images: the folder of photos
        label_attribute: the region attribute that holds the category: text,
            radio, dropdown, or a checkbox with exactly one box ticked. None
            takes the only attribute that regions have

    Raises:
        FormatError: not a VIA file that is understood, or no region in it has
            that attribute, or more than one may be meant
    """
    listings, _ = _listings(path, _text(path))
    present = Counter(
        name for listing in listings for region in listing.regions for name in region.attributes
    )
    if label_attribute is None and len(present) == 1:
        (label_attribute,) = present
    if label_attribute is None or label_attribute not in present:
        named = [f"{shown(name)} ({n})" for name, n in present.most_common(MAX_NAMED)]
        if len(present) > MAX_NAMED:
            named.append(f"{len(present) - MAX_NAMED} more")
        there = ", ".join(named) or "none"
        wrong = f"no region has the attribute {label_attribute!r}"
        if label_attribute is None:
            wrong = "name the label attribute"
        raise FormatError(path, f"{wrong}; there are: {there}")
    spelling = Spelling.of([listing.name for listing in listings], images)
    entries = [
        Entry(
            f"{path.name}:{listing.where}",
            name,
            tuple(_outline(path, region, label_attribute) for region in listing.regions),
        )
        for name, listing in zip(spelling.names, listings, strict=True)
    ]
    repeats = Repeats.of(spelling.names, images)
    return Via(path, images, tuple(entries), repeats, spelling)


def _outline(path: Path, region: Region, label_attribute: str) -> Outline | Finding:
    location = f"{path.name}:{region.where}"
    try:
        category = label(region, label_attribute)
    except ValueError as error:
        return Finding(FindingKind.REGION_WITHOUT_LABEL, location, str(error))
    try:
        return Outline(location, category, ring(region.shape))
    except ValueError as error:
        return Finding(FindingKind.UNDRAWABLE_REGION, location, f"{category}: {error}")


def _instances(entry: Entry, height: int, width: int, on_finding: OnFinding) -> Iterator[Instance]:
    for region in entry.regions:
        if isinstance(region, Finding):
            on_finding(region)
            continue
        try:
            mask = polygons.rasterise([region.ring], height, width)
        except ValueError as error:
            on_finding(
                Finding(
                    FindingKind.UNDRAWABLE_REGION, region.location, f"{region.category}: {error}"
                )
            )
            continue
        repaired = polygons.repairs((region.ring,), height, width)
        yield Instance(
            region.category, mask, region.location, polygons=(region.ring,), repaired=repaired
        )


def _text(path: Path) -> str:
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


def _listings(path: Path, text: str) -> tuple[list[Listing], bool]:
    """The photos of a file, and whether it is a project, which says what options are called."""
    if text.lstrip()[:1] not in ("{", "["):
        return via_csv.listings(path, text), False
    try:
        content = table(json.loads(text))
    except json.JSONDecodeError as error:
        raise FormatError(path, f"not JSON: {error.msg}", where=str(error.lineno)) from None
    except (ValueError, RecursionError):  # a number of 5000 digits, 100000 brackets
        raise FormatError(path, "not JSON text") from None
    if "project" in content and "metadata" in content:
        return via3.listings(path, content), True
    return via2.listings(path, content), "_via_attributes" in content
