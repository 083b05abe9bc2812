"""What the photos of an annotation file mean for a dataset: new, unchanged or changed.

The heavy half of an import: it knows neither FiftyOne nor the database, and
runs in worker processes, a slice of the file at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bson import ObjectId, encode

from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind, Severity
from curation.core.records import ImageRecord
from curation.core.text import count
from curation.formats.source import Source
from curation.store import documents

MAX_DOCUMENT = 7 * 2**20
"""Bytes: MongoDB keeps 16 MiB of a photo, and ``labels`` repeats what is imported."""


DOUBTED = (FindingKind.OTHER_FILE, FindingKind.OTHER_BOX)
"""What a reader notes beside its repairs of a label, and leaves as it is."""


class Status(StrEnum):
    """How a photo of the file stands to the dataset."""

    ADDED = "new"
    UNCHANGED = "unchanged"
    MOVED = "moved"
    """The same labels at another location: the photo's folder, or the lines of the file."""
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """One photo, ready to be written.

    Attributes:
        instances: how many it has
        document: BSON of :func:`documents.sample` where it is new, of
            :func:`documents.source` where it is moved or changed, empty where
            nothing is to be written
    """

    image_id: str
    status: Status
    instances: int
    document: bytes


@dataclass(frozen=True)
class Target:
    """The dataset that photos go into.

    Attributes:
        dataset_id: of FiftyOne
        known: content and location digest of each photo in it, by image_id
        update: whether changed photos are to be written
    """

    dataset_id: ObjectId
    known: Mapping[str, tuple[str, str]]
    update: bool


class PreparedSlice(NamedTuple):
    """Some photos of a source, and what is to be said of them and of others between.

    Attributes:
        skips: photos and labels that are not in ``images``
        repaired: labels and photos that the reader took in otherwise than they stand there
        warnings: what was taken in as it is, and is to be looked at
    """

    images: list[PreparedImage]
    skips: list[Finding]
    repaired: list[Finding]
    warnings: list[Finding]


def prepare(record: ImageRecord, target: Target) -> PreparedImage:
    """Compares a record with what the dataset has, and packs it if it is to be written.

    Raises:
        CurateError: it is larger than ``MAX_DOCUMENT``
    """
    status, document = Status.ADDED, b""
    if known := target.known.get(record.image_id):
        content, location = known
        if content != documents.content_digest(record):
            status = Status.CHANGED
        elif location != documents.location_digest(record):
            status = Status.MOVED
        else:
            status = Status.UNCHANGED
    if status is Status.ADDED:
        document = _pack(record, documents.sample(record, target.dataset_id))
    elif status is Status.MOVED or (status is Status.CHANGED and target.update):
        document = _pack(record, documents.source(record))
    return PreparedImage(record.image_id, status, len(record.instances), document)


def prepare_slice(shared: tuple[Source, Target], part: range) -> PreparedSlice:
    """A slice of a source's photos, and what is to be said of it."""
    source, target = shared
    done = PreparedSlice([], [], [], [])
    told = {
        Severity.ERROR: done.skips, Severity.WARNING: done.warnings, Severity.NOTE: done.repaired,
    }  # fmt: skip
    for record in source.read(part.start, part.stop, lambda f: told[f.severity].append(f)):
        try:
            done.images.append(prepare(record, target))
            for found in repaired(record):
                (done.warnings if found.kind in DOUBTED else done.repaired).append(found)
        except CurateError as error:
            done.skips.append(_too_large(error))
    return done


def first_finding(source: Source, part: range) -> Finding | None:
    """The first thing in a slice that an import would skip or repair."""
    skips: list[Finding] = []

    def on_finding(found: Finding) -> None:
        if found.severity is not Severity.WARNING:  # it keeps nothing out
            skips.append(found)

    for record in source.read(part.start, part.stop, on_finding):
        if found := skips + repaired(record):
            return found[0]
        try:
            _pack(record, documents.source(record))
        except CurateError as error:
            return _too_large(error)
    return skips[0] if skips else None


def repaired(record: ImageRecord) -> list[Finding]:
    """What the reader had to repair in a photo's labels."""
    return [Finding(kind, i.source, i.category) for i in record.instances for kind in i.repaired]


def _pack(record: ImageRecord, document: dict) -> bytes:
    packed = encode(document)
    if len(packed) > MAX_DOCUMENT:
        size = f"{count(len(record.instances), 'label')} of above {MAX_DOCUMENT >> 20} MiB"
        reason = f"{record.image_id} has {size}, more than the database keeps of a photo"
        raise CurateError(record.instances[0].source, reason)
    return packed


def _too_large(error: CurateError) -> Finding:
    return Finding(FindingKind.TOO_LARGE, error.path, error.reason)
