"""Files that are there whole or not at all, and nothing that a kill leaves of them."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psutil

_MACHINE = re.sub(r"\W", "", platform.node())[:40]
_PART = re.compile(rf"\.{_MACHINE}-(\d+)-\d+\.part(\.\w+)?")
"""A part of this machine's: by which process. Others may write into the same folder."""

_numbers = count()
_swept: set[Path] = set()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside ``path``; what was written there takes its place at the end.

    When the block raises, ``path`` is as it was.
    """
    # The suffix stays last: Keras and Pillow go by it.
    part = _part(path.parent, path.suffix)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        # Of a write that fails the system does not say into which file.
        error.filename = error.filename or str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Yields an empty folder in another one, for what is needed in the block alone."""
    folder = _part(parent)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _part(parent: Path, suffix: str = "") -> Path:
    """A name in a folder that nobody else takes, and that :func:`sweep` knows after a kill."""
    parent.mkdir(parents=True, exist_ok=True)
    if parent not in _swept:  # once: there may be a file for each photo
        _swept.add(parent)
        sweep(parent)
    return parent / f".{_MACHINE}-{os.getpid()}-{next(_numbers)}.part{suffix}"


def sweep(folder: Path) -> None:
    """Removes what killed processes were about to write into a folder."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        found = _PART.fullmatch(path.name)
        if not found or psutil.pid_exists(int(found[1])):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
