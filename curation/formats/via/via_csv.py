"""VIA's exports to CSV, one row for each region, JSON in the cells.

VIA 1 and 2: ``filename,file_size,file_attributes,region_count,region_id,``
``region_shape_attributes,region_attributes``; a photo without regions has one
row with a count of 0. VIA 1.0 has a ``#`` before it.

VIA 3: the header and the attributes stand in comments, ``# ATTRIBUTE = {...}`` and
``# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,``
``spatial_coordinates,metadata``; cells are those of a project, see :mod:`.via3`.

Sources: ``pack_via_metadata`` in VIA 2's ``via.js`` and ``_via_import_export.js`` in VIA 3.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.formats.messages import explain_separator
from curation.formats.values import table
from curation.formats.via import via3
from curation.formats.via.regions import Content, Listing, Region, file_size

MAX_CELL = 64 * 2**20
"""Bytes: no outline of a real garment comes near it."""

COLUMNS = ("filename", "region_count", "region_shape_attributes", "region_attributes")
COLUMNS_3 = ("file_list", "spatial_coordinates", "metadata")


def content(path: Path, text: str) -> Content:
    """The photos of an export, in the order in which they first stand there.

    A cell that cannot be read costs its region, a row that is none of the header's costs itself.

    Raises:
        FormatError: not such an export, none of its rows can be read, or a quote is left open,
            which takes the rest of the file
    """
    file = io.StringIO(text, newline="")
    comments = list(takewhile(lambda line: line.startswith("#"), file))
    file.seek(sum(map(len, comments)))
    lost: list[Finding] = []
    rows = _rows(path, file, len(comments) + 1, lost)
    header: list[str] = []
    attributes: dict = {}
    for line, comment in enumerate(comments, 1):
        key, _, value = comment.lstrip("# ").rstrip().partition(" = ")
        if key in ("ATTRIBUTE", "ATTRIBUTES"):
            try:
                attributes = table(_json(key, value))
            except ValueError as error:
                raise FormatError(path, str(error), where=str(line)) from None
        elif key == "CSV_HEADER":
            header = value.rstrip(",").split(",")
        elif key.startswith("filename,"):
            header = key.rstrip(",").split(",")
    if not header:
        _, header = next(rows, (0, []))
    if set(COLUMNS_3) <= set(header):
        via3.check_names(path, attributes)
        found = _images_3(path, _named(path, rows, header, lost), attributes, lost)
    elif set(COLUMNS) <= set(header):
        found = _images(path, _named(path, rows, header, lost))
    else:
        reason = f"neither JSON nor a CSV of VIA, which has the columns {', '.join(COLUMNS)}"
        raise FormatError(path, explain_separator(",".join(header), COLUMNS) or reason)
    if not found:
        none = (
            f"no row can be read; the first: {lost[0].detail}" if lost else "a header and no rows"
        )
        raise FormatError(path, f"holds no photos: {none}")
    return Content(found, is_project=False, lost=tuple(lost))


def _images(path: Path, rows: Iterator[tuple[int, dict[str, str]]]) -> list[Listing]:
    found: dict[tuple[str, str], tuple[int, list[Region | Finding]]] = {}
    for line, row in rows:
        _, regions = found.setdefault((row["filename"], row.get("file_size", "")), (line, []))
        try:
            shape, attributes = (
                table(_json(column, row[column]))
                for column in ("region_shape_attributes", "region_attributes")
            )
        except ValueError as error:
            regions.append(_undecodable(path, line, str(error)))
            continue
        if shape or row["region_count"].strip() != "0":
            regions.append(Region(str(line), shape, attributes))
    return [
        Listing(str(line), name, tuple(regions), file_size(size))
        for (name, size), (line, regions) in found.items()
    ]


def _images_3(
    path: Path,
    rows: Iterator[tuple[int, dict[str, str]]],
    attributes: dict,
    lost: list[Finding],
) -> list[Listing]:
    found: dict[tuple[str, ...], tuple[int, list[Region | Finding]]] = {}
    for line, row in rows:
        try:
            names = _file_list(row["file_list"])
        except ValueError as error:
            lost.append(_undecodable(path, line, str(error)))
            continue
        _, regions = found.setdefault(names, (line, []))
        try:
            xy, av = (_json(column, row[column]) for column in COLUMNS_3[1:])
        except ValueError as error:
            regions.append(_undecodable(path, line, str(error)))
            continue
        if xy:
            regions.append(Region(str(line), via3.shape(xy), via3.values(attributes, av)))
    result = []
    for names, (line, regions) in found.items():
        via3.check_one_image(path, str(line), len(names), len(regions))
        result += [Listing(str(line), name, tuple(regions)) for name in names]
    return result


def _file_list(cell: str) -> tuple[str, ...]:
    names = _json("file_list", cell)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("file_list is not a list of names")
    return tuple(names)


def _named(
    path: Path,
    rows: Iterator[tuple[int, list[str]]],
    header: Sequence[str],
    lost: list[Finding],
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, row in rows:
        # A spreadsheet that saved the file has added empty cells at the end.
        if len(row) < len(header) or any(row[len(header) :]):
            reason = f"{len(row)} cells under a header of {len(header)}"
            lost.append(_undecodable(path, line, reason))
            continue
        yield line, dict(zip(header, row, strict=False))


def _rows(
    path: Path, lines: Iterable[str], start: int, lost: list[Finding]
) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of each row that has any.

    Args:
        start: the place of the first line in the file, 1-based
        lost: is told the lines that are no row
    """
    csv.field_size_limit(MAX_CELL)
    # strict: an open quote would take the rest of the file for one cell, and say nothing.
    reader = csv.reader(lines, strict=True)
    line = start
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise FormatError(path, f"not a CSV: {error}", where=str(line)) from None
            taken = start + reader.line_num - line
            lines_ = f"these {taken} lines are" if taken > 1 else "this is"
            lost.append(_undecodable(path, line, f"{lines_} no row of a CSV: {error}"))
        else:
            if any(row):
                yield line, row
        line = start + reader.line_num


def _undecodable(path: Path, line: int, reason: str) -> Finding:
    return Finding(FindingKind.UNDECODABLE_ROW, f"{path.name}:{line}", reason)


def _json(column: str, cell: str) -> object:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        raise ValueError(f"{column} is not JSON") from None
