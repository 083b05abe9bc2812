"""Many things by name, on disk: memory keeps their names, whatever they weigh."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_BUFFER = 1 << 20


class Spool(Mapping[str, T]):
    """A mapping that is written once and read at random, as it was when it was written.

    A photo's labels weigh 12 KB in memory, and its name 0.2. The file has no name: nobody else
    finds it, and a process that dies leaves none behind.
    """

    def __init__(self, items: Iterable[tuple[str, T]], folder: Path) -> None:
        """Writes all items, which go through pickle.

        Args:
            items: names, each once, and what they name
            folder: on whose disk the file lies, where the system's temporary folder may be memory

        Raises:
            OSError: there is no room
        """
        self._folder = folder
        self._places: dict[str, tuple[int, int]] = {}
        self._file = tempfile.TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115 - kept
        self._write(items)

    def _write(self, items: Iterable[tuple[str, T]]) -> None:
        at = self._file.seek(0, os.SEEK_END)
        for name, item in items:
            size = self._file.write(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
            self._places[name] = at, size
            at += size
        self._file.flush()

    def only(self, names: Iterable[str]) -> Spool[T]:
        """Some of it, in the order of the whole; the file is the same."""
        wanted = set(names)
        part = copy(self)
        part._places = {name: at for name, at in self._places.items() if name in wanted}
        return part

    def updated(self, items: Iterable[tuple[str, T]]) -> Spool[T]:
        """The same with other things under some of its names; the file is the same."""
        other = copy(self)
        other._places = dict(self._places)
        other._write(items)
        return other

    def mapped(self, function: Callable[[T], T]) -> Spool[T]:
        """Another one, of what a function makes of each thing."""
        return Spool(((name, function(item)) for name, item in self.items()), self._folder)

    def __getitem__(self, name: str) -> T:
        at, size = self._places[name]
        # Without a position in the file, which threads would take from each other.
        return pickle.loads(os.pread(self._file.fileno(), size, at))  # noqa: S301 - we wrote it

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
