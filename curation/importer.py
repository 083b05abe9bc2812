"""Annotation file and photos to dataset: what ``curate import`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress

from curation import console, database, photos, store
from curation.errors import CurateError, FormatError
from curation.formats import imaterialist as imaterialist_format
from curation.formats import via as via_format
from curation.records import ImageRecord, Skip
from curation.store.datasets import Written

Reader = Callable[[Callable[[Skip], None]], Iterator[ImageRecord]]


@dataclass
class Imported:
    """What an import did.

    Attributes:
        written: image ids added, unchanged and differing
        instances: instances in all photos that were read
        skips: what was left out and why
        unlisted: photos in the folder that the annotation file does not name
        listed: the file that lists skips, differing and unlisted photos; None if none
    """

    written: Written = field(default_factory=Written)
    instances: int = 0
    skips: list[Skip] = field(default_factory=list)
    unlisted: int = 0
    listed: Path | None = None

    def summary(self) -> str:
        """All of it in one line: what was read is imported or counted as left out."""
        new, old = len(self.written.added), len(self.written.unchanged)
        counts = f"{new:,} new, {old:,} unchanged"
        if changed := len(self.written.updated):
            counts += f", {changed:,} updated"
        photos = new + old + changed + len(self.written.differing)
        parts = [f"{self.instances:,} instances in {photos:,} photos ({counts})"]
        if self.skips:
            parts.append(f"skipped {console.count_kinds(self.skips)}")
        if self.unlisted:
            parts.append(f"{self.unlisted:,} photos of the folder are not in the file")
        if self.listed:
            parts.append(f"all listed in {self.listed}")
        return "; ".join(parts)


def imaterialist(
    name: str,
    annotations: Path,
    images: Path,
    labels: Path | None,
    strict: bool,
    update: bool,
    progress: Progress,
) -> Imported:
    """Imports an iMaterialist CSV; see :mod:`curation.formats.imaterialist`.

    Raises:
        CurateError: a file is wrong as a whole, or with ``strict`` anything is;
            the dataset is as it was
    """
    names = imaterialist_format.DEFAULT_LABELS
    if labels:
        names = imaterialist_format.read_labels(labels)
    rows = imaterialist_format.scan(annotations)

    def read(on_skip: Callable[[Skip], None]) -> Iterator[ImageRecord]:
        return imaterialist_format.read(annotations, images, rows, names, on_skip)

    return _import(name, annotations, images, len(rows), read, rows, strict, update, progress)


def via(
    name: str,
    annotations: Path,
    images: Path,
    label_attribute: str,
    strict: bool,
    update: bool,
    progress: Progress,
) -> Imported:
    """Imports a VIA file; see :mod:`curation.formats.via`. Raises as :func:`imaterialist`."""
    entries = via_format.load(annotations)
    listed = [entry["filename"].strip() for entry in entries.values()]

    def read(on_skip: Callable[[Skip], None]) -> Iterator[ImageRecord]:
        return via_format.read(annotations, images, entries, label_attribute, on_skip)

    return _import(name, annotations, images, len(entries), read, listed, strict, update, progress)


def _import(
    name: str,
    annotations: Path,
    images: Path,
    total: int,
    read: Reader,
    listed: Iterable[str],
    strict: bool,
    update: bool,
    progress: Progress,
) -> Imported:
    store.check_name(name)
    if not images.is_dir():
        raise FormatError(images, "", "no such folder of photos")
    if strict:
        # A pass that writes nothing, so that a refused file leaves the dataset as it was.
        for _ in progress.track(read(_refuse), total=total, description="check"):
            pass
    result = Imported()
    task = progress.add_task(f"import {annotations.name}", total=total)

    def records() -> Iterator[ImageRecord]:
        for record in read(result.skips.append):
            result.instances += len(record.instances)
            progress.advance(task)
            yield record

    result.written = store.write(name, records(), update)
    progress.update(task, completed=total)
    if result.instances:
        store.configure(store.open_dataset(name))
    differing = [
        Skip(image_id, "photo that differs from the dataset", "left as it was; --update takes it")
        for image_id in result.written.differing
    ]
    unlisted = _unlisted(images, set(listed))
    result.unlisted = len(unlisted)
    result.skips += differing
    path = database.folder(name) / f"skipped-{annotations.stem}.csv"
    everything = result.skips + [Skip(p, "photo the file does not name") for p in unlisted]
    console.list_skips(path, everything)
    result.listed = path if everything else None
    if not result.instances:
        kinds = console.count_kinds(result.skips)
        raise FormatError(annotations, "", f"nothing in it could be imported ({kinds}); see {path}")
    return result


def _refuse(skip: Skip) -> None:
    raise CurateError(skip.where, "", f"{skip.kind}: {skip.detail} (--strict)")


def _unlisted(images: Path, listed: set[str]) -> list[str]:
    """Photos in the folder that no row names, with or without their suffix."""
    names = (p.name for p in images.iterdir() if p.suffix.lower() in photos.SUFFIXES)
    return sorted(n for n in names if n not in listed and n.rpartition(".")[0] not in listed)
