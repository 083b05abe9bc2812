"""The list of classes beside a folder of masks: what each pixel value means."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from curation.core import taxonomy as taxonomies
from curation.core.errors import FormatError
from curation.core.taxonomy import IGNORE
from curation.formats.messages import explain_bytes, explain_separator, printable, quoted

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
    """``id,name`` rows; further columns are somebody else's."""
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
    names: dict[int, str] = {}
    seen: set[str] = set()
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if not {"id", "name"} <= set(rows.fieldnames or ()):
            other = explain_separator(",".join(rows.fieldnames or ()), ("id", "name"))
            reason = "no columns id and name; its first line must be id,name"
            raise FormatError(path, other or reason, where="1")
        for row in rows:
            where = str(rows.line_num)
            if None in row:
                reason = "more cells than the first line; a name with a comma needs quotes"
                raise FormatError(path, reason, where=where)
            value = (row["id"] or "").strip()
            if not re.fullmatch(r"[0-9]{1,5}", value) or int(value) > MAX_ID:
                raise FormatError(
                    path, f"id {quoted(value)} is not a number from 0 to {MAX_ID}", where=where
                )
            try:
                name = printable(row["name"] or "")
            except ValueError as error:
                raise FormatError(path, str(error), where=where) from None
            if int(value) in names or name.casefold() in seen:
                reason = f"id {value} or name {quoted(name)} is there twice"
                raise FormatError(path, reason, where=where)
            names[int(value)] = name
            seen.add(name.casefold())
    except csv.Error as error:
        raise FormatError(path, f"not a CSV: {error}", where=str(rows.line_num + 1)) from None
    if not names:
        raise FormatError(path, "has a header and no classes")
    return names
