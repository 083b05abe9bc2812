"""What verbs share on the terminal: data on stdout, progress and logs on stderr."""

from __future__ import annotations

import csv
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from curation.core import progress as callback
from curation.core.atomic import replacing
from curation.core.finding import Finding
from curation.core.text import count as count
from curation.core.text import count_kinds as count_kinds

# Labels and paths come out of files: "[red]" and ":bag:" in one are text, not markup or emoji.
# In a pipe or a file rich would take 80 columns, and fold a table that is wider.
out = Console(
    highlight=False,
    soft_wrap=True,
    markup=False,
    emoji=False,
    width=None if sys.stdout.isatty() else 160,
)
err = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, stderr=True)


def say(text: str, style: str = "") -> None:
    """Prints a line to stderr, as it is, in one of rich's styles, e.g. ``bold red``."""
    err.print(Text(printable(text), style))


def tell(text: str, style: str = "") -> None:
    """Prints a line to stdout, as it is, in one of rich's styles."""
    out.print(Text(printable(text), style))


def printable(text: str) -> str:
    """A text whose control characters are escapes: names out of files may steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class Rate(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(
            f"{speed:,.0f}/s" if speed and speed >= 10 else f"{speed:.1f}/s" if speed else ""
        )


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )


_reached = ""


def reached() -> str:
    """What :func:`bars` was told last, e.g. ``audit: 320 of 1,000``; empty where it was nothing."""
    return _reached


@contextmanager
def bars() -> Iterator[callback.Progress]:
    """A :class:`curation.core.progress.Progress` that draws a bar for each task while it is open.

    With count, rate, time spent and left; none are drawn where stderr is no terminal.
    """
    global _reached
    _reached = ""
    drawn = _bars()
    tasks: dict[str, TaskID] = {}

    def told(task: str, done: int, total: int | None = None, note: str = "") -> None:
        global _reached
        _reached = f"{task}: {done:,}" + (f" of {total:,}" if total else "")
        if task not in tasks:
            tasks[task] = drawn.add_task(task, total=total)
        text = f"{task}  {note}" if note else task
        drawn.update(tasks[task], completed=done, total=total, description=text)
        if done == total:
            drawn.remove_task(tasks.pop(task))

    with drawn, notes():
        yield told


@contextmanager
def notes() -> Iterator[None]:
    """Shows on stderr, while it is open, what the library logs: one line a record."""
    handler, logs = _Lines(), [logging.getLogger(name) for name in ("curation", "training")]
    for log in logs:
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        for log in logs:
            log.removeHandler(handler)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage(), "yellow" if record.levelno >= logging.WARNING else "")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table whose numbers stand right."""
    body = [[_cell(value) for value in row] for row in rows]
    result = Table(title=Text(title) if title else None, title_justify="left")
    for i, name in enumerate(columns):
        number = bool(body) and all(row[i][:1].isdigit() or row[i] in ("", "-") for row in body)
        result.add_column(Text(name), justify="right" if number else "left", overflow="fold")
    for row in body:
        result.add_row(*map(Text, row))
    return result


def list_findings(path: Path, found: Sequence[Finding]) -> None:
    """Writes every finding to a CSV, or removes an earlier list when there is none."""
    if not found:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        rows = [("location", "kind", "detail"), *((f.location, f.kind, f.detail) for f in found)]
        csv.writer(file, lineterminator="\n").writerows(rows)


def _cell(value: object) -> str:
    if value is None:  # the IoU of a class that is nowhere
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))
