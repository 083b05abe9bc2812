"""Writes a CSV again with what reviewers changed, and every other byte as it was.

A row that was deleted is gone, one that was relabelled or redrawn has another cell, and what was
added stands at the end, with its photo named as the file names it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.records import Instance
from curation.formats.change import Change
from curation.formats.imaterialist.labels import DEFAULT_LABELS, Labels, read_labels
from curation.formats.imaterialist.reader import MAX_LINE, cells_of, header_of, instance_of
from curation.formats.messages import quoted

_CELL = re.compile(rb'("(?:[^"]|"")*"|[^,\r\n]*)(?:,|(?=[\r\n])|$)')
Edit = tuple[Instance, Instance | None]
OTHER = "is not what was imported: give the file, and its --labels, as they were then"


def rewrite(
    original: Path, target: Path, changes: Iterable[Change], labels: Path | None = None
) -> None:
    """Writes ``target``.

    Args:
        original: the file that was imported
        labels: the ``label_descriptions.json`` that it was imported with; None for the 46 of 2020

    Raises:
        FormatError: the file is not the one that was imported, or has no id for a new label
    """
    names = read_labels(labels) if labels else DEFAULT_LABELS
    of_line: dict[int, Edit] = {}
    added: dict[int, list[Instance]] = {}
    for change in changes:
        line = int((change.before.source if change.before else change.beside).rpartition(":")[2])
        if change.before:
            of_line[line] = change.before, change.after
        elif change.after:
            added.setdefault(line, []).append(change.after)
    try:
        with original.open("rb") as old, target.open("wb") as new:
            _Rewriter(original, names, new).write(old, of_line, added)
    except OSError as error:
        raise FormatError(original, error.strerror or "cannot be read") from None


class _Rewriter:
    """What is known of the file while its lines go by."""

    def __init__(self, path: Path, labels: Labels, new: BinaryIO) -> None:
        self.path = path
        self.labels = labels
        self.ids = {name: i for i, name in labels.categories.items()}
        self.new = new

    def write(
        self,
        old: BinaryIO,
        of_line: Mapping[int, Edit],
        added: Mapping[int, Iterable[Instance]],
    ) -> None:
        first = last = old.readline(MAX_LINE)
        self.columns = header_of(self.path, first)
        self.new.write(first)
        appended: list[bytes] = []
        lines = 1
        while text := old.readline(MAX_LINE):
            lines += 1
            appended += [self._row(lines, text, label) for label in added.get(lines, ())]
            if edit := of_line.get(lines):
                text = self._changed(lines, text, *edit)
            self.new.write(text)
            last = text or last
        if missing := [n for n in (*of_line, *added) if n > lines]:
            raise FormatError(self.path, OTHER, where=str(missing[0]))
        end = first[len(first.rstrip(b"\r\n")) :] or b"\n"
        if appended and not last.endswith(b"\n"):
            self.new.write(end)
        self.new.writelines(row + end for row in appended)

    def _changed(self, line: int, text: bytes, before: Instance, after: Instance | None) -> bytes:
        row = self._read(line, text)
        try:
            height, width = before.mask.height, before.mask.width
            found = instance_of(row, height, width, self.labels, before.source)
        except ValueError:
            found = None
        if not found or (found.category, found.mask) != (before.category, before.mask):
            raise FormatError(self.path, OTHER, where=str(line))
        if not after:
            return b""
        given = [m[1] for m in _CELL.finditer(text)][: len(self.columns)]
        if after.category != before.category:
            _, *attributes = row["ClassId"].split("_")
            said = "_".join([self._id(line, after.category), *attributes])
            given[self.columns.index("ClassId")] = said.encode()
        if after.mask != before.mask:
            given[self.columns.index("EncodedPixels")] = _pairs(after).encode()
        return b",".join(given) + text[len(text.rstrip(b"\r\n")) :]

    def _row(self, line: int, text: bytes, label: Instance) -> bytes:
        """A row that was added, without its end.

        Args:
            line, text: of another row of the photo
        """
        beside = self._read(line, text)
        said = {
            "ImageId": beside["ImageId"],
            "EncodedPixels": _pairs(label),
            "Height": str(label.mask.height),
            "Width": str(label.mask.width),
            "ClassId": self._id(line, label.category),
        }
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow([said.get(c, "") for c in self.columns])
        return out.getvalue().encode()

    def _read(self, line: int, text: bytes) -> dict[str, str]:
        try:
            return dict(zip(self.columns, cells_of(text), strict=True))
        except ValueError:
            raise FormatError(self.path, OTHER, where=str(line)) from None

    def _id(self, line: int, name: str) -> str:
        if name not in self.ids:
            reason = f"there is no id for the new label {quoted(name)}: give --labels as imported"
            raise FormatError(self.path, reason, where=str(line))
        return str(self.ids[name])


def _pairs(label: Instance) -> str:
    return " ".join(map(str, rle.to_pairs(label.mask).tolist()))
