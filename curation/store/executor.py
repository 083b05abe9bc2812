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
from typing import Any

from curation.store.app import PLUGIN
from curation.store.lazy import fo

PAUSE = 0.5
"""Seconds between two looks at the queue."""

ENDED = "The App was closed before this was done. Start it again: it goes on where it was."
KILLED = "Its process was killed, perhaps for want of memory. Start it again: it goes on."


def main() -> None:
    """Until standard input ends, or SIGTERM comes."""
    # An exit, so that the operation that runs is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_end_with_input, daemon=True).start()
    fo.config  # noqa: B018 - prepared before FiftyOne's operators are imported
    from fiftyone.operators.delegated import DelegatedOperationService

    service = DelegatedOperationService()
    while True:
        for operation in _next(service):
            _run(service, operation)
        time.sleep(PAUSE)


def _end_with_input() -> None:
    """However the App's process ended, the pipe from it is closed then."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


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
    from fiftyone.operators.executor import ExecutionResult, ExecutionRunState

    def unless_done(reason: str) -> None:
        """Of one that is still called running nobody else would ever say that it is not."""
        service.set_failed(
            operation.id,
            result=ExecutionResult(error=reason),
            required_state=ExecutionRunState.RUNNING,
        )

    try:
        result = service.execute_operation(operation, log=True, monitor=True)
    except SystemExit:
        unless_done(ENDED)
        raise
    if result is not None:  # None where another executor was faster
        unless_done(KILLED)


if __name__ == "__main__":
    main()
