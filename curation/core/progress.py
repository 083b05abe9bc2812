"""How long work tells where it is: a callback, so that a terminal, a notebook or nobody listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Called as often as there is news; it must be quick.

    Args:
        task: what is being done, e.g. ``import train.csv``; the same text at each call
        done: items that are done of it; a task ends when that is ``total``
        total: items in all; None where nobody knows
        note: what else is known, e.g. ``loss 0.312``
    """

    def __call__(self, task: str, done: int, total: int | None = None, note: str = "") -> None: ...


def silent(task: str, done: int, total: int | None = None, note: str = "") -> None:
    """Tells nobody."""


def track(progress: Progress, task: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Yields the items, and tells after each how many the caller is done with.

    Args:
        task: what is done, as a curator should read it
        total: how many items there are

    >>> told = []
    >>> for letter in track(lambda *news: told.append(news), "spell", "ab", 2):
    ...     pass
    >>> told
    [('spell', 0, 2), ('spell', 1, 2), ('spell', 2, 2)]
    """
    done = 0
    progress(task, done, total)
    for done, item in enumerate(items, 1):
        yield item
        progress(task, done, total)
    if done < total:  # fewer came than were announced: nobody is to wait for the rest
        progress(task, total, total)
