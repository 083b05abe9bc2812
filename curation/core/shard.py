"""A part of a verb's work for one job of any queue: ``--shard 2/4``. The last one merges."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Every ``of``-th item.

    >>> Shard(2, 3).take("abcdefgh")
    'beh'

    Attributes:
        number: which one, from 1
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"{self} is none from 1/{self.of} to {self.of}/{self.of}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, items: Sequence[T]) -> Sequence[T]:
        return items[self.number - 1 :: self.of]


WHOLE = Shard(1, 1)


@contextmanager
def done(folder: Path, shard: Shard, fingerprint: str) -> Iterator[list[int]]:
    """Notes that a shard is done, and yields the numbers of those that are not.

    One process at a time is in here. Where none is left it is the last one, and merges.

    Args:
        folder: for the notes alone; it goes with the last shard
        fingerprint: what the work is about: notes of another one do not count
    """
    folder.mkdir(parents=True, exist_ok=True)
    begin = f"{sha256(fingerprint.encode()).hexdigest()[:16]}-of-{shard.of}"
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        folder.mkdir(exist_ok=True)
        (folder / f"{begin}-{shard.number}").touch()
        there = {path.name for path in folder.iterdir()}
        left = [n for n in range(1, shard.of + 1) if f"{begin}-{n}" not in there]
        yield left
        if not left:
            shutil.rmtree(folder)
