"""Annotation file and photos to dataset: what ``curate import`` does."""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unicodedata import normalize

from rich.progress import Progress

from curation import store
from curation.core import console, image_io, parallel
from curation.core.errors import CurateError, FormatError
from curation.formats.source import Source
from curation.steps import import_report
from curation.steps.import_report import Imported
from curation.store import database, prepare

SLICE = 64
"""Photos that a worker reads at once."""


def run(name: str, source: Source, strict: bool, update: bool, progress: Progress) -> Imported:
    """Imports the photos of a source; created where there is no such dataset yet.

    Killed at any moment and started again, it ends as if it had run once.

    Args:
        strict: refuse the whole file if anything would be skipped or repaired
        update: replace photos whose labels differ by now from what was imported

    Raises:
        CurateError: not one photo could be imported, or with ``strict`` not all,
            or another import into the dataset is running; the dataset is as it was
    """
    store.check_name(name)
    with alone(name):
        if strict:
            # A pass that writes nothing, so that a refused file leaves the dataset as it was.
            check(source, progress)
        return _run(name, source, update, progress)


def _run(name: str, source: Source, update: bool, progress: Progress) -> Imported:
    dataset = store.open_or_create(name)
    result = Imported()
    before, state = store.target(dataset, update), _state(source)
    task = progress.add_task(f"import {source.path.name}", total=len(source.names))
    for part, (ready, skips, repaired) in _each_slice(
        prepare.prepare_slice, (source, before), source
    ):
        store.take(dataset, ready, state if update else "", result)
        result.skips += skips
        result.repaired += repaired
        progress.advance(task, len(part))
    result.unlisted = _unlisted(source)
    if update:
        result.changes = store.update_notes(dataset, state) + store.orphans(dataset)
        result.absent = _absent(source, before.known)
    path = import_report.list_path(database.folder(name), source.path)
    result.write_list(path)
    if not result.images:
        if not before.known:
            store.delete(name)
        kinds = console.count_kinds(result.skips)
        raise FormatError(source.path, f"no photo of it could be imported ({kinds}); see {path}")
    if not before.known or (update and not result.absent):
        # The file speaks of every photo, so what earlier ones left out is no matter any more.
        for other in import_report.list_paths(path.parent):
            if other != path:
                other.unlink()
    result.unmapped = store.complete(dataset)
    store.configure(dataset)
    return result


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One import at a time into a dataset.

    Raises:
        CurateError: another one is running
    """
    path = database.folder(name) / "import.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CurateError(name, "another import into it is running; wait for it") from None
        yield


def check(source: Source, progress: Progress) -> None:
    """Raises CurateError for the first thing that an import would skip or repair."""
    task = progress.add_task("check", total=len(source.names))
    for part, found in _each_slice(prepare.first_finding, source, source):
        if found:
            detail = f": {found.detail}" if found.detail else ""
            raise CurateError(found.location, f"{found.kind}{detail} (--strict)")
        progress.advance(task, len(part))
    progress.remove_task(task)


def _each_slice(function, shared, source: Source) -> Iterator[tuple[range, Any]]:
    total = len(source.names)
    parts = [range(i, min(i + SLICE, total)) for i in range(0, total, SLICE)]
    return zip(parts, parallel.ordered(function, shared, parts, images=total), strict=True)


def _state(source: Source) -> str:
    about = source.path.stat()
    return f"{source.path.resolve()} of {about.st_size} bytes, {about.st_mtime_ns}"


def _absent(source: Source, known: Collection[str]) -> list[str]:
    """Photos of the dataset that the file does not name."""
    named = {image_io.without_suffix(name) for name in source.names}
    return sorted(set(known) - named - set(source.names))


def _unlisted(source: Source) -> list[str]:
    """Photos in the folder that the file does not name, with or without their suffix."""
    named = {normalize("NFC", image_io.without_suffix(name)) for name in source.names}
    inside = (
        path.relative_to(source.images).as_posix()
        for path in source.images.rglob("*")
        if path.suffix.lower() in image_io.SUFFIXES
    )
    return sorted(i for i in inside if image_io.without_suffix(normalize("NFC", i)) not in named)
