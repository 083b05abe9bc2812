"""One process at a time does a thing; the next one is told who does."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from curation.core.errors import CurateError

_LOOK = 2
"""Seconds: longer than another process holds a lock to see whether it can be held."""


@contextmanager
def alone(lock: Path, what: str, doing: str, not_beside: Iterable[Path] = ()) -> Iterator[None]:
    """Holds a lock that no other process can hold, on this machine or on one that sees the file.

    Args:
        lock: a file for nothing else; it stays
        what: what is worked on, e.g. a run
        doing: what is done to it, as in "is being trained"
        not_beside: locks that nobody may hold as it begins, looked for once this one is held: of
            two that begin together and keep each other out, at most one goes on

    Raises:
        CurateError: another process does it
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = _note(lock)
    held = _held(lock, what, doing)
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}", "utf-8")
        for other in not_beside:
            _held(other, what, doing).release()
        yield
    finally:
        holder.unlink(missing_ok=True)
        held.release()


def held_by(lock: Path) -> str:
    """Who holds it, as far as a look can tell; empty where nobody does, or was killed over it.

    The lock itself is let be: who just wants it gets it.
    """
    try:
        by = _note(lock).read_text("utf-8")
    except (OSError, ValueError):
        return ""
    number, _, node = by.removeprefix("process ").partition(" on ")
    here = node == platform.node() and number.isdecimal()
    return "" if here and not psutil.pid_exists(int(number)) else by


def _held(lock: Path, what: str, doing: str) -> FileLock:
    held = FileLock(lock)
    try:
        held.acquire(timeout=_LOOK)
    except Timeout:
        try:
            by = _note(lock).read_text("utf-8")
        except (OSError, ValueError):  # it has only begun
            by = "another process"
        raise CurateError(what, f"{doing} by {by} just now: wait for it, or end it") from None
    return held


def _note(lock: Path) -> Path:
    """What says who holds it."""
    return lock.with_suffix(".by")
