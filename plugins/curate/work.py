"""What runs and what came of it, as the legend lists it. FiftyOne's own App says that an operation
was queued, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from fiftyone.factory import DelegatedOperationPagingParams, SortByField
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionRunState
from fiftyone.operators.store import ExecutionStore

from curation import steps
from curation.core.errors import CurateError
from curation.store import Dataset
from curation.store.app import PLUGIN

SHOWN = 3
BUSY = (ExecutionRunState.QUEUED, ExecutionRunState.RUNNING)
ROUND = "Clean in rounds"
"""What a round is called that runs in a terminal."""

_STORE = "curate"
"""FiftyOne's store of what was done at once: one entry a verb."""


@dataclass(frozen=True)
class Work:
    """An operation.

    Attributes:
        key: by which the next look knows it again; ROUND of a round in a terminal
        name: of the operator; empty of what runs in a terminal
        title: what it is, and whether it failed
        says: where it is, or what came of it, in a sentence
        at: when it was asked for; once it is done, when it was; in UTC
        busy, failed: whether it waits or runs, and whether it failed
        queued: whether it ran in another process, so that nobody was told yet what came of it
    """

    key: str
    name: str
    title: str
    says: str
    at: datetime
    busy: bool = False
    failed: bool = False
    queued: bool = True


def recent(dataset: Dataset) -> list[Work]:
    """What waits or runs on a dataset, and the last operations of curate; the newest first."""
    service, ours = DelegatedOperationService(), {f"^{PLUGIN}/": ["operator"]}
    of_dataset = {"dataset_id": dataset.samples._doc.id, "search": ours}
    last = DelegatedOperationPagingParams(sort_by=SortByField.UPDATED_AT, limit=SHOWN)
    operations = service.list_operations(**of_dataset, paging=last)
    # The oldest runs first: many that are newer wait behind it, perhaps.
    operations += [
        o for state in BUSY for o in service.list_operations(**of_dataset, run_state=state)
    ]
    found = list({str(o.id): _queued(o) for o in operations}.values())
    newest = sorted([*found, *_at_once(dataset)], key=lambda one: one.at, reverse=True)
    listed = [one for i, one in enumerate(newest) if one.busy or i < SHOWN]
    if not any(one.busy and one.name == "round" for one in found):
        listed = [*_in_a_terminal(dataset), *listed]
    return listed


def note(dataset: Dataset, name: str, label: str, says: str, failed: bool = False) -> None:
    """Keeps what came of an operation that was done at once, in place of the last of its name."""
    told = {"label": label, "says": says, "failed": failed, "at": datetime.now(UTC).isoformat()}
    _store(dataset).set(name, told)


def _store(dataset: Dataset) -> ExecutionStore:
    return ExecutionStore.create(_STORE, dataset.samples._doc.id)


def _at_once(dataset: Dataset) -> list[Work]:
    store = _store(dataset)
    return [
        Work(
            f"{name} {told['at']}", name, _title(told["label"], told["failed"]), told["says"],
            datetime.fromisoformat(told["at"]).replace(tzinfo=None), failed=told["failed"],
            queued=False,
        )
        for name in store.list_keys()
        if (told := store.get(name))
    ]  # fmt: skip


def _queued(operation) -> Work:
    name = operation.operator.rpartition("/")[2]
    state = operation.run_state
    failed = state == ExecutionRunState.FAILED
    return Work(
        str(operation.id), name, _title(operation.label, failed), _says(operation),
        operation.completed_at or operation.failed_at or operation.queued_at, state in BUSY, failed,
    )  # fmt: skip


def _in_a_terminal(dataset: Dataset) -> list[Work]:
    """A round that `curate round` works on."""
    try:
        says = steps.round_at_work(dataset)
    except CurateError as error:
        says = str(error)
    now = datetime.now(UTC).replace(tzinfo=None)
    return [Work(ROUND, "", _title(ROUND, False), says, now, busy=True)] if says else []


def _title(label: str, failed: bool) -> str:
    return f"{label} failed:" if failed else f"{label}:"


def _says(operation) -> str:
    if operation.run_state == ExecutionRunState.QUEUED:
        return "waits for its turn"
    if operation.run_state == ExecutionRunState.RUNNING:
        return operation.status.label if operation.status else "begins"
    result = operation.result
    if operation.run_state == ExecutionRunState.FAILED:
        return result.error if result else "failed"
    return result.result["message"] if result else "done"
