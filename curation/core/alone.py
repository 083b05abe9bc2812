"""One process at a time does a thing; the next one is told who does."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from curation.core.errors import CurateError


@contextmanager
def alone(lock: Path, what: str, doing: str) -> Iterator[None]:
    """Holds a lock that no other process can hold, on this machine or on one that sees the file.

    Args:
        lock: a file for nothing else; it stays
        what: what is worked on, e.g. a run
        doing: what is done to it, as in "is being trained"

    Raises:
        CurateError: another process does it
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = _note(lock)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        try:
            by = holder.read_text("utf-8")
        except (OSError, ValueError):  # it has only begun
            by = "another process"
        raise CurateError(what, f"{doing} by {by} just now: wait for it, or end it") from None
    try:
        holder.write_text(f"process {os.getpid()} on {platform.node()}", "utf-8")
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


def _note(lock: Path) -> Path:
    """What says who holds it."""
    return lock.with_suffix(".by")
