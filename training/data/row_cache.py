"""Rows of fixed size on disk, each under a key: what was computed of a photo, once.

A cache is a folder with two append-only files: ``rows.bin``, and ``keys.txt``, one line a row with
the SHA-256 of its key. A row counts once its line is complete, so a killed run loses at most a
batch, and what it left half written is cut off by the next one.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from curation.core.errors import CurateError

_log = logging.getLogger(__name__)

_LINE = 65  # 64 hex digits and a newline
_KEY = re.compile(rb"[0-9a-f]{64}\n")

Append = Callable[[Sequence[str], NDArray], None]
"""Appends some rows under their keys."""


class RowCache:
    """Reads rows; :meth:`appending` adds others.

    Args:
        folder: made where it is not there
        dtype: of a row
        what: the rows, in messages

    Attributes:
        rows: (N,) of that type, as the last :meth:`appending` left them

    Raises:
        CurateError: a key is damaged
    """

    def __init__(self, folder: Path, dtype: Any, what: str) -> None:
        self.folder = folder
        self.rows: NDArray = np.empty(0, dtype)
        self._dtype, self._what = np.dtype(dtype), what
        folder.mkdir(parents=True, exist_ok=True)
        self._rows_path = folder / "rows.bin"
        self._keys_path = folder / "keys.txt"
        self._row_of: dict[str, int] = {}
        self._load()

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._row_of

    def index(self, key: str) -> int:
        """The number of a row; KeyError where there is none."""
        return self._row_of[_digest(key)]

    @contextmanager
    def appending(self) -> Iterator[Append]:
        """Keeps other processes from appending, with what they appended before in ``rows``."""
        with self._exclusive():
            with self._rows_path.open("ab") as rows, self._keys_path.open("ab") as keys:

                def append(of: Sequence[str], values: NDArray) -> None:
                    rows.write(values.astype(self._dtype.base).tobytes())
                    rows.flush()
                    # The rows must be on the disk before the lines that vouch for them.
                    os.fsync(rows.fileno())
                    keys.write("".join(f"{_digest(key)}\n" for key in of).encode())
                    keys.flush()

                yield append
            self._load()

    def _load(self) -> None:
        """Reads the keys of the complete rows; what is beyond them is ignored."""
        text = self._keys_path.read_bytes() if self._keys_path.exists() else b""
        size = self._rows_path.stat().st_size if self._rows_path.exists() else 0
        count = min(len(text) // _LINE, size // self._dtype.itemsize)
        self._row_of = {key: row for row, key in enumerate(self._keys(text[: count * _LINE]))}
        if count:
            self.rows = np.memmap(self._rows_path, dtype=self._dtype, mode="r", shape=(count,))

    def _keys(self, text: bytes) -> list[str]:
        """The key of each row; a damaged one would give photos the rows of others."""
        keys: dict[str, None] = {}
        for start in range(0, len(text), _LINE):
            key = text[start : start + _LINE]
            if not _KEY.fullmatch(key) or (hexadecimal := key[:-1].decode()) in keys:
                reason = f"is no key, or there twice: delete the folder, {self._what} come again"
                raise CurateError(self._keys_path, reason, where=str(start // _LINE + 1))
            keys[hexadecimal] = None
        return list(keys)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keeps other processes from appending, and cuts off what a killed one left."""
        lock = FileLock(self.folder / "lock")
        try:
            taken = lock.acquire(blocking=False)
        except Timeout:
            _log.info("%s: waiting for another process to finish", self._what)
            taken = lock.acquire()
        with taken:
            self._load()
            count, row = len(self._row_of), self._dtype.itemsize
            for path, length in ((self._rows_path, row), (self._keys_path, _LINE)):
                if path.exists() and path.stat().st_size > count * length:
                    os.truncate(path, count * length)
            yield


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
