"""What the legend lists: what runs, what waits, and what came of the last operations."""

from __future__ import annotations

from fiftyone.operators.executor import ExecutionResult

from tests.plugins.test_verbs import (  # noqa: F401 - fixtures
    at,
    dataset,
    plugin,
    queue,
    service,
    work,
)


def test_what_runs_is_listed_whatever_waits_behind_it_and_as_the_newest_once_it_is_done(
    dataset,  # noqa: F811
    service,  # noqa: F811
    tmp_path,
):
    first, *others = [
        queue("export", dataset, format="coco", folder=at(tmp_path / str(i))) for i in range(5)
    ]
    service.set_running(first)
    listed = {one.key: one.says for one in work().recent(dataset)}
    waiting = dict.fromkeys(map(str, others), "waits for its turn")
    assert listed == {str(first): "begins", **waiting}
    for operation in (*others, first):
        service.set_completed(operation, result=ExecutionResult({"message": "done"}))
    keys = [one.key for one in work().recent(dataset)]
    assert keys == [str(first), str(others[-1]), str(others[-2])]
