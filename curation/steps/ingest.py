"""``curate import``: annotation file and images to dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from posixpath import normpath
from typing import Any
from unicodedata import normalize

from curation import store
from curation.core import console, image_io, parallel
from curation.core.alone import alone
from curation.core.errors import CurateError, FormatError
from curation.core.progress import Progress, silent
from curation.core.text import count
from curation.formats.source import MasksInside, Source
from curation.steps import name_clash
from curation.store import app_config, database, decisions, import_report, prepare, write
from curation.store.import_report import Imported

SLICE = 32
"""Images that a worker reads at once."""


def ingest(
    name: str,
    source: Source,
    *,
    strict: bool = False,
    update: bool = False,
    progress: Progress = silent,
) -> Imported:
    """Imports the images of a source; the dataset is created where there is none of this name.

    Killed at any moment and started again, it ends as if it had run once.

    Args:
        source: as a module of :mod:`curation.formats` loads it
        strict: refuse the whole file if anything would be skipped or repaired
        update: replace images whose labels differ by now from what was imported

    Returns:
        what was imported and what was skipped, which also stands in a list on disk

    Raises:
        CurateError: not one image could be imported, or with ``strict`` not all,
            or another import into the dataset is running, or photos of it are others
            than those of their names in the dataset; the dataset is as it was
    """
    store.check_name(name)
    with locked(name):
        if strict:
            # A pass that writes nothing, so that a refused file leaves the dataset as it was.
            check(source, progress=progress)
        return _ingest(name, source, update, progress)


def _ingest(name: str, source: Source, update: bool, progress: Progress) -> Imported:
    dataset = store.open_or_create(name)
    store.renew(dataset)
    name_clash.refuse(dataset, source, progress)
    result = Imported()
    before, state = write.target(dataset, update), _state(source) if update else ""
    task, total = f"import {source.path.name}", len(source.names)
    for part, done in _each_slice(prepare.prepare_slice, (source, before), source):
        write.write_batch(dataset, done.images, state, result)
        result.take(done)
        if done.skips and result.images and _is_gone(source):
            reason = (
                f"went away while it was read; {count(result.images, 'photo')} of it are in the "
                "dataset: once it is there again, run the same import"
            )
            raise FormatError(source.images, reason)
        progress(task, part.stop, total)
    result.unlisted = _unlisted(source)
    if update:
        result.changes = write.update_notes(dataset, state) + decisions.orphans(dataset)
        result.absent = _absent(source, before.known)
    path = import_report.list_path(dataset.folder, source.path)
    result.write_list(path)
    if not result.images:
        if not before.known:
            store.delete(name)
        first = result.skips[0]
        reason = (
            f"no photo of it could be imported ({console.count_kinds(result.skips)}); the first, "
            f"{first.location}: {first.detail}; see {path}"
        )
        raise FormatError(source.path, reason)
    if not before.known or (update and not result.absent):
        # The file speaks of every photo, so what earlier ones skipped is no matter any more.
        for other in import_report.list_paths(path.parent):
            if other != path:
                other.unlink()
    result.unmapped = write.fill_labels(dataset)
    app_config.configure(dataset)
    return result


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One import at a time into a dataset.

    Raises:
        CurateError: another one is running
    """
    with alone(database.folder(name) / "import.lock", name, "is being imported into"):
        yield


def check(source: Source, *, progress: Progress = silent) -> None:
    """Raises CurateError for the first thing that an import would skip or repair."""
    for part, first in _each_slice(prepare.first_finding, source, source):
        if first:
            detail = f": {first.detail}" if first.detail else ""
            raise CurateError(first.location, f"{first.kind}{detail} (--strict)")
        progress("check", part.stop, len(source.names))


def _each_slice(function, shared, source: Source) -> Iterator[tuple[range, Any]]:
    total = len(source.names)
    parts = [range(i, min(i + SLICE, total)) for i in range(0, total, SLICE)]
    return zip(parts, parallel.ordered(function, shared, parts, images=total), strict=True)


def _is_gone(source: Source) -> bool:
    """Whether no photo is left: what a disk or a share that went away leaves is an empty folder."""
    return not source.images.is_dir() or not any(source.images.iterdir())


def _state(source: Source) -> str:
    """In what state its file is, by which a photo notes that it was updated; or its folder's files:
    one that is saved anew changes no folder.
    """
    size = source.path.stat().st_size
    changed = max(path.lstat().st_mtime_ns for path in (source.path, *source.path.rglob("*")))
    return f"{source.path.resolve()} of {size} bytes, {changed}"


def _absent(source: Source, known: Collection[str]) -> list[str]:
    """Photos of the dataset that the file does not name."""
    return sorted(set(known) - {source.image_id(n) for n in range(len(source.names))})


def _unlisted(source: Source) -> list[str]:
    """Photos in the folder that the file does not name, with or without their suffix."""
    named = {normpath(normalize("NFC", name)) for name in source.names}
    masks = frozenset(source.inside) if isinstance(source, MasksInside) else frozenset()
    images = {
        normalize("NFC", name): name
        for path in source.images.rglob("*")
        if path.suffix.lower() in image_io.SUFFIXES
        for name in [path.relative_to(source.images).as_posix()]
    }
    return sorted(
        name
        for whole, name in images.items()
        if name not in masks and not {whole, image_io.without_suffix(whole)} & named
    )
