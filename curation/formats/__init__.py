"""One module for each format. ``load`` indexes a file, its :class:`Source` yields records."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from posixpath import normpath
from typing import Protocol
from unicodedata import normalize

from curation.core import image_io
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord

OnFinding = Callable[[Finding], None]

MAX_SHOWN = 200
"""Characters of the file's own that a message quotes; no label is longer."""

_REPR = reprlib.Repr()
_REPR.maxstring = 100
_REPR.maxlevel = 2


class Source(Protocol):
    """An annotation file that was checked as a whole and can be read in slices.

    It can be pickled, and reading changes nothing in it: each worker process
    gets a copy and reads the slices it is given, in any order.
    """

    @property
    def path(self) -> Path:
        """The annotation file (or folder)."""

    @property
    def images(self) -> Path:
        """The folder of photos."""

    @property
    def names(self) -> Sequence[str]:
        """The photos as the file names them, in its order; slices count these."""

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``.

        A photo that the file lists without any label is yielded too, without
        instances: the file says so, and a correction may have taken the last
        label away. One whose labels all were skipped is told, not yielded.

        Args:
            on_finding: told each photo and label that is skipped, and why

        Raises:
            FormatError: the file is no longer the one that was loaded
        """


def find_image(
    images: Path, name: str, location: str, skipped: str, on_finding: OnFinding
) -> tuple[Path, int, int] | None:
    """A photo's path, height and width; or None, with the reason told to ``on_finding``.

    Args:
        location: what names it, e.g. ``train.csv:1042``
        skipped: what is not read with it, e.g. ``3 rows``
    """
    try:
        return image_io.lookup(images, name)
    except FileNotFoundError as error:
        on_finding(Finding(FindingKind.IMAGE_WITHOUT_FILE, location, f"{error}, {skipped}"))
    except ValueError as error:
        on_finding(Finding(FindingKind.IMAGE_REFUSED, location, f"{error}, {skipped}"))
    return None


def listed_twice(names: Sequence[str], image_ids: Iterable[str], images: Path) -> frozenset[int]:
    """The listings whose photo stands before already, by index: ``a``, ``./a`` and ``a.jpg``.

    A photo is another's by its file or by its image_id. A name without a file
    takes no record from another.

    Args:
        image_ids: what each name becomes in a record
    """
    alike: dict[str, list[tuple[str, int, str]]] = {}
    for number, (name, image_id) in enumerate(zip(names, image_ids, strict=True)):
        key = normalize("NFC", normpath(image_io.without_suffix(name)))
        alike.setdefault(key, []).append((name, number, image_id))
    twice = set()
    for group in (group for group in alike.values() if len(group) > 1):
        taken: set[Path | str] = set()
        for name, number, image_id in group:
            try:
                this: set[Path | str] = {image_io.find(images, name), image_id}
            except (FileNotFoundError, ValueError):  # whoever reads it says why
                continue
            if taken & this:
                twice.add(number)
            taken |= this
    return frozenset(twice)


def printable(label: str) -> str:
    """A label as the file writes it, without outer spaces.

    Raises:
        ValueError: empty, longer than MAX_SHOWN, or with a line break or half a
            character in it: no list could show it
    """
    label = label.strip()
    if len(label) > MAX_SHOWN:
        raise ValueError(f"the label {quoted(label)} is longer than {MAX_SHOWN} characters")
    if not label or not label.isprintable():
        raise ValueError(f"the label {quoted(label)} is empty or cannot be printed")
    return label


def shown(text: str) -> str:
    """A text out of the file for a message: what cannot be printed as its escape.

    Of more than MAX_SHOWN characters the middle is left out.
    """
    half = MAX_SHOWN // 2
    if len(text) > MAX_SHOWN:  # before the escapes: it may be megabytes
        text = f"{text[:half]}...{text[-half:]}"
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return escaped if len(escaped) <= MAX_SHOWN else f"{escaped[: half - 3]}...{escaped[-half:]}"


def quoted(value: object) -> str:
    """Any value out of the file for a message, a text in quotes; bounded as :func:`shown`."""
    return shown(_REPR.repr(value))


def explain_mismatch(given: tuple[int, int], found: tuple[int, int]) -> str:
    """Why an annotation's size is not the photo's: turned, scaled or another photo.

    Args:
        given, found: (height, width) in pixels of the annotation and of the photo as displayed
    """
    says = f"the labels are for {given[1]}x{given[0]}, the photo is {found[1]}x{found[0]}"
    if given == found[::-1]:
        return f"{says}: turned by 90 degrees"
    # The smaller copy's sides are rounded, up or down, by less than a pixel.
    off = abs(given[1] * found[0] - given[0] * found[1])
    if min(given) > 0 and off <= max(*given, *found):
        return f"{says}: a copy scaled by {found[0] / given[0]:.3g}"
    return f"{says}: another photo, or a crop"
