"""``curate decisions``: what was decided, as a file; and decisions that come out of one."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from curation.core.atomic import replacing
from curation.core.errors import FormatError
from curation.formats.messages import explain_bytes, explain_separator, shown
from curation.review import Decision
from curation.review.journal import MAX_CELL, ON_PHOTOS
from curation.store import Dataset, decisions, edits
from curation.store.decisions import RefusedError, Request
from curation.store.fields import GROUND_TRUTH

MOST_FOLDERS = 32
"""That a ``--prefix`` is looked for in."""

_READ = ("image_id", "instance_id", "category", "taxonomy", "mask", "reviewer", "time", "seconds",
         "batch", "before")  # fmt: skip
_NEEDED = {"action", "image_id"}
_WRITTEN = ("action", *_READ, "decision_id")


def export_decisions(dataset: Dataset, path: Path) -> int:
    """Writes the decisions that stand, oldest first, as a CSV that :func:`import_decisions` reads.

    Returns:
        how many they are
    """
    stands = dataset.review().active
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerows([_WRITTEN, *([getattr(d, name) for name in _WRITTEN] for d in stands)])
    return len(stands)


def import_decisions(dataset: Dataset, path: Path) -> list[Decision]:
    """Takes all decisions of a CSV with action, image_id, instance_id, category; or none.

    A column taxonomy says ``source`` where the category is a label of the annotation file; mask,
    reviewer, time, seconds, batch and before are those of an export. What was decided last on an
    instance already, in that order, is not taken again. Where the dataset has none of the photos,
    they are those of the same names under another ``--prefix``.

    Raises:
        DatasetError: there is no taxonomy yet
        FormatError: with the line that is wrong; nothing is taken
    """
    dataset.taxonomy  # noqa: B018 - where there is none, no line of the file is to blame
    with dataset.locked():
        rows = _as_imported(dataset, path, list(_requests(path)))
        asked, stand = defaultdict(list), defaultdict(list)
        for _, r in rows:
            asked[r.image_id, r.instance_id].append(r)
        for d in dataset.review().active:
            stand[d.image_id, d.instance_id].append(d)
        taken = {key: _taken(of_label, stand[key]) for key, of_label in asked.items()}
        lines, requests = [], []
        for line, r in rows:
            if taken[r.image_id, r.instance_id]:
                taken[r.image_id, r.instance_id] -= 1
            else:
                lines.append(line)
                requests.append(r)
        try:
            made = decisions.decide(dataset, requests) if requests else []
        except RefusedError as error:
            reason = f"{shown(requests[error.index].image_id)}: {error.reason}"
            raise FormatError(path, reason, where=str(lines[error.index])) from None
        # One that was killed may have taken the others, and left the labels as they were.
        edits.adopt(dataset, {image_id for image_id, _ in asked})
        return made


def _as_imported(
    dataset: Dataset, path: Path, rows: list[tuple[int, Request]]
) -> list[tuple[int, Request]]:
    """The rows, about the photos and labels as they are called here.

    The id of a label is made from what it says and from its photo's name. So a label is the one
    that would have the row's id, were its photo called as in the row.
    """
    names, there = {r.image_id for _, r in rows}, frozenset(dataset.image_ids())
    if not names or not names.isdisjoint(there):
        return rows
    ways = _prefixes(names, there)
    if len(ways) > 1:
        either = " or ".join(f"{shown(add)}" if add else "without a prefix" for _, add in ways)
        reason = f"{dataset.name} has its photos more than once, {either}: name them in image_id"
        raise FormatError(path, reason)
    if not ways:
        return rows
    ((cut, add),) = ways
    here = {name: add + name.removeprefix(cut) for name in names}
    called = {new: old for old, new in here.items()}
    ids: dict[tuple[str, str], str] = {}
    for record in dataset.records(GROUND_TRUTH, called):
        name = called[record.image_id]
        unnamed = tuple(replace(i, instance_id="") for i in record.instances)
        as_there = replace(record, image_id=name, instances=unnamed).instances
        for there_, here_ in zip(as_there, record.instances, strict=True):
            ids[name, there_.instance_id] = here_.instance_id
    return [
        (line, replace(r, image_id=here[r.image_id],
                       instance_id=ids.get((r.image_id, r.instance_id), r.instance_id)))
        for line, r in rows
    ]  # fmt: skip


def _prefixes(names: Collection[str], there: Collection[str]) -> list[tuple[str, str]]:
    """What to cut from the front of all names, and what to put there, to have names that are there.

    >>> _prefixes({"val/a", "val/b"}, {"a", "b", "c"})
    [('val/', '')]
    >>> _prefixes({"a"}, {"x/a", "y/a", "xa"})
    [('', 'x/'), ('', 'y/')]
    """
    first = min(names)
    found = []
    starts = (i + 1 for i, letter in enumerate(first) if letter == "/")
    for start in (0, *islice(starts, MOST_FOLDERS)):
        cut, rest = first[:start], first[start:]
        ends = sorted(name for name in there if name == rest or name.endswith(f"/{rest}"))
        for add in (name.removesuffix(rest) for name in ends):
            if all(n.startswith(cut) and add + n.removeprefix(cut) in there for n in names):
                found.append((cut, add))
        if found:  # what is called alike further is meant
            break
    return found


def _taken(asked: Sequence[Request], stand: Sequence[Decision]) -> int:
    """How many of the first rows about an instance are what was decided last on it."""
    for n in range(min(len(asked), len(stand)), 0, -1):
        if all(_says(d, r) for d, r in zip(stand[-n:], asked[:n], strict=True)):
            return n
    return 0


def _says(decision: Decision, request: Request) -> bool:
    """Whether a decision is that of a row; what its empty cells mean, the decision wrote out."""
    category = request.category or (decision.category if request.action != "relabel" else "")
    taxonomy = request.taxonomy or decision.taxonomy
    mask = request.mask or decision.mask
    said = (decision.action, decision.category, decision.taxonomy, decision.mask)
    return said == (request.action, category, taxonomy, mask)


def _requests(path: Path) -> Iterator[tuple[int, Request]]:
    """Line and request of each row."""
    csv.field_size_limit(MAX_CELL)
    try:
        content = path.read_bytes()
        if what := explain_bytes(content[:4]):
            raise FormatError(path, what)
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if missing := _NEEDED - set(reader.fieldnames or ()):
            other = explain_separator(",".join(reader.fieldnames or ()), _NEEDED)
            reason = f"no column {', '.join(sorted(missing))}"
            raise FormatError(path, other or reason, where="1")
        rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise FormatError(path, "is not UTF-8; save it as CSV UTF-8") from None
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise FormatError(path, f"not a CSV: {error}", where=str(reader.line_num)) from None
    for line, row in rows:
        if None in row:
            raise FormatError(path, "has more cells than the first line", where=str(line))
    # Whoever writes by hand may leave out the last cells, but not those of half a file.
    if rows and None in rows[-1][1].values() and not text.endswith(("\n", "\r")):
        raise FormatError(path, "breaks off there; write it again", where=str(rows[-1][0]))
    for line, row in rows:
        values = {name: row.get(name) or "" for name in _READ}
        if row["action"] in ON_PHOTOS:  # the photo, whichever of its labels the row was about
            values |= {"instance_id": "", "category": "", "before": ""}
        if reason := _no_figure(values["time"], values["seconds"]):
            raise FormatError(path, reason, where=str(line))
        values["time"] = _utc(values["time"])
        yield line, Request(row["action"] or "", **values)


def _no_figure(time: str, seconds: str) -> str:
    """Why these are no moment and no span that an export wrote; empty where they are."""
    try:
        if time and datetime.fromisoformat(time).tzinfo is None:
            return f"{time!r} has no time zone; an export writes 2026-03-02T10:00:00Z"
        _utc(time)
    except (ValueError, OverflowError):
        return f"{time!r} is no time; an export writes 2026-03-02T10:00:00Z"
    try:
        spent = float(seconds or 0)
    except ValueError:
        return f"{seconds!r} is no number of seconds"
    return "" if 0 <= spent < math.inf else f"{seconds!r} is no number of seconds"


def _utc(time: str) -> str:
    """A moment as the journal has it, to the second; empty where there is none.

    >>> _utc("2026-03-02T12:30:00.5+02:30")
    '2026-03-02T10:00:00Z'
    """
    if not time:
        return ""
    moment = datetime.fromisoformat(time).astimezone(UTC).replace(microsecond=0, tzinfo=None)
    return f"{moment.isoformat()}Z"
