"""One function over many items in worker processes: in order, with bounded memory."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeVar

from curation.core.errors import CurateError

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")

FEW = 256
"""Photos that are done before workers would have started."""

AHEAD = 3
"""Items for each worker that may be done or waiting before the first result is taken."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""

_shared: Any = None


def workers() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(
    function: Callable[[S, T], R], shared: S, items: Iterable[T], images: int
) -> Iterator[R]:
    """Yields ``function(shared, item)`` of each item, in order.

    Args:
        function: of a module; with its arguments and results it goes through pickle
        shared: what every call needs; it goes to each worker once
        images: how many the items are about in all; up to ``FEW`` are done in this process

    Raises:
        CurateError: a worker died
        Exception: what the function raised
    """
    if images <= FEW:
        yield from map(partial(function, shared), items)
        return
    # Spawned, not forked: a fork of a process with threads (pymongo's, TensorFlow's) may hang.
    context = multiprocessing.get_context("spawn")
    count = workers()
    with ProcessPoolExecutor(count, context, initializer=_keep, initargs=(shared,)) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(_call, function, item))
                if len(waiting) >= count * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            reason = "a worker process was killed, perhaps for memory; run the command again"
            raise CurateError("workers", reason) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _keep(shared: Any) -> None:
    global _shared
    _shared = shared
    _keep_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


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
