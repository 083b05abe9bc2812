"""iMaterialist (Fashion) 2019 and 2020: a CSV with one row for each instance.

    ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds

``EncodedPixels`` are pairs ``start length``, 1-based, column-major; 2019 writes
``ImageId`` with ``.jpg`` and ``ClassId`` as ``category_attribute_attribute``.
"""

from __future__ import annotations

import codecs
import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.text import count
from curation.formats.imaterialist.labels import DEFAULT_LABELS, Labels, read_labels
from curation.formats.messages import (
    explain_bytes,
    explain_mismatch,
    explain_separator,
    quoted,
    shown,
)
from curation.formats.source import OnFinding, Repeats, Spelling, find_image, join, joined

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")
_OURS = {name.casefold(): name for name in (*COLUMNS, "AttributesIds")}
MAX_LINE = 64 * 2**20
"""Bytes: no run-length string of a real photo comes near it."""


@dataclass(frozen=True)
class IMaterialist:
    """A CSV and where each photo's rows are in it: a :class:`curation.formats.source.Source`.

    Attributes:
        path, images: the file and the folder of photos
        names: ImageIds, in the order in which they first stand in the file, as the folder of
            photos spells them
        spelling: how the file spells them
        labels: names of the ids
        header: the columns
        first: (photos + 1,) where each photo's rows begin in the two arrays below
        lines: (rows,) line numbers, photo by photo
        offsets: (rows,) where these lines begin in the file, in bytes
        repeats: names of a photo that has an earlier one (``a``, ``a.jpg``)
        size, changed: of the file when it was loaded, in bytes and nanoseconds
    """

    path: Path
    images: Path
    names: tuple[str, ...]
    spelling: Spelling
    labels: Labels
    header: tuple[str, ...]
    first: NDArray[np.int64]
    lines: NDArray[np.int64]
    offsets: NDArray[np.int64]
    repeats: Repeats
    size: int
    changed: int

    def image_id(self, number: int) -> str:
        """What the photo ``names[number]`` is called in a dataset."""
        return self.repeats.image_id(number, self.names[number])

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``; see :class:`curation.formats.source.Source`."""
        with self.path.open("rb") as file:
            state = os.fstat(file.fileno())
            if (state.st_size, state.st_mtime_ns) != (self.size, self.changed):
                reason = "was changed while it was read; import it again"
                raise FormatError(self.path, reason)
            for number in range(start, min(stop, len(self.names))):
                if number in self.repeats.first:  # it is joined to the first
                    continue
                listings = (number, *self.repeats.later.get(number, ()))
                rows = [list(self._rows(file, k)) for k in listings]
                if record := self._record(number, rows, on_finding):
                    yield record

    def _rows(self, file: BinaryIO, number: int) -> Iterator[tuple[int, bytes]]:
        """Line number and text of each row of a name."""
        for row in range(self.first[number], self.first[number + 1]):
            file.seek(self.offsets[row])
            yield int(self.lines[row]), file.readline(MAX_LINE)

    def _record(
        self, number: int, listings: Sequence[Sequence[tuple[int, bytes]]], on_finding: OnFinding
    ) -> ImageRecord | None:
        """The photo of a name.

        Args:
            listings: line number and text of the rows of this name, and of each other name of it
        """
        name, first = self.names[number], f"{self.path.name}:{listings[0][0][0]}"
        skipped = count(sum(map(len, listings)), "row")
        found = find_image(self.images, name, first, skipped, on_finding, self.spelling)
        if not found:
            return None
        image, height, width = found
        instances = join([self._instances(rows, height, width, on_finding) for rows in listings])
        if not instances:
            on_finding(Finding(FindingKind.NO_USABLE_ROW, first, shown(name)))
            return None
        if len(listings) > 1:
            on_finding(joined(first, name, list(map(len, listings)), "row"))
        return ImageRecord(self.image_id(number), image, height, width, instances)

    def _instances(
        self, rows: Sequence[tuple[int, bytes]], height: int, width: int, on_finding: OnFinding
    ) -> list[Instance]:
        instances = []
        for line, text in rows:
            location = f"{self.path.name}:{line}"
            try:
                cells = cells_of(text)
                if len(cells) != len(self.header):
                    raise ValueError(f"{len(cells)} cells, the header has {len(self.header)}")
                row = dict(zip(self.header, cells, strict=True))
                given = _integer(row["Height"], "Height"), _integer(row["Width"], "Width")
                if given != (height, width):
                    detail = explain_mismatch(given, (height, width))
                    on_finding(Finding(FindingKind.SIZE_MISMATCH, location, detail))
                    continue
                instances.append(instance_of(row, height, width, self.labels, location))
            except ValueError as error:
                on_finding(Finding(FindingKind.UNDECODABLE_ROW, location, str(error)))
        return instances


def load(path: Path, images: Path, labels: Labels | Path | None = None) -> IMaterialist:
    """Checks a CSV as a whole, and notes where the rows of each photo are.

    One pass over the bytes. The rows of a photo may stand apart.

    Args:
        images: the folder of photos
        labels: names of the ids, or the ``label_descriptions.json`` that has them; None for the
            46 categories of 2020

    Raises:
        FormatError: not a CSV of this kind, or not such a file of names
    """
    if not isinstance(labels, Labels):
        labels = read_labels(labels) if labels else DEFAULT_LABELS
    rows: dict[str, list[tuple[int, int]]] = {}
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            offset = 0
            if what := explain_bytes(file.read(4)):
                raise FormatError(path, what)
            file.seek(0)
            header = header_of(path, file.readline(MAX_LINE))
            column = header.index("ImageId")
            offset = file.tell()
            for line, text in enumerate(iter(partial(file.readline, MAX_LINE), b""), 2):
                if len(text) == MAX_LINE:
                    raise FormatError(path, f"longer than {MAX_LINE >> 20} MiB", where=str(line))
                if text.strip():
                    try:
                        name = _name(text, column)
                    except ValueError as error:
                        raise FormatError(
                            path, f"not a CSV row: {error}", where=str(line)
                        ) from None
                    rows.setdefault(name, []).append((line, offset))
                offset += len(text)
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    if not rows:
        raise FormatError(path, "has a header and no rows")
    starts = np.array([at for of_image in rows.values() for at in of_image], np.int64)
    spelling = Spelling.of(tuple(rows), images)
    return IMaterialist(
        path,
        images,
        spelling.names,
        spelling,
        labels,
        header,
        np.cumsum([0, *map(len, rows.values())]),
        starts[:, 0],
        starts[:, 1],
        Repeats.of(spelling.names, images),
        state.st_size,
        state.st_mtime_ns,
    )


def header_of(path: Path, text: bytes) -> tuple[str, ...]:
    """The columns; ours by their names, whatever blanks and capitals they are written with."""
    try:
        cells = [cell.strip() for cell in cells_of(text.removeprefix(codecs.BOM_UTF8))]
        header = tuple(_OURS.get(cell.casefold(), cell) for cell in cells)
    except ValueError as error:
        raise FormatError(path, f"not a CSV of iMaterialist: {error}", where="1") from None
    if missing := [c for c in COLUMNS if c not in header]:
        expected = f"; expected {', '.join(COLUMNS)}" if len(missing) < len(COLUMNS) else ""
        reason = f"no column {', '.join(missing)}{expected}"
        other = explain_separator(header[0] if len(header) == 1 else "", COLUMNS)
        raise FormatError(path, other or reason, where="1")
    return header


def _name(text: bytes, column: int) -> str:
    """The ImageId of a row, without parsing the kilobytes of numbers behind it."""
    name, comma, _ = text.partition(b",")
    if column == 0 and comma and b'"' not in name:
        return name.decode()
    cells = cells_of(text)
    return cells[column] if len(cells) > column else ""


def cells_of(text: bytes) -> list[str]:
    """The cells of one line. No cell of this format has a line break, so a line is a row.

    Raises:
        ValueError: not UTF-8, or not CSV
    """
    csv.field_size_limit(MAX_LINE)
    if b"\r" in text.rstrip(b"\r\n"):
        raise ValueError("its lines end in CR alone, as on old Macs: save it with line feeds")
    try:
        # strict: an open quote is an error, not a cell that ends with the line.
        return next(csv.reader([text.decode().rstrip("\r\n")], strict=True), [])
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    except csv.Error as error:
        raise ValueError(str(error)) from None


def instance_of(row: dict, height: int, width: int, labels: Labels, source: str) -> Instance:
    category, *attributes = str(row["ClassId"]).strip().split("_")
    if row.get("AttributesIds"):
        attributes += str(row["AttributesIds"]).split(",")
    category_id = _integer(category, "ClassId")
    if category_id not in labels.categories:
        raise ValueError(f"ClassId {category_id} has no name in the labels")
    ids = [_integer(a, "attribute") for a in attributes]
    names = [labels.attributes.get(i, str(i)) for i in ids]
    mask, repaired = rle.repair_pairs(row["EncodedPixels"], height, width)
    return Instance(labels.categories[category_id], mask, source, tuple(names), repaired=repaired)


def _integer(text: str, column: str) -> int:
    # Of more digits it is no size and no id; pandas writes 6.0 where a row has none.
    if not re.fullmatch(r"\s*-?[0-9]{1,18}(\.0+)?\s*", text):
        raise ValueError(f"{column} {quoted(text)} is not an integer")
    return int(text.partition(".")[0])
