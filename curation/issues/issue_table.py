"""``issues.csv``: the issues of a run, worst first, written and read without holding them all."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from curation.core import rle
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.rle import Rle
from curation.issues.issue import SUSPECT, Issue

COLUMNS = (*Issue.__slots__, "decided")
"""The attributes of :class:`Issue`, masks as :func:`curation.core.rle.to_text`; and whether a
reviewer decided on it already."""

_READ = {"image_id", "instance_id", "source", "error_type", "reason", "source_reason", "decided"}
"""Those that are shown, beside the score."""

_SCORES = ("error_score", "source_error_score")
_ID = 24
"""Characters of an instance_id; that of a whole photo is empty."""
_CHUNK = 4096
"""Rows that are read at a time."""


@dataclass(frozen=True)
class IssueCounts:
    """How many rows there are, and of those that nobody decided on, how many are suspects."""

    rows: int = 0
    suspects: int = 0
    suspect_source_labels: int = 0


def write(path: Path, issues: Iterable[Issue], decided: Collection[str] = ()) -> IssueCounts:
    """Writes issues, worst first, then by image and instance; those decided on come last.

    The rows lie in a file without a name until the last one is known; of each, memory keeps its
    place in the order.

    Args:
        issues: those of an image one after the other
        decided: instance ids
    """
    images: list[str] = []
    image, score, is_decided, end = array("L"), array("d"), array("b"), array("Q", [0])
    ids = bytearray()
    of_sources = 0
    with replacing(path) as part, tempfile.TemporaryFile(dir=part.parent) as rows:
        for issue in issues:
            if not images or images[-1] != issue.image_id:
                images.append(issue.image_id)
            done = issue.instance_id in decided
            image.append(len(images) - 1)
            score.append(issue.error_score)
            is_decided.append(done)
            ids += issue.instance_id.encode().ljust(_ID, b"\0")
            of_sources += not done and (issue.source_error_score or 0) >= SUSPECT
            end.append(
                end[-1] + rows.write(_line([_cell(issue, n) for n in COLUMNS[:-1]] + [done]))
            )
        rows.flush()
        rank = {name: number for number, name in enumerate(sorted(images))}
        scores, decisions = np.array(score), np.array(is_decided, bool)
        order = np.lexsort((
            np.frombuffer(bytes(ids), f"S{_ID}"),
            np.array([rank[name] for name in images], np.int64)[np.array(image, np.int64)],
            -scores,
            decisions,
        ))  # fmt: skip
        with part.open("wb") as file:
            file.write(_line(COLUMNS))
            for row in order.tolist():
                file.write(os.pread(rows.fileno(), end[row + 1] - end[row], end[row]))
    doubted = (scores >= SUSPECT) & ~decisions
    return IssueCounts(len(scores), int(doubted.sum()), of_sources)


def _cell(issue: Issue, name: str) -> object:
    value = getattr(issue, name)
    return rle.to_text(value) if isinstance(value, Rle) else value


def _line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def read(
    path: Path,
    score: str,
    keep: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
    *,
    again: str,
) -> pd.DataFrame:
    """Rows that have a score, highest first, those that were decided on last.

    Args:
        score: one of ``error_score`` and ``source_error_score``
        keep: what is to be kept of rows in that order; it is asked time and again, of what it
            kept before and of further rows
        again: what to do about a file that cannot be read

    Returns:
        text, but for the scores, and whether it is decided

    Raises:
        CurateError: it is not what was written
    """
    kept: list[pd.DataFrame] = []
    for rows in _chunks(path, score, again):
        both = pd.concat([*kept, rows.dropna(subset=score)])
        in_order = both.sort_values(["decided", score], ascending=[True, False], kind="stable")
        kept = [keep(in_order)]
    return kept[0] if kept else pd.DataFrame(columns=list(COLUMNS))


def _chunks(path: Path, score: str, again: str) -> Iterator[pd.DataFrame]:
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                raise ValueError("it breaks off in its last line")
        # As text: an image_id like 0001 is no number.
        chunks = pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=_CHUNK)
        with chunks:
            for number, rows in enumerate(chunks):
                yield _checked(path, rows, 2 + number * _CHUNK, score, again)
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        raise CurateError(path, f"cannot be read: {error}; {again}") from None


def _checked(path: Path, rows: pd.DataFrame, first: int, score: str, again: str) -> pd.DataFrame:
    """The rows, scores as numbers; the ``first`` of them stands in that line."""
    if not _READ | {score} <= set(rows):
        raise CurateError(path, f"was written by another version of curate; {again}")
    odd = ~rows["decided"].isin(("True", "False")) | rows.isna().any(axis=1)
    values: dict[str, pd.Series] = {"decided": rows["decided"] == "True"}
    for name in set(_SCORES) & set(rows):
        values[name] = pd.to_numeric(rows[name], errors="coerce")
        odd |= ~values[name].between(0, 1) & (rows[name] != "")
    if odd.any():
        reason = f"the row is not what was written; {again}"
        raise CurateError(path, reason, where=str(first + int(odd.argmax())))
    return rows.assign(**values)
