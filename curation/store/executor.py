"""Runs what the App queues, one operation after the other, beside the App's server.

As ``fiftyone delegated launch``, but the oldest first (FiftyOne takes the newest, and would flag
before it trains), curate's own alone, and none is called running that runs no more. Each is in a
process of its own: what training takes of the memory is free again, and a crash ends nothing else.

    python -m curation.store.executor

It ends when its standard input does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import psutil
from filelock import FileLock

from curation.store import database
from curation.store.app import PLUGIN
from curation.store.lazy import fo

PAUSE = 0.5
"""Seconds between two looks at the queue."""

LOCK = "executor.lock"
"""In curate's folder; of several Apps, the executor of one runs an operation at a time."""

ENDED = "The App was closed before this was done. Start it again: it goes on where it was."
KILLED = "Its process was killed, perhaps for want of memory. Start it again: it goes on."


_closing = threading.Event()


def main() -> None:
    """Until standard input ends, or SIGTERM comes."""
    signal.signal(signal.SIGTERM, lambda *_: _closing.set())
    threading.Thread(target=_close_with_input, daemon=True).start()
    running: list[tuple[Any, Any]] = []
    threading.Thread(target=_end_when_closing, args=[running], daemon=True).start()
    fo.config  # noqa: B018 - prepared before FiftyOne's operators are imported
    from fiftyone.operators.delegated import DelegatedOperationService

    service, turn = DelegatedOperationService(), FileLock(database.home() / LOCK)
    while not _closing.is_set():
        with turn:
            _end_lost(service)
            for operation in _next(service):
                running.append((service, operation))
                _run(service, operation)
                running.clear()
        time.sleep(PAUSE)
    time.sleep(60)  # the other thread ends the process


def _close_with_input() -> None:
    """However the App's process ended, the pipe from it is closed then."""
    sys.stdin.buffer.read()
    _closing.set()


def _end_when_closing(running: list[tuple[Any, Any]]) -> None:
    """Ends the process, and the operation that runs.

    By a thread, whatever the main one does: an exception that a signal raises there is lost where
    FiftyOne catches all, or collects garbage.

    Args:
        running: the service and the operation; nothing where none runs
    """
    _closing.wait()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    for service, operation in list(running):
        _fail(service, operation, ENDED)
    os._exit(0)


def _next(service: Any) -> list[Any]:
    """The oldest that is queued, or none."""
    from fiftyone.factory import DelegatedOperationPagingParams, SortByField, SortDirection
    from fiftyone.operators.executor import ExecutionRunState

    oldest = DelegatedOperationPagingParams(
        sort_by=SortByField.QUEUED_AT, sort_direction=SortDirection.ASCENDING, limit=1
    )
    return service.list_operations(
        run_state=ExecutionRunState.QUEUED, search={f"^{PLUGIN}/": ["operator"]}, paging=oldest
    )


def _run(service: Any, operation: Any) -> None:
    ours = str(database.home())
    result = service.execute_operation(operation, log=True, monitor=True, run_link=ours)
    # None where another executor was faster.
    if result is not None and not _closing.is_set():
        _fail(service, operation, KILLED)


def _end_lost(service: Any) -> None:
    """Of an executor that was killed itself, or whose machine went off: nobody runs one now."""
    from fiftyone.operators.executor import ExecutionRunState

    ours = str(database.home())
    for operation in service.list_operations(run_state=ExecutionRunState.RUNNING, run_link=ours):
        _fail(service, operation, ENDED)


def _fail(service: Any, operation: Any, reason: str) -> None:
    """Unless it is done: of one that is still called running nobody else would ever say that it
    is not."""
    from fiftyone.operators.executor import ExecutionResult, ExecutionRunState

    failed = ExecutionResult(error=reason)
    service.set_failed(operation.id, result=failed, required_state=ExecutionRunState.RUNNING)


if __name__ == "__main__":
    main()
