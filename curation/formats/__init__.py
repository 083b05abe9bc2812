"""One module for each format. A reader yields records; what it leaves out, it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curation import photos
from curation.records import Skip


def find_photo(
    images: Path, name: str, where: str, lost: str, on_skip: Callable[[Skip], None]
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
