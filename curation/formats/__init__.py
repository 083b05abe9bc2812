"""One module for each format. ``load`` indexes a file, its :class:`Source` yields records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from curation import photos
from curation.records import ImageRecord, Skip

OnSkip = Callable[[Skip], None]


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

    def read(self, start: int, stop: int, on_skip: OnSkip) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``.

        Args:
            on_skip: told each photo and label that is left out, and why

        Raises:
            FormatError: the file is no longer the one that was loaded
        """


def find_photo(
    images: Path, name: str, where: str, lost: str, on_skip: OnSkip
) -> tuple[Path, int, int] | None:
    """A photo's path, height and width; or None, with the reason told to ``on_skip``.

    Args:
        where: the place that names it, e.g. ``train.csv:1042``
        lost: what is left out with it, e.g. ``3 rows``
    """
    try:
        return photos.lookup(images, name)
    except FileNotFoundError as error:
        on_skip(Skip(where, "photo without a file", f"{error}, {lost}"))
    except ValueError as error:
        on_skip(Skip(where, "photo refused", f"{error}, {lost}"))
    return None


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
