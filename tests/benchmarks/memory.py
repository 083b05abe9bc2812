"""How much memory processes take at most, the database not counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def watched(first: psutil.Process, every: float = 0.1) -> Iterator[Callable[[], int]]:
    """The most bytes of a process and its children together, while it is open.

    Pages that processes share count once (proportional set size).

    Args:
        every: seconds between two looks
    """
    top = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal top
        while not done.wait(every):
            total = 0
            try:
                family = [first, *first.children(recursive=True)]
            except psutil.Error:
                return
            for process in family:
                try:
                    if "mongod" not in process.name():
                        total += process.memory_full_info().pss
                except psutil.Error:
                    continue  # it has just ended
            top = max(top, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: top
    finally:
        done.set()
        watcher.join()
