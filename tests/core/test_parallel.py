"""Many items in worker processes, and whatever may go wrong with a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.core import parallel
from curation.core.errors import CurateError, FormatError
from curation.core.parallel import ordered


def later(longest: float, item: int) -> tuple[int, int]:
    """The item, and who worked on it: the first items take longest."""
    time.sleep(longest / (item + 1))
    return item, os.getpid()


def fail(kind: str, item: int) -> int:
    """Fails in another process, from the third item that it is given on."""
    if item < 2 or multiprocessing.parent_process() is None:
        time.sleep(0.02)
        return item
    if kind == "value":
        raise ValueError("no such thing")
    if kind == "format":
        raise FormatError("a.csv", "was changed while it was read", where="7")
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_results_come_in_the_order_of_the_items_from_this_and_other_processes():
    results = list(ordered(later, 0.5, range(300), images=10**6))
    assert [item for item, _ in results] == list(range(300))
    assert {worker for _, worker in results} > {os.getpid()}


@pytest.mark.parametrize("items", [1, 2])
def test_items_that_are_done_before_another_process_has_started_are_all_there(items):
    assert list(ordered(pow, 2, range(items), images=10**6)) == [1, 2][:items]


def test_no_items_give_no_results():
    assert list(ordered(later, 0, [], images=10**6)) == []


def test_items_are_taken_no_further_ahead_than_memory_allows():
    taken: list[int] = []
    items = (taken.append(item) or item for item in range(100))
    bound = (parallel.workers() - 1) * parallel.AHEAD + 1
    results = ordered(later, 0.5, items, images=10**6)
    for consumed in range(1, 101):
        next(results)
        assert len(taken) <= consumed + bound
    assert len(taken) == 100
    assert next(results, None) is None


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("value", ValueError, "no such thing"),
        ("format", FormatError, "a.csv:7: was changed while it was read"),
        ("killed", CurateError, "a worker process was killed, .*; run the command again"),
    ],
)
def test_what_ends_the_function_in_a_worker_is_raised_here(kind, error, reason):
    with pytest.raises(error, match=reason):
        list(ordered(fail, kind, range(500), images=10**6))


def test_results_before_the_failure_arrive():
    results = ordered(fail, "value", range(500), images=10**6)
    assert [next(results), next(results)] == [0, 1]


def test_a_caller_who_stops_early_leaves_no_process_behind():
    results = ordered(later, 0.05, range(1000), images=10**6)
    workers = {next(results)[1] for _ in range(100)} - {os.getpid()}
    assert workers
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 5  # what waited was not worked on
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_workers_end_with_a_caller_who_was_killed():
    """Nobody is left to close anything: for want of memory the kernel kills one process."""
    code = (
        "from curation.core.parallel import ordered; from tests.core.test_parallel import later\n"
        "if __name__ == '__main__':\n"
        "    for _ in ordered(later, 0.1, range(10**6), images=10**6):\n"
        "        print('working', flush=True)"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as caller:
        assert caller.stdout.readline() == b"working\n"
        caller.kill()
        caller.communicate(timeout=20)  # the workers hold the pipe open, too
