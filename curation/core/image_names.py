"""What photos are called in their folder, and which is meant by a name that another tool wrote.

Windows writes ``images\\\\a.jpg`` and ``C:\\\\photos\\\\a.jpg``, scripts ``/home/me/photos/a.jpg``,
labelling tools ``upload/4/5e3a8cfd-a.jpg``, ``/data/local-files/?d=photos/a.jpg`` or a URL; a
folder may be one too high or too low; Windows and macOS do not tell ``IMG.JPG`` from ``img.jpg``;
and photos are converted once they were labelled. A name is taken for a file only where no other
can be meant.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from curation.core import image_io

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")
_LOCAL_FILES = "?d="
"""Label Studio's storage on its own machine: what follows is a path."""

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a photo that is uploaded to it."""

Parts = tuple[str, ...]


def in_one_folder(photos: Mapping[str, Path]) -> tuple[Path, dict[str, str]]:
    """What an export calls photos: their paths in one folder, with ``/`` and their true suffix.

    Args:
        photos: where they are, by image_id

    Returns:
        the folder: the one they were imported from or, where these are several, the one that
        holds these; and the paths in it, by image_id
    """
    folders = {_imported_from(image_id, path) for image_id, path in photos.items()}
    folder = folders.pop() if len(folders) == 1 else Path(os.path.commonpath(folders))
    return folder, {i: path.relative_to(folder).as_posix() for i, path in photos.items()}


def shortest(name: str, path: Path) -> str:
    """A photo's name without its suffix; with it, where it would be another photo's, too.

    Args:
        name: its path in the folder of photos
        path: on disk
    """
    short = image_io.without_suffix(name)
    folder = path.parents[len(Path(name).parts) - 1]
    try:
        return short if image_io.find(folder, short) == path else name
    except FileNotFoundError:
        return short
    except ValueError:
        return name


def parts_of(name: str) -> Parts:
    """The folders of a name, and its last part, in whatever way it is spelled.

    >>> parts_of("C:\\\\Users\\\\me\\\\pics\\\\a.jpg")
    ('Users', 'me', 'pics', 'a.jpg')
    >>> parts_of("https://example.org/o/pics%2Fa.jpg?alt=media")
    ('o', 'pics', 'a.jpg')
    """
    if _LOCAL_FILES in name:
        name = unquote(name.partition(_LOCAL_FILES)[2].partition("&")[0])
    elif _URL.match(name):
        with suppress(ValueError):  # "http://[" is no address
            name = unquote(urlsplit(name).path)
    path = _DRIVE.sub("", name.strip().replace("\\", "/"))
    return tuple(part for part in path.split("/") if part not in ("", ".", ".."))


def within(folder: Path, name: str) -> str:
    """A name that leads to a photo from outside of its folder, as the path in it; else the name.

    Scripts write whole paths, and labelme ``../images/a.jpg``, seen from the folder of labels.
    """
    if not os.path.normpath(name).startswith(("/", "../")):
        return name
    try:
        image_io.find(folder, name)
    except (FileNotFoundError, ValueError):  # whoever reads it says why
        return name
    root = folder.resolve()
    return Path(os.path.normpath(root / name)).relative_to(root).as_posix()


def candidates(folder: Path, name: str) -> list[str]:
    """The photos of a folder that a name may mean, by their paths in it.

    The longest end of the name that leads to a photo; where it is a single part, one that lies in
    whatever sub-folder. Of those the ones of just this spelling, else of this spelling but for
    capitals, else of another suffix. What leads to none as it is may be the name of an upload.
    """
    parts = parts_of(name)
    if not parts:
        return []
    if found := _ending(folder, parts):
        return found
    original = _UPLOADED.sub("", parts[-1])
    return _ending(folder, (original,)) if original != parts[-1] else []


def _ending(folder: Path, parts: Parts) -> list[str]:
    """The photos whose path is the longest end of these parts that leads to any."""
    by_path, by_name = _photos(folder, folder.stat().st_mtime_ns)
    wanted = _key(parts)
    for start in range(len(parts)):
        if there := by_path.get(wanted[start:]):
            return _closest(there, parts[-1])
    return _closest(by_name.get(wanted, []), parts[-1])


def settle(folder: Path, names: Sequence[str]) -> tuple[dict[str, str], dict[Path, str]]:
    """The names that lead to no photo as they are spelled, and the one photo that each can mean.

    Two names that could mean one photo, and a name of a photo that another one names as it is
    spelled, mean none.

    Returns:
        the photo's path in the folder, by name; and of the photos that are meant so by none, since
        several could mean them, one of these names
    """
    there: dict[str, Path] = {}
    meant: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            there[name] = image_io.find(folder, name)
        except (FileNotFoundError, ValueError):
            with suppress(OSError):  # where the folder is gone, whoever reads it says so
                if len(found := candidates(folder, name)) == 1:
                    meant[name] = found[0]
    if not meant:
        return {}, {}
    wanted: dict[str, set[Parts]] = defaultdict(set)
    root = folder.resolve()
    for name, path in (there | {n: root / path for n, path in meant.items()}).items():
        wanted[path.relative_to(root).as_posix()].add(parts_of(name))
    settled = {name: path for name, path in meant.items() if len(wanted[path]) == 1}
    contested = {root / path: name for name, path in meant.items() if name not in settled}
    return settled, contested


def _imported_from(image_id: str, path: Path) -> Path:
    """The folder in which a photo has this name; its own where the name is of no folder's."""
    above, last = os.path.split(os.path.normpath(image_id))
    name = image_io.without_suffix(path.name) if last != path.name else last
    folder = path.parent
    for part in reversed(above.split("/") if above else []):
        if normalize("NFC", part) != normalize("NFC", folder.name):
            return path.parent
        folder = folder.parent
    return folder if normalize("NFC", name) == normalize("NFC", last) else path.parent


def _closest(paths: Sequence[str], last: str) -> list[str]:
    """Those that are spelled most like the last part of a name."""
    wanted = normalize("NFC", last)
    ends = {path: normalize("NFC", path.rpartition("/")[2]) for path in paths}
    for same in (
        [path for path, end in ends.items() if end == wanted],
        [path for path, end in ends.items() if end.casefold() == wanted.casefold()],
    ):
        if same:
            return same
    return list(paths)


def _key(parts: Sequence[str]) -> Parts:
    """A path without its suffix and capitals, é spelled in one way."""
    *above, last = (normalize("NFC", part) for part in parts)
    return tuple(part.casefold() for part in (*above, image_io.without_suffix(last)))


@lru_cache(maxsize=4)
def _photos(folder: Path, changed: int) -> tuple[dict[Parts, list[str]], dict[Parts, list[str]]]:
    """Paths in a folder of all photos under it, by their whole key, and by its last part alone.

    Thousands of folders may each have a ``0001.jpg``: no name looks through them all.

    Args:
        changed: the folder's time of change: it is listed again then
    """
    by_path: dict[Parts, list[str]] = defaultdict(list)
    by_name: dict[Parts, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in image_io.SUFFIXES and path.is_file():
            inside = path.relative_to(folder)
            key = _key(inside.parts)
            by_path[key].append(inside.as_posix())
            by_name[key[-1:]].append(inside.as_posix())
    return dict(by_path), dict(by_name)
