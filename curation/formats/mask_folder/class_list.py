"""The list of classes beside a folder of masks: what each pixel value means."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from curation.core import taxonomy as taxonomies
from curation.core.errors import FormatError
from curation.core.taxonomy import IGNORE
from curation.formats.messages import (
    SEPARATORS,
    explain_bytes,
    explain_separator,
    printable,
    quoted,
)

MAX_LIST = 2**20
"""Bytes of a class list."""

MAX_ID = 2**16 - 1


def read(classes: str) -> dict[int, str | None]:
    """The name of each value in the list, ``ignore`` for what is ignored, None for background."""
    if Path(classes).suffix.lower() == ".csv":
        names = _names(Path(classes))
    elif Path(classes).suffix == ".toml" or classes in taxonomies.names():
        names = {c.id: c.name for c in taxonomies.load(classes).classes}
    else:
        known = ", ".join(taxonomies.names())
        reason = f"no list of classes: give a .csv, a taxonomy's .toml, or one of {known}"
        raise FormatError(classes, reason)
    meant = {"background": None, "void": IGNORE, IGNORE: IGNORE}
    return {value: meant.get(name.casefold(), name) for value, name in names.items()}


def _names(path: Path) -> dict[int, str]:
    """The name of each value in a CSV; columns beside those two are somebody else's."""
    rows = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True, skipinitialspace=True)
    names: dict[int, str] = {}
    seen: set[str] = set()
    try:
        id_column, name_column = _columns(path, rows.fieldnames or ())
        for row in rows:
            where = str(rows.line_num)
            if None in row:
                reason = "more cells than the first line; a name with a comma needs quotes"
                raise FormatError(path, reason, where=where)
            value = (row[id_column] or "").strip()
            # pandas writes whole numbers so where some are missing.
            digits = re.fullmatch(r"([0-9]{1,5})(\.0)?", value)
            if not digits or int(digits[1]) > MAX_ID:
                raise FormatError(
                    path, f"id {quoted(value)} is not a number from 0 to {MAX_ID}", where=where
                )
            number = int(digits[1])
            try:
                name = printable(row[name_column] or "")
            except ValueError as error:
                raise FormatError(path, str(error), where=where) from None
            if number in names or name.casefold() in seen:
                reason = f"id {number} or name {quoted(name)} is there twice"
                raise FormatError(path, reason, where=where)
            names[number] = name
            seen.add(name.casefold())
    except csv.Error as error:
        raise FormatError(path, f"not a CSV: {error}", where=str(rows.line_num + 1)) from None
    if not names:
        raise FormatError(path, "has a header and no classes")
    return names


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LIST + 1)
        if what := explain_bytes(content[:4]):
            raise FormatError(path, what)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise FormatError(path, "not UTF-8 text") from None
    if len(content) > MAX_LIST:
        raise FormatError(path, f"larger than {MAX_LIST >> 20} MiB: not a list of classes")
    return text


def _columns(path: Path, header: Sequence[str]) -> tuple[str, str]:
    """The columns of ids and of names, as the header spells them.

    Raises:
        FormatError: there are none, or more than one may be meant
    """
    if found := _pair(header):
        return found
    line = ",".join(header)
    for separator in SEPARATORS:
        if found := _pair([cell.strip(' "') for cell in line.split(separator)]):
            raise FormatError(path, explain_separator(line, found), where="1")
    names = {word: [c for c in header if _word(c) in words] for word, words in _WORDS.items()}
    for word, columns in names.items():
        if len(columns) > 1:
            many = " or ".join(map(quoted, columns))
            reason = f"its {word} may be in column {many}: call the one that is meant {word}"
            raise FormatError(path, reason, where="1")
    ids, called = (", ".join(sorted(words)) for words in _WORDS.values())
    reason = (
        "no columns id and name; its first line must be id,name. "
        f"Read as an id is also a column {ids}; as a name {called}"
    )
    raise FormatError(path, reason, where="1")


_WORDS = {
    "id": frozenset({"class id", "id", "index", "label id", "pixel value", "value"}),
    "name": frozenset({"category", "class", "class name", "label", "label list", "label name",
                       "name"}),
}  # fmt: skip
"""What the columns are called, by Roboflow, Kaggle's sets, pandas and by hand."""


def _pair(header: Sequence[str]) -> tuple[str, str] | None:
    """The one column of ids and the one of names; id and name themselves before any other."""
    words = [_word(column) for column in header]
    for ids, names in (({"id"}, {"name"}), _WORDS.values()):
        of_ids, of_names = (
            [column for column, word in zip(header, words, strict=True) if word in wanted]
            for wanted in (ids, names)
        )
        # pandas' own numbers of the rows: a first column without a name.
        if not of_ids and words[:1] == [""] and words.count("") == 1:
            of_ids = [header[0]]
        if len(of_ids) == len(of_names) == 1:
            return of_ids[0], of_names[0]
    return None


def _word(column: str) -> str:
    """A column's name without outer blanks, capitals and underscores."""
    return " ".join(column.replace("_", " ").split()).casefold()
