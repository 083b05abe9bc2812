"""What every reader is to the rest of curate, and what readers share about photos."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath
from typing import Protocol, runtime_checkable
from unicodedata import normalize

from curation.core import image_io, image_names
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.text import count
from curation.formats.messages import SAVE_TURNED, quoted

OnFinding = Callable[[Finding], None]

MAX_NAMED = 3
"""Photos that a message lists."""


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

    def image_id(self, number: int) -> str:
        """What the photo ``names[number]`` is called in a dataset."""

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``.

        A photo that the file lists without any label is yielded too, without
        instances: the file says so, and a correction may have taken the last
        label away. One whose labels all were skipped is told, not yielded. One
        that is listed more than once is yielded where it is listed first, with
        the labels of all its listings.

        Args:
            on_finding: told each photo and label that is skipped, and why

        Raises:
            FormatError: the file is no longer the one that was loaded
        """


@runtime_checkable
class MasksInside(Protocol):
    """A source whose labels are images, which may lie among the photos."""

    @property
    def inside(self) -> Collection[str]:
        """Those that lie in the folder of photos, by their paths in it."""


@dataclass(frozen=True)
class Prefixed:
    """A source whose photos are called ``prefix/name``, beside others of their names.

    Attributes:
        prefix: one folder or several, as ``val``
    """

    source: Source
    prefix: str

    def __post_init__(self) -> None:
        if normpath(self.prefix) != self.prefix or self.prefix.startswith(("/", ".")):
            reason = "has to be a name, or several with a / between them"
            raise CurateError(f"--prefix {quoted(self.prefix)}", reason)

    @property
    def path(self) -> Path:
        return self.source.path

    @property
    def images(self) -> Path:
        return self.source.images

    @property
    def names(self) -> Sequence[str]:
        return self.source.names

    @property
    def inside(self) -> Collection[str]:
        return self.source.inside if isinstance(self.source, MasksInside) else ()

    def image_id(self, number: int) -> str:
        return f"{self.prefix}/{self.source.image_id(number)}"

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        for record in self.source.read(start, stop, on_finding):
            # Their ids are made from the photo's name: those of two photos must not be the same.
            instances = tuple(replace(i, instance_id="") for i in record.instances)
            image_id = f"{self.prefix}/{record.image_id}"
            yield replace(record, image_id=image_id, instances=instances)


@dataclass(frozen=True, slots=True)
class Spelling:
    """The photos of a file, as the folder of photos spells them.

    Attributes:
        names: of the photos, by their paths in the folder where that is how each is found
        otherwise: how the file spells those that it spells otherwise, by name
        contested: of photos that another name may mean, which is not read since it is not sure:
            that name, by the photo's path
    """

    names: tuple[str, ...]
    otherwise: Mapping[str, str]
    contested: Mapping[Path, str]

    @classmethod
    def of(cls, names: Sequence[str], images: Path) -> Spelling:
        """See :func:`curation.core.image_names.within` and :func:`~.image_names.settle`."""
        names = [image_names.within(images, name) for name in names]
        meant, contested = image_names.settle(images, names)
        settled = tuple(meant.get(name, name) for name in names)
        return cls(settled, {path: name for name, path in meant.items()}, contested)

    def written(self, name: str) -> str:
        """How the file spells it."""
        return self.otherwise.get(name, name)

    def has_lost(self, image: Path, name: str, location: str, on_finding: OnFinding) -> bool:
        """Whether the labels of a photo that has none may stand under another name; it is said.

        A photo without a garment and one whose labels were lost look the same.
        """
        if other := self.contested.get(image):
            detail = f"{quoted(name)} has none, and {quoted(other)}, which may mean it, is not read"
            on_finding(Finding(FindingKind.LOST_LABELS, location, detail))
        return bool(other)


def find_image(
    images: Path,
    name: str,
    location: str,
    skipped: str,
    on_finding: OnFinding,
    spelling: Spelling | None = None,
) -> tuple[Path, int, int] | None:
    """A photo's path, height and width; or None, with the reason told to ``on_finding``.

    Args:
        location: what names it, e.g. ``train.csv:1042``
        skipped: what is not read with it, e.g. ``3 rows``
        spelling: of the file's photos, where the name is one of it
    """  # fmt: skip
    try:
        path = image_io.find(images, name)
    except (FileNotFoundError, ValueError) as error:
        gone = isinstance(error, FileNotFoundError)
        kind = FindingKind.IMAGE_WITHOUT_FILE if gone else FindingKind.IMAGE_REFUSED
        on_finding(Finding(kind, location, f"{error}{_others(images, name)}, {skipped}"))
        return None
    try:
        (height, width), unturned = image_io.header(path)
    except ValueError as error:
        on_finding(Finding(FindingKind.IMAGE_REFUSED, location, f"{error}, {skipped}"))
        return None
    if spelling and name in spelling.otherwise:
        detail = f"{quoted(spelling.written(name))} is {quoted(name)}"
        on_finding(Finding(FindingKind.SPELLED_OTHERWISE, location, detail))
    if unturned:
        detail = f"{quoted(name)}: {SAVE_TURNED}"
        on_finding(Finding(FindingKind.UNTURNED, location, detail))
    return path, height, width


def _others(images: Path, name: str) -> str:
    """The photos that a name may mean which leads to none; empty where there is none."""
    try:
        found = image_names.candidates(images, name)
    except OSError:
        return ""
    if not found:
        return ""
    named = [quoted(path) for path in found[:MAX_NAMED]]
    if len(found) > MAX_NAMED:
        named.append(f"{len(found) - MAX_NAMED} more")
    return f" (it may be {' or '.join(named)}: name the one that is meant)"


@dataclass(frozen=True, slots=True)
class Repeats:
    """The listings whose photo stands before already, by index: ``a``, ``./a`` and ``a.jpg``.

    Attributes:
        later: the other listings of a photo, by its first
        first: the first listing of a photo, by each other one
        whole: listings that are told from another one by their suffix alone: ``a.png`` after
            ``a.jpg``, and ``a.jpg.png`` beside it
    """

    later: Mapping[int, tuple[int, ...]]
    first: Mapping[int, int]
    whole: frozenset[int]

    @classmethod
    def of(cls, names: Sequence[str], images: Path) -> Repeats:
        """A listing is a photo's by its file. A name without a file takes nothing from another."""
        alike: dict[str, list[tuple[int, str]]] = {}
        whole = set()
        listed = set(names)
        for number, name in enumerate(names):
            stem = image_io.without_suffix(name)
            alike.setdefault(normalize("NFC", normpath(stem)), []).append((number, name))
            if stem in listed and image_io.without_suffix(stem) != stem:
                whole.add(number)
        later: dict[int, tuple[int, ...]] = {}
        first: dict[int, int] = {}
        for group in (group for group in alike.values() if len(group) > 1):
            files: dict[Path, int] = {}
            # The photo that has no suffix, where there is one, else the name that has none.
            bare = short = None
            for number, name in group:
                try:
                    file = image_io.find(images, name)
                except (FileNotFoundError, ValueError):  # whoever reads it says why
                    continue
                if file in files:
                    first[number] = files[file]
                    later[files[file]] = (*later.get(files[file], ()), number)
                    continue
                files[file] = number
                if file.name == name.rpartition("/")[2] == image_io.without_suffix(file.name):
                    bare = number
                if image_io.without_suffix(name) == name:
                    short = number
            called = next((n for n in (bare, short, *files.values()) if n is not None), None)
            whole.update(number for number in files.values() if number != called)
        return cls(later, first, frozenset(whole))

    def image_id(self, number: int, name: str) -> str:
        """What a listing's photo is called: without a suffix, where that tells it from others."""
        return name if number in self.whole else image_io.without_suffix(name)


def join(listings: Sequence[Sequence[Instance]]) -> tuple[Instance, ...]:
    """The instances of all listings of a photo; what several of them say is there once.

    What one listing says twice stays: an audit names it.
    """
    found: list[Instance] = []
    for instances in listings:
        there = {(i.category, i.mask, i.attributes) for i in found}
        found += [i for i in instances if (i.category, i.mask, i.attributes) not in there]
    return tuple(found)


def joined(location: str, name: str, labels: Sequence[int], what: str) -> Finding:
    """What is said of a photo that is listed more than once.

    Args:
        location: of its first listing
        labels: how many each of its listings has
        what: one of these is called, e.g. ``region``
    """
    each = " and ".join(count(n, what) for n in labels)
    return Finding(FindingKind.LISTINGS_JOINED, location, f"{quoted(name)}: {each}")
