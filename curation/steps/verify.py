"""``curate export --verify``: an export, wherever it lies, checked without its dataset."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from curation.audit.image_hash import hash_pixels
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent, track
from curation.core.splits import SHARES, SPLITS
from curation.core.text import count
from curation.formats.export import MANIFEST, WRITTEN_BY, sha256_of
from curation.formats.messages import shown
from curation.formats.registry import writers
from curation.steps import alike, parts
from curation.steps.dealing import Dealing
from training import run as trainer

_AGAIN = "export again"
_COLUMNS = ("image_id", "split", "photo_hash")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it.

    Attributes:
        faults: a sentence each
        notes: of what is no fault: a class that a split lacks, what could not be looked at
        photos: how many, by split
        labels: how many of each class, by split
    """

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    photos: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]


def verify(folder: Path, *, progress: Progress = silent) -> Verified:
    """Checks that an export is whole, and that no photo is in two of its splits.

    Raises:
        CurateError: the folder is no export of curate, or its manifest or ``splits.csv`` is damaged
    """
    manifest = _manifest(folder)
    changed = list(_changed_files(folder, manifest["files"], progress))
    rows = _rows(folder / "splits.csv")
    if manifest["format"] == "tfrecord" and not changed:
        looks = _looking_alike(folder, _dealing(manifest), progress)
        rows = [{**row, "looks": looks[row["image_id"]]} for row in rows]
    faults = [*changed, *_counts(manifest, rows), *_leaks(rows), *_unfrozen(manifest, rows)]
    notes = list(_missing_classes(manifest))
    if "group" not in rows[0]:
        notes.append("Its photos have no groups: which of them go together is not known.")
    labels = {name: manifest["splits"][name]["labels"] for name in SPLITS}
    photos = Counter(row["split"] for row in rows)
    return Verified(tuple(faults), tuple(notes), {s: photos[s] for s in SPLITS}, labels)


def _changed_files(folder: Path, files: Mapping[str, str], progress: Progress) -> Iterator[str]:
    for name, digest in track(progress, "files", files.items(), len(files)):
        path = folder / name
        if not path.is_file():
            yield f"{shown(name)} is not there."
        elif sha256_of(path) != digest:
            yield f"{shown(name)} is not what was exported: its bytes are others."


def _counts(manifest: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    there = Counter(row["split"] for row in rows)
    for name in SPLITS:
        if (said := manifest["splits"][name]["photos"]) != there[name]:
            yield f"{MANIFEST} says {count(said, 'photo')} in {name}, splits.csv {there[name]:,}."


def _leaks(rows: Sequence[Row]) -> Iterator[str]:
    """Photos of one content, that go together or that look alike, in two splits."""
    reported = set()
    columns = {"photo_hash": "are one photo", "group": "go together", "looks": "look alike"}
    for column, what in columns.items():
        together: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row.get(column):
                together[row[column]].append(row)
        for its in together.values():
            one = its[0]
            other = next((row for row in its if row["split"] != one["split"]), None)
            pair = other and (one["image_id"], other["image_id"])
            if other and pair not in reported:
                reported.add(pair)
                yield _pair(one, other, what)


def _pair(one: Row, other: Row, what: str) -> str:
    return (
        f"{shown(one['image_id'])} in {one['split']} and {shown(other['image_id'])} in "
        f"{other['split']} {what}: a model would be tested on what it learned from."
    )


def _unfrozen(manifest: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    hashes = set(manifest["frozen"]["photo_hashes"]) if "frozen" in manifest else set()
    for row in rows:
        if row["photo_hash"] in hashes and row["split"] != "test":
            yield f"{shown(row['image_id'])} is of the frozen test set, and in {row['split']}."


def _looking_alike(folder: Path, how: Dealing, progress: Progress) -> dict[str, str]:
    """The group of each photo, by what its record shows."""
    records = trainer.Records(folder)
    images = track(progress, "photos that look alike", enumerate(records.images), len(records))
    hashes = [hash_pixels(i.image_id, i.key, records.image(index)) for index, i in images]
    contents = {image.image_id: image.key for image in records.images}
    return alike.groups(contents, hashes, parts.largest(len(records), how))


def _missing_classes(manifest: Mapping[str, Any]) -> Iterator[str]:
    for name in SPLITS:
        missing = [c for c, n in manifest["splits"][name]["labels"].items() if not n]
        if not manifest["splits"][name]["photos"]:
            yield f"No photo is in {name}."
        elif missing:
            # Source labels have commas: "tights, stockings" is one.
            yield f"No label in {name} is of {'; '.join(map(shown, missing))}."


def _manifest(folder: Path) -> dict[str, Any]:
    """The manifest, with all of it checked that is used here."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes().decode())
        if manifest["written_by"] != WRITTEN_BY or manifest["format"] not in _formats():
            raise ValueError("it is of something else")
        if isinstance(manifest["files"], list):
            raise ValueError("an earlier curate wrote it, without the hashes of its files")
        for name, digest in manifest["files"].items():
            inside = PurePosixPath(name)
            if inside.is_absolute() or ".." in inside.parts or not isinstance(digest, str):
                raise ValueError(f"{shown(name)} is no file of an export")
        for name in SPLITS:
            split = manifest["splits"][name]
            numbers = [split["photos"], *split["labels"].values()]
            if not all(type(number) is int for number in numbers):
                raise ValueError(f"what {name} holds is no number")
        if not all(isinstance(h, str) for h in manifest.get("frozen", {}).get("photo_hashes", ())):
            raise ValueError("the hash of a frozen photo is no text")
        _dealing(manifest)
    except FileNotFoundError:
        raise CurateError(folder, f"holds no export: there is no {MANIFEST}") from None
    except OSError as error:
        raise CurateError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CurateError(path, f"is no manifest of an export ({error}); {_AGAIN}") from None
    return manifest


def _dealing(manifest: Mapping[str, Any]) -> Dealing:
    return Dealing(shares=tuple(manifest["shares"].values()) if "shares" in manifest else SHARES)


def _formats() -> list[str]:
    return [format_.name for format_ in writers()]


def _rows(path: Path) -> list[Row]:
    """The rows of ``splits.csv``, each with its columns."""
    try:
        reader = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True)
        rows: list[Row] = list(reader)
        if not rows or not {*_COLUMNS} <= {*(reader.fieldnames or ())}:
            raise ValueError(f"no photo, or its columns are not {', '.join(_COLUMNS)}")
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values() or row["split"] not in SPLITS:
                raise ValueError(f"row {number} is no photo in one of {', '.join(SPLITS)}")
    except OSError as error:
        raise CurateError(path, f"cannot be read: {error.strerror}; {_AGAIN}") from None
    except (ValueError, csv.Error) as error:
        raise CurateError(path, f"is not what was exported ({error}); {_AGAIN}") from None
    return rows
