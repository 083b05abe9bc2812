"""Decisions of reviewers on disk: an append-only journal, in which an undo is another entry.

What a journal comes to is told by :mod:`curation.review.resolve`, and nowhere else.
"""

from __future__ import annotations

import csv
import getpass
import io
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from curation.core import appended, rle
from curation.core.atomic import replacing
from curation.core.errors import FormatError
from curation.core.rle import Rle
from curation.core.text import count

FILE = "decisions.csv"
"""In the dataset's folder."""

ACTIONS = ("keep", "relabel", "delete", "exclude", "include", "add", "redraw", "undo")

ON_PHOTOS = ("exclude", "include")
"""What is decided about a photo as a whole: ``include`` says that it is right as it is."""

ON_LABELS = ("keep", "relabel", "delete", "redraw")
"""What is decided about a label that is there. ``delete`` also dismisses a missing garment."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the journal.

    Attributes:
        decision_id: unique
        time: UTC, ISO 8601, to the second
        reviewer: who decided
        action: one of ACTIONS
        image_id: the photo
        instance_id: the instance; empty for what is decided about the photo; for ``add`` the
            id the new instance gets
        category: the new category of ``relabel`` and ``add``; of a missing garment that
            ``delete`` dismisses, what the model saw
        taxonomy: whose vocabulary ``category`` is of; SOURCE for that of the annotation file
        mask: what ``redraw`` puts in its place, or of a missing garment that is added or
            dismissed; see :func:`curation.core.rle.to_text`
        undoes: the decision that ``undo`` takes back
        batch: decisions that were taken at once, and are taken back at once, share it
        before: the class that the label had until then; of ``include``, what an audit had found of
            the photo
        seconds: that the reviewer spent on it, where somebody measured that
    """

    decision_id: str
    time: str
    reviewer: str
    action: str
    image_id: str
    instance_id: str = ""
    category: str = ""
    taxonomy: str = ""
    mask: str = ""
    undoes: str = ""
    batch: str = ""
    before: str = ""
    seconds: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"{self.action!r} is not one of {', '.join(ACTIONS)}")
        if self.action in ON_LABELS and not self.instance_id:
            raise ValueError(f"{self.action} needs an instance")
        if self.action in ("relabel", "add") and not self.category:
            raise ValueError(f"{self.action} needs a category")
        if self.action in ("add", "redraw") and not self.mask:
            raise ValueError(f"{self.action} needs a mask")
        if self.action == "undo" and not self.undoes:
            raise ValueError("undo needs the decision it takes back")

    @property
    def outline(self) -> Rle:
        """The mask, of a decision that has one. Parsed when asked for: a journal may have many.

        Raises:
            FormatError: the cell is damaged
        """
        try:
            return rle.parse(self.mask)
        except ValueError as error:
            reason = f"the mask of this decision cannot be read: {error}; restore the journal"
            raise FormatError(FILE, reason, where=self.decision_id) from None

    @property
    def sentence(self) -> str:
        """Who did what, as one says it.

        >>> decision("relabel", "a", "anna", instance_id="1", category="feet").sentence
        'anna relabelled it to feet'
        """
        label = self.before or "label"
        did = {
            "keep": f"kept the {label}",
            "relabel": f"relabelled it to {self.category}",
            "delete": f"dismissed the {self.category}" if self.mask else f"deleted the {label}",
            "add": f"added {self.category}",
            "redraw": f"redrew the {label}",
            "exclude": "excluded the photo",
            "include": "kept the photo",
            "undo": "took a decision back",
        }[self.action]
        return f"{self.reviewer} {did}"


COLUMNS = tuple(f.name for f in fields(Decision))
_HEADER = f"{','.join(COLUMNS)}\n".encode()
_NEEDED = COLUMNS[:5]
"""What no decision of whatever curate lacks."""

MAX_CELL = 64 * 2**20
"""Bytes: no mask of a real photo comes near it."""

_TAIL = 4096
"""Bytes before the end by which a journal that only grew is told from another one."""


def decision(action: str, image_id: str, reviewer: str = "", **values: str) -> Decision:
    """A new decision, now; ValueError for half a one, see :class:`Decision`, or for text that the
    journal could not give back."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    new = Decision(new_id(), now, one_line(reviewer), action, image_id, **values)
    for text in asdict(new).values():
        text.encode()  # half a character is a ValueError too
        if "\r" in text:
            raise ValueError(f"{text!r} has a carriage return, which no cell of a CSV gives back")
    return new


def new_id() -> str:
    """For a decision, or for a batch of them."""
    return uuid.uuid4().hex[:16]


def one_line(name: str) -> str:
    """A reviewer's name as the journal has it, where a line is a decision."""
    return " ".join(name.split())


def summary(taken: Sequence[Decision]) -> str:
    """What was decided at once, or taken back at once, in one line.

    >>> keep = decision("keep", "a", "anna", instance_id="1", before="feet")
    >>> summary([keep, decision("keep", "a", "anna", instance_id="2")])
    'anna kept the feet in a, and 1 more'
    >>> summary([keep, decision("exclude", "b", "anna")])
    '2 decisions'
    """
    first = taken[0]
    if len({d.image_id for d in taken}) > 1:
        return count(len(taken), "decision")
    # A label that was relabelled and redrawn is one.
    more = len({d.instance_id for d in taken}) - 1
    where = first.image_id if first.action in ON_PHOTOS else f"in {first.image_id}"
    return f"{first.sentence} {where}" + (f", and {more} more" if more else "")


def user() -> str:
    """Who sits here, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user id has no name
        return f"user {os.getuid()}"


class Journal:
    """The decisions on one dataset, oldest first. Read once; later, what came since.

    Any number of processes may append. Who reads decisions, and appends what follows from
    them, holds :meth:`locked` meanwhile. The App's server answers in many threads at once, and
    all of them read this one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_suffix(".lock"))
        self._reading = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._entries: list[Decision] = []
        self._end = 0
        self._lines = 0
        self._tail = b""
        self._header: list[str] = []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time in here; it may be entered again by the one that is."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            yield

    def read(self) -> list[Decision]:
        """All entries, undone ones and undos included; none where there is no journal yet.

        A last line that a power cut tore is left out: it was never confirmed.

        Raises:
            FormatError: with the line that is wrong
        """
        with self._reading:
            try:
                with self.path.open("rb") as file:
                    if not self._only_grew(file):
                        self._forget()
                    file.seek(self._end)
                    self._extend(file.read())
            except FileNotFoundError:
                self._forget()
            return self._entries

    def append(self, decisions: Sequence[Decision]) -> None:
        """Appends entries, all of them with one write; on disk before it returns.

        A last line that a power cut tore was never confirmed to anybody: it is cut off. A journal
        of an earlier curate, whose columns were fewer, gets the new ones first.
        """
        with self.locked(), self._reading:
            self.read()
            if self._header and self._header != list(COLUMNS):
                with replacing(self.path) as part, part.open("wb") as file:
                    appended.write(file, _HEADER + _lines(self._entries))
            appended.append(self.path, _lines(decisions), _HEADER)

    def _only_grew(self, file: BinaryIO) -> bool:
        """Whether what was read before is still there: nobody put another journal in its place."""
        file.seek(max(0, self._end - _TAIL))
        return file.read(min(self._end, _TAIL)) == self._tail

    def _extend(self, new: bytes) -> None:
        """Takes in what stands after what is known, up to its last whole line."""
        whole = new[: new.rfind(b"\n") + 1]
        if not whole:
            return
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            raise FormatError(self.path, "is not UTF-8 text any more; restore it") from None
        csv.field_size_limit(MAX_CELL)  # masks of large photos are long
        reader = csv.reader(io.StringIO(text))
        found = []
        try:
            self._header = self._header or _header(next(reader))
            for row in reader:
                if len(row) != len(self._header):
                    raise ValueError("the line has more or fewer cells than the header")
                found.append(Decision(**dict(zip(self._header, row, strict=True))))
                _check(found[-1])
        except (ValueError, csv.Error) as error:
            line = str(self._lines + reader.line_num)
            self._forget()
            raise FormatError(self.path, str(error), where=line) from None
        # Only now: a wrong line is told each time, and nothing of its read is kept.
        self._entries = [*self._entries, *found]
        self._end += len(whole)
        self._lines += reader.line_num
        self._tail = (self._tail + whole)[-_TAIL:]


def _header(row: list[str]) -> list[str]:
    """The columns of a journal, of this curate or of an earlier one that had fewer."""
    if len({*row}) < len(row) or not {*_NEEDED} <= {*row} <= {*COLUMNS}:
        raise ValueError(f"the first line is not {','.join(COLUMNS)}; restore it")
    return row


def _check(taken: Decision) -> None:
    """Holds what statistics reckon with against what a decision can have."""
    try:
        fits = datetime.fromisoformat(taken.time).tzinfo is not None
        fits &= not taken.seconds or 0 <= float(taken.seconds) < inf
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"time {taken.time!r} or seconds {taken.seconds!r} cannot be read")


def _lines(decisions: Sequence[Decision]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerows(asdict(d) for d in decisions)
    return text.getvalue().encode()
