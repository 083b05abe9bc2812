"""What every reader is to the rest of curate, and what readers share about photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from posixpath import normpath
from typing import Protocol
from unicodedata import normalize

from curation.core import image_io
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord

OnFinding = Callable[[Finding], None]


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
