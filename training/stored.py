"""What a run's files hold, checked as it is read: what a disk or an editor damaged is found here.

Each function takes a file's text and raises a ValueError, with the line where there is one.
"""

from __future__ import annotations

import csv
import io
import json
from numbers import Real
from typing import NotRequired

from training.metrics import Figures

HISTORY = ("fold", "step", "loss", "val_cross_entropy", "val_miou_foreground", "kept",
           "learning_rate", "cpu_seconds", "seconds")  # fmt: skip
"""The columns of history.csv that are read again; all but the fold are numbers."""

_WHOLE = ("step", "kept")
_BY_CLASS = ("iou", "boundary_f")
_OF_RUN = ("parameters", "cpu_seconds", "seconds")


class RunMetrics(Figures):
    """What metrics.json holds.

    Attributes:
        measured_on: 'out-of-fold', 'test' or 'val'
        parameters: of one model's file
        cpu_seconds, seconds: of features, training and measuring, killed calls included
        val: beside 'test', the figures on the validation photos
    """

    measured_on: str
    parameters: int
    cpu_seconds: float
    seconds: float
    val: NotRequired[Figures]


def rows(text: str) -> list[list[str]]:
    r"""The lines of a CSV that we wrote, header first, all of one length.

    >>> rows("a,b\n1,2\n")
    [['a', 'b'], ['1', '2']]
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[list[str]] = []
    try:
        for row in reader:
            found.append(row)
            if len(row) != len(found[0]):
                reason = f"{len(row)} cells, the first line has {len(found[0])}"
                raise ValueError(f"line {reader.line_num}: {reason}")
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    if not text.endswith("\n"):
        raise ValueError(f"line {reader.line_num}: it breaks off there")
    return found


def history(text: str) -> list[dict[str, str]]:
    """The rows of history.csv."""
    header, *values = rows(text)
    if lacking := set(HISTORY) - set(header):
        raise ValueError(f"line 1: no column {', '.join(sorted(lacking))}")
    found = [dict(zip(header, row, strict=True)) for row in values]
    for line, row in enumerate(found, 2):
        for name in HISTORY[1:]:
            read = int if name in _WHOLE else float
            try:
                read(row[name])
            except ValueError:
                raise ValueError(f"line {line}: {name} {row[name]!r} is no number") from None
    return found


def metrics(text: str) -> RunMetrics:
    """metrics.json."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no table of figures")
    if found.get("measured_on") not in ("out-of-fold", "test", "val"):
        raise ValueError(f"measured_on is {found.get('measured_on')!r}")
    _check(found)
    for name in _OF_RUN:
        if not _is_number(found.get(name)):
            raise ValueError(f"{name} is {found.get(name)!r}")
    if "val" in found:
        _check(found["val"])
    # A table of JSON, whose keys were checked above: mypy cannot know.
    return found  # type: ignore[return-value]


def _check(figures: object) -> None:
    if not isinstance(figures, dict):
        raise ValueError("val is no table of figures")
    for name in Figures.__annotations__:
        value = figures.get(name, "missing")
        if name in _BY_CLASS:
            fits = isinstance(value, dict) and all(map(_is_figure, value.values()))
        else:
            fits = isinstance(value, bool) if name == "only_background" else _is_figure(value)
        if not fits:
            raise ValueError(f"{name} is {value!r}")


def _is_figure(value: object) -> bool:
    """A number, or None where it is not defined."""
    return value is None or _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
