"""Rows of fixed size on disk, each under a key: what was computed of a photo, once.

A cache is a folder with append-only files: shards of rows, ``rows-0000.bin`` and so on, and
``keys.txt``, one line a row with the SHA-256 of its key. A row counts once its line is complete, so
a killed run loses at most a batch, and what it left half written is cut off by the next one. Shards
are mapped into memory: whoever reads a row has that row alone read from the disk.
"""

from __future__ import annotations

import glob
import logging
import mmap
import os
import re
import shutil
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

SHARD = 1 << 28
"""Bytes of a shard at most: a row is never in two."""

RESIDENT = 1 << 30
"""Bytes of rows that count as memory of this process, at most: those read last."""

_VERSIONED = re.compile(r"(.+-v)(\d+)")
_LINE = 65  # 64 hex digits and a newline
_KEY = re.compile(rb"[0-9a-f]{64}\n")

Append = Callable[[Sequence[str], NDArray], None]
"""Appends some rows under their keys."""


class RowCache:
    """Reads rows; :meth:`appending` adds others.

    Args:
        folder: made where it is not there. Its name ends in ``-vN``, the version of what is in it:
            :meth:`appending` removes earlier ones beside it
        dtype: of a row
        what: the rows, in messages

    Raises:
        CurateError: a key is damaged
    """

    def __init__(self, folder: Path, dtype: Any, what: str) -> None:
        self.folder = folder
        self._dtype, self._what = np.dtype(dtype), what
        self._per_shard = max(1, SHARD // self._dtype.itemsize)
        self._values = self._dtype.itemsize // self._dtype.base.itemsize
        folder.mkdir(parents=True, exist_ok=True)
        self._keys_path = folder / "keys.txt"
        self._row_of: dict[str, int] = {}
        self._shards: list[mmap.mmap] = []
        self._read = 0
        self._load()

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._row_of

    def __len__(self) -> int:
        return len(self._row_of)

    def index(self, key: str) -> int:
        """The number of a row; KeyError where there is none."""
        return self._row_of[_digest(key)]

    def row(self, number: int) -> Any:
        """A row by its number, as the last :meth:`appending` left it."""
        shard, place = divmod(number, self._per_shard)
        size = self._dtype.itemsize
        self._read += size
        if self._read > RESIDENT and hasattr(mmap, "MADV_DONTNEED"):
            # They stay in the system's cache, which gives way where memory is wanted.
            for each in self._shards:
                each.madvise(mmap.MADV_DONTNEED)
            self._read = size
        row = np.frombuffer(self._shards[shard], self._dtype.base, self._values, place * size)
        return row.reshape(self._dtype.shape)[()]

    @contextmanager
    def appending(self) -> Iterator[Append]:
        """Keeps other processes from appending, and knows what they appended before."""
        with self._exclusive():
            count = len(self)
            with self._keys_path.open("ab") as keys:

                def append(of: Sequence[str], values: NDArray) -> None:
                    nonlocal count
                    values = values.astype(self._dtype.base)
                    while len(values):
                        shard, place = divmod(count, self._per_shard)
                        part, values = np.split(values, [self._per_shard - place])
                        with self._shard_path(shard).open("ab") as rows:
                            rows.write(part.tobytes())
                            rows.flush()
                            # They must be on the disk before the lines that vouch for them.
                            os.fsync(rows.fileno())
                        count += len(part)
                    keys.write("".join(f"{_digest(key)}\n" for key in of).encode())
                    keys.flush()

                yield append
            self._load()

    def _shard_path(self, number: int) -> Path:
        return self.folder / f"rows-{number:04d}.bin"

    def _load(self) -> None:
        """Reads the keys of the complete rows; what is beyond them is ignored."""
        text = self._keys_path.read_bytes() if self._keys_path.exists() else b""
        count = min(len(text) // _LINE, self._complete())
        shards = range(len(self._rows_of_shards(count)))
        try:
            self._shards = [self._mapped(number) for number in shards]
        except FileNotFoundError:  # it is evicted just now
            count, self._shards = 0, []
        self._row_of = {key: row for row, key in enumerate(self._keys(text[: count * _LINE]))}

    def _mapped(self, number: int) -> mmap.mmap:
        with self._shard_path(number).open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def _complete(self) -> int:
        """How many rows are there up to the first that is not."""
        count = number = 0
        while count == number * self._per_shard and self._shard_path(number).exists():
            size = self._shard_path(number).stat().st_size
            count += min(size // self._dtype.itemsize, self._per_shard)
            number += 1
        return count

    def _rows_of_shards(self, count: int) -> list[int]:
        """So many rows are in each shard, if there are ``count`` in all."""
        starts = range(0, count, self._per_shard)
        return [min(count - start, self._per_shard) for start in starts]

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
        lock = _lock(self.folder)
        try:
            taken = lock.acquire(blocking=False)
        except Timeout:
            _log.info("%s: waiting for another process to finish", self._what)
            taken = lock.acquire()
        with taken:
            self.folder.mkdir(exist_ok=True)  # evicted since it was opened
            self._evict_earlier()
            self._load()
            count = len(self)
            if self._keys_path.exists():
                os.truncate(self._keys_path, count * _LINE)
            sizes = [rows * self._dtype.itemsize for rows in self._rows_of_shards(count)]
            for number, path in enumerate(sorted(self.folder.glob("rows-*.bin"))):
                if number >= len(sizes):
                    path.unlink()
                elif path.stat().st_size > sizes[number]:
                    os.truncate(path, sizes[number])
            yield

    def _evict_earlier(self) -> None:
        """Removes what an earlier build kept of the same: nobody reads it any more."""
        stem, version = _split(self.folder.name)
        for other in sorted(self.folder.parent.glob(f"{glob.escape(stem)}*")):
            if _split(other.name)[0] == stem and _split(other.name)[1] < version:
                evict(other)
                _log.info("%s: %s of an earlier build, deleted", other, self._what)


def evict(folder: Path) -> None:
    """Removes a cache; whoever reads it just now reads on.

    Raises:
        CurateError: another process adds to it
    """
    lock = _lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        reason = "another process adds to it just now: wait for it, or end it"
        raise CurateError(folder, reason) from None
    with lock:
        shutil.rmtree(folder)


def _lock(folder: Path) -> FileLock:
    """Of a cache; beside it, since who waits for it while the cache is evicted would hold one that
    is gone with it."""
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def _split(name: str) -> tuple[str, int]:
    """The name of a cache and its version: 'person-v1' -> 'person-v', 1; else '', 0."""
    found = _VERSIONED.fullmatch(name)
    return (found[1], int(found[2])) if found else ("", 0)


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
