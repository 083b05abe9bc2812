"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import platform
import re
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
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent not in _swept:  # once: there may be a file for each photo
        _swept.add(path.parent)
        sweep(path.parent)
    # The suffix stays last: Keras and Pillow go by it.
    name = f".{_MACHINE}-{os.getpid()}-{next(_numbers)}.part{path.suffix}"
    part = path.with_name(name)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        # Of a write that fails the system does not say into which file.
        error.filename = error.filename or str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes what killed processes were about to write into a folder."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        found = _PART.fullmatch(path.name)
        if found and not psutil.pid_exists(int(found[1])):
            path.unlink(missing_ok=True)
