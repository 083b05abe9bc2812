"""One function over many items: in order, with bounded memory, in worker processes or elsewhere.

All that is a function over photos goes through :func:`ordered`. What it runs on is chosen once, at
the edge (:func:`elsewhere`); no caller of it knows.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from curation.core.errors import CurateError

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")

FEW = 256
"""Photos that are done before workers would have started."""

AHEAD = 3
"""Items for each other worker that may be done or waiting before the first result is taken."""

TOGETHER = 8
"""Items of :func:`each` that go to a worker in one go."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""

Run = Callable[[Callable[[Any, Any], Any], Any, Iterable[Any]], Iterator[Any]]
"""Does what :func:`ordered` does: ``run(function, shared, items)``."""

_elsewhere: ContextVar[Run | None] = ContextVar("elsewhere", default=None)

_shared: Any = None


@contextmanager
def elsewhere(run: Run) -> Iterator[None]:
    """In here, all that goes through :func:`ordered` is done by ``run``."""
    before = _elsewhere.set(run)
    try:
        yield
    finally:
        _elsewhere.reset(before)


def workers() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(
    function: Callable[[S, T], R], shared: S, items: Iterable[T], images: int
) -> Iterator[R]:
    """Yields ``function(shared, item)`` of each item, in order.

    Those of a process that dies may be done again by another one, so a function that writes a
    file gives it another name until it is whole (:func:`curation.core.atomic.replacing`).

    Without :func:`elsewhere`, this process is one of the workers: it does the first items while
    the others start, which takes some tenths of a second, and later some of those for which it
    would only wait.

    Args:
        function: of a module; with its arguments and results it goes through pickle
        shared: what every call needs; it goes to each worker once, and no call changes it
        images: how many the items are about in all; up to ``FEW`` are done in this process

    Raises:
        CurateError: a worker died
        Exception: what the function raised
    """
    if run := _elsewhere.get():
        yield from run(function, shared, items)
        return
    here = partial(function, shared)
    others = workers() - 1
    if images <= FEW or not others:
        yield from map(here, items)
        return
    left = iter(items)
    with _pool(shared, others) as pool:
        starting = [pool.submit(_started) for _ in range(others)]
        waiting: deque[Future[R]] = deque()
        while not any(worker.done() for worker in starting):
            for item in islice(left, 1):
                yield here(item)
                break
            else:
                return
        while True:
            for item in islice(left, others * AHEAD - len(waiting)):
                waiting.append(pool.submit(_call, function, item))
            if not waiting:
                return
            if not waiting[0].done():
                waiting.extend(_done(here, item) for item in islice(left, 1))
            yield waiting.popleft().result()


def each(function: Callable[[S, T], R], shared: S, items: Iterable[T], images: int) -> Iterator[R]:
    """As :func:`ordered`, of items that take milliseconds: some go to a worker together."""
    left = iter(items)
    together = iter(lambda: list(islice(left, TOGETHER)), [])
    for results in ordered(_each, (function, shared), together, images):
        yield from results


def _each(shared: tuple[Callable[[S, T], R], S], items: list[T]) -> list[R]:
    function, rest = shared
    return [function(rest, item) for item in items]


@contextmanager
def _pool(shared: Any, count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that have ``shared`` once they have started.

    Raises:
        CurateError: one of them died
    """
    # Spawned, not forked: a fork of a process with threads (pymongo's, TensorFlow's) may hang.
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        # In a file: what goes with the start of a process fills a pipe, and whoever starts it
        # waits until it is read, so that each would start only once the one before has.
        path = Path(folder) / "shared"
        path.write_bytes(pickle.dumps(shared, pickle.HIGHEST_PROTOCOL))
        pool = ProcessPoolExecutor(count, context, initializer=_keep, initargs=(path,))
        try:
            yield pool
        except BrokenProcessPool:
            reason = "a worker process was killed, perhaps for memory; run the command again"
            raise CurateError("workers", reason) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _done(function: Callable[[T], R], item: T) -> Future[R]:
    """What the function gives or raises, for when its turn comes."""
    done: Future[R] = Future()
    try:
        done.set_result(function(item))
    except Exception as error:
        done.set_exception(error)
    return done


def _keep(path: Path) -> None:
    global _shared
    _shared = pickle.loads(path.read_bytes())  # noqa: S301 - this process's parent wrote it
    _keep_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _started() -> None:
    """What a worker does first, to be known to have started."""


def _keep_memory() -> None:
    """Has glibc keep what an item took for the next one, as each photo takes megabytes anew.

    Handed back and taken again page by page, a photo's memory costs as much as decoding it small.
    Before 2.35 glibc refuses, and all is as it was.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        mallopt(_TRIM_THRESHOLD, 1 << 30)


def _end_with_parent() -> None:
    """Workers whose parent was killed would wait for work for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _call(function: Callable[[Any, T], R], item: T) -> R:
    return function(_shared, item)
