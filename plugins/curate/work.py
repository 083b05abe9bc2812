"""How far queued operations are. FiftyOne's own App says that one was queued, and no more."""

from __future__ import annotations

from fiftyone.factory import DelegatedOperationPagingParams
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionRunState

from curation.store.app import PLUGIN

SHOWN = 3
BUSY = (ExecutionRunState.QUEUED, ExecutionRunState.RUNNING)


def recent(samples) -> list:
    """The last operations of curate on a dataset of FiftyOne's, the newest first."""
    return DelegatedOperationService().list_operations(
        dataset_id=samples._doc.id,
        search={f"^{PLUGIN}/": ["operator"]},
        paging=DelegatedOperationPagingParams(limit=SHOWN),
    )


def title(operation) -> str:
    """What it is, and whether it failed."""
    failed = operation.run_state == ExecutionRunState.FAILED
    return f"{operation.label} failed:" if failed else f"{operation.label}:"


def state(operation) -> str:
    """Where it is, or what came of it, in a sentence."""
    if operation.run_state == ExecutionRunState.QUEUED:
        return "waits for its turn"
    if operation.run_state == ExecutionRunState.RUNNING:
        return operation.status.label if operation.status else "begins"
    result = operation.result
    if operation.run_state == ExecutionRunState.FAILED:
        return result.error if result else "failed"
    return result.result["message"] if result else "done"
