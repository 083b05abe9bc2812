"""Annotation file and photos to dataset: what ``curate import`` does."""

from __future__ import annotations

import csv
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unicodedata import normalize

from rich.progress import Progress

from curation import console, database, intake, parallel, photos, store
from curation.errors import CurateError, FormatError
from curation.files import replacing
from curation.formats import Source
from curation.records import Skip

SLICE = 64
"""Photos that a worker reads at once."""

LISTS = "imported-"
LIST_COLUMNS = ("what", "where", "kind", "detail")
LEFT_OUT = "left out"
"""The list of an import: its name before the annotation file's, its columns, what skips are."""

IN_PROCESS = 4 * SLICE
"""Up to so many photos the workers' start would take longer than the work."""


@dataclass
class Imported:
    """What an import did.

    Attributes:
        written: image ids added, unchanged, updated and differing
        instances: instances in all photos that were read
        skips: what was left out and why
        mended: labels that were taken in after the reader had mended them
        absent: photos of the dataset that the file does not name (with ``update``)
        unlisted: photos in the folder that the annotation file does not name
        unmapped: source labels that the dataset's taxonomy does not speak of
        listed: the file that lists all of these; None if there are none
    """

    written: store.Written = field(default_factory=store.Written)
    instances: int = 0
    skips: list[Skip] = field(default_factory=list)
    mended: list[Skip] = field(default_factory=list)
    absent: int = 0
    unlisted: int = 0
    unmapped: dict[str, int] = field(default_factory=dict)
    listed: Path | None = None

    def summary(self) -> str:
        """All of it in one line: what was read is imported or counted as left out."""
        new, old = len(self.written.added), len(self.written.unchanged)
        counts = f"{new:,} new, {old:,} unchanged"
        if changed := len(self.written.updated):
            counts += f", {changed:,} updated"
        photos = new + old + changed + len(self.written.differing)
        parts = [f"{self.instances:,} instances in {photos:,} photos ({counts})"]
        if self.mended:
            parts.append(console.count_kinds(self.mended))
        if self.skips:
            parts.append(f"skipped {console.count_kinds(self.skips)}")
        if self.absent:
            parts.append(f"{self.absent:,} photos of the dataset are not in the file (kept)")
        if self.unlisted:
            parts.append(f"{self.unlisted:,} photos of the folder are not in the file")
        if self.listed:
            parts.append(f"all listed in {self.listed}")
        return "; ".join(parts)


def run(name: str, source: Source, strict: bool, update: bool, progress: Progress) -> Imported:
    """Imports the photos of a source; created where there is no such dataset yet.

    Killed at any moment and started again, it ends as if it had run once.

    Args:
        strict: refuse the whole file if anything would be left out or mended
        update: replace photos whose labels differ by now from what was imported

    Raises:
        CurateError: nothing could be imported, or with ``strict`` not everything,
            or another import into the dataset is running; the dataset is as it was
    """
    store.check_name(name)
    with _alone(name):
        if strict:
            # A pass that writes nothing, so that a refused file leaves the dataset as it was.
            check(source, progress)
        return _run(name, source, update, progress)


def _run(name: str, source: Source, update: bool, progress: Progress) -> Imported:
    dataset = store.open_or_create(name)
    result = Imported()
    before = store.target(dataset, update)
    task = progress.add_task(f"import {source.path.name}", total=len(source.names))
    for part, (ready, skips, mended) in zip(
        _slices(source), _results(intake.prepare_slice, (source, before), source), strict=True
    ):
        store.take(dataset, ready, update, result.written)
        result.instances += sum(photo.instances for photo in ready)
        result.skips += skips
        result.mended += mended
        progress.advance(task, len(part))
    if update:
        result.written.changes += store.orphans(dataset)
    _list(name, source, result, before.known.keys() if update else ())
    if result.instances:
        result.unmapped = store.complete(dataset)
        store.configure(dataset)
    else:
        if not before.known:
            store.delete(name)
        kinds = console.count_kinds(result.skips)
        reason = f"nothing in it could be imported ({kinds}); see {result.listed}"
        raise FormatError(source.path, "", reason)
    return result


@contextmanager
def _alone(name: str) -> Iterator[None]:
    path = database.folder(name) / "import.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CurateError(name, "", "another import into it is running; wait for it") from None
        yield


def check(source: Source, progress: Progress) -> None:
    """Raises CurateError for the first thing that an import would leave out or mend."""
    task = progress.add_task("check", total=len(source.names))
    for part, fault in zip(
        _slices(source), _results(intake.first_fault, source, source), strict=True
    ):
        if fault:
            detail = f": {fault.detail}" if fault.detail else ""
            raise CurateError(fault.where, "", f"{fault.kind}{detail} (--strict)")
        progress.advance(task, len(part))
    progress.remove_task(task)


def _slices(source: Source) -> list[range]:
    total = len(source.names)
    return [range(i, min(i + SLICE, total)) for i in range(0, total, SLICE)]


def _results(function, shared, source: Source) -> Iterator:
    parts = _slices(source)
    if len(source.names) <= IN_PROCESS:
        return map(partial(function, shared), parts)
    return parallel.ordered(function, shared, parts)


def _list(name: str, source: Source, result: Imported, known) -> None:
    """Writes the list of all that is not simply imported, beside the dataset's other files."""
    written, names = result.written, source.names
    stems = {photos.without_suffix(name) for name in names}
    absent = sorted(set(known) - stems - set(names))
    listed = {normalize("NFC", stem) for stem in stems}
    unlisted = sorted(
        inside
        for path in source.images.rglob("*")
        if path.suffix.lower() in photos.SUFFIXES
        and photos.without_suffix(
            normalize("NFC", inside := path.relative_to(source.images).as_posix())
        )
        not in listed
    )
    result.absent, result.unlisted = len(absent), len(unlisted)
    differing = [
        Skip(image_id, "photo that differs from the dataset", "left as it was; --update takes it")
        for image_id in written.differing
    ]
    done = {
        LEFT_OUT: result.skips,
        "mended": result.mended,
        "kept": [
            *differing,
            *(Skip(i, "photo of the dataset the file does not name") for i in absent),
        ],
        "updated": written.changes,
        "not named": [Skip(i, "photo the file does not name") for i in unlisted],
    }
    rows = [(what, s.where, s.kind, s.detail) for what, skips in done.items() for s in skips]
    path = database.folder(name) / f"{LISTS}{source.path.name.removesuffix('.csv')}.csv"
    if rows:
        with (
            replacing(path) as part,
            # A photo's name may be no text.
            part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows([LIST_COLUMNS, *rows])
        result.listed = path
    else:
        path.unlink(missing_ok=True)
    result.skips += differing
