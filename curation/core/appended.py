"""Files that only grow, line by line: what was confirmed is on disk, and a torn line is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_TAIL = 4096


def append(path: Path, lines: bytes, header: bytes = b"") -> None:
    """Appends whole lines, all or none; on disk before it returns.

    A last line that a power cut tore was never confirmed to anybody: it is cut off.

    Args:
        header: goes before them in a file that has no line yet
    """
    # Unbuffered: closing a buffer would write what a full disk refused once more.
    with path.open("a+b", buffering=0) as file:
        end = _cut_torn_line(file)
        try:
            write(file, lines if end else header + lines)
        except OSError as error:
            file.truncate(end)  # all or none
            error.filename = str(path)
            raise


def write(file: BinaryIO, content: bytes) -> None:
    """Writes all of it, and sees it onto the disk."""
    left = memoryview(content)
    while left:  # a disk that is nearly full takes a part
        left = left[file.write(left) :]
    file.flush()
    os.fsync(file.fileno())


def _cut_torn_line(file: BinaryIO) -> int:
    """Cuts off what follows the last line break; how long the file is then."""
    end = file.seek(0, os.SEEK_END)
    start = end
    tail = b""
    while start and b"\n" not in tail:
        start = max(0, start - _TAIL)
        file.seek(start)
        tail = file.read(end - start)
    whole = start + tail.rfind(b"\n") + 1
    if whole != end:
        file.truncate(whole)
    return whole
