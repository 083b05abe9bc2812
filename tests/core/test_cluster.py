"""The same items on a Dask cluster, and whatever may go wrong with one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.core import cluster, parallel
from curation.core.errors import CurateError, FormatError
from curation.core.parallel import ordered
from tests.clusters import two_workers

pytestmark = pytest.mark.slow


def later(pause: float, item: int) -> tuple[int, int]:
    """The item, and who worked on it."""
    time.sleep(pause)
    return item, os.getpid()


def refuse(shared: None, item: int) -> int:
    raise FormatError("a.csv", "was changed while it was read", where="7")


def die(shared: int, item: int) -> int:
    if item == shared:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def told(shared: Path, item: Path) -> tuple[Path, Path]:
    return shared, item


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with two_workers(tmp_path_factory.mktemp("dask")) as found:
        yield found


def test_results_come_in_the_order_of_the_items_from_both_workers(address):
    with cluster.joined(address):
        results = list(ordered(later, 0.02, range(50), images=50))
    assert [item for item, _ in results] == list(range(50))
    assert len({worker for _, worker in results} - {os.getpid()}) == 2
    assert {worker for _, worker in ordered(later, 0, range(3), images=3)} == {os.getpid()}


def test_items_of_milliseconds_go_together_and_come_one_by_one(address):
    with cluster.joined(address):
        assert list(parallel.each(pow, 2, range(30), 30)) == [2**n for n in range(30)]


def test_items_are_taken_no_further_ahead_than_memory_allows(address):
    taken: list[int] = []
    items = (taken.append(item) or item for item in range(40))
    with cluster.joined(address):
        results = ordered(later, 0.01, items, images=40)
        for consumed in range(1, 41):
            next(results)
            assert len(taken) <= consumed + 2 * parallel.AHEAD
    assert len(taken) == 40


def test_what_the_function_raises_is_raised_here(address):
    with (
        cluster.joined(address),
        pytest.raises(FormatError, match=r"a.csv:7: was changed while it was read"),
    ):
        list(ordered(refuse, None, range(5), images=5))


def test_the_items_of_a_worker_that_was_killed_are_done_by_the_other(address):
    with cluster.joined(address):
        results = ordered(later, 0.05, range(60), images=60)
        first, worker = next(results)
        os.kill(worker, signal.SIGKILL)
        rest = list(results)
    assert [first, *(item for item, _ in rest)] == list(range(60))


def test_an_item_that_ends_every_worker_is_said(address):
    with cluster.joined(address), pytest.raises(CurateError, match=r"several workers died.*memory"):
        list(ordered(die, 3, range(5), images=5))


def test_a_relative_path_is_the_same_file_on_a_worker(address, tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    with cluster.joined(address):
        found = list(ordered(told, Path("a"), [Path("a/new.npz")], images=1))
    assert found == [(tmp_path / "a", tmp_path / "a" / "new.npz")]


def test_a_path_that_is_here_and_not_at_the_worker_is_said(tmp_path):
    packed, paths = cluster._packed((tmp_path / "a.jpg", tmp_path / "b.jpg"))
    assert paths == {tmp_path}
    about = cluster._about()
    gone = tmp_path / "photos"
    with pytest.raises(CurateError, match=r"worker on .*/photos is not there: mount it"):
        cluster._call(told, tmp_path, packed, {*paths, gone}, about)
    assert cluster._call(told, tmp_path, packed, paths, about)[0] == tmp_path


def test_a_worker_of_other_versions_is_said():
    about = cluster._about() | {"numpy": "1.0"}
    with pytest.raises(CurateError, match=r"has numpy \d.*, and not 1.0: install the same on both"):
        cluster._call(told, None, b"", (), about)


def test_an_address_at_which_nobody_listens_is_said_soon(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with (
        pytest.raises(CurateError, match=r"tcp://127.0.0.1:9: no Dask scheduler answers there"),
        cluster.joined("tcp://127.0.0.1:9"),
    ):
        pass


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(CurateError, match=r"needs Dask: pip install '.\[dask\]'"),
        cluster.joined("tcp://127.0.0.1:9"),
    ):
        pass


def started(words: list[str], folder: Path) -> subprocess.Popen:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words, "--no-dashboard"],
        cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_scheduler_that_was_killed_is_said_and_another_one_does_it_all(address, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = f"tcp://127.0.0.1:{port}"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port)]
    worker = ["worker", place, "--nworkers", "1", "--nthreads", "1", "--local-directory", tmp_path]
    for killed in (True, False):
        both = [started(words, tmp_path) for words in (scheduler, list(map(str, worker)))]
        wait_for(port)
        try:
            with cluster.joined(place):
                results = ordered(later, 0.05, range(40), images=40)
                next(results)
                if killed:
                    both[0].kill()
                    with pytest.raises(CurateError, match=r"not answer any more.*run the same"):
                        list(results)
                else:
                    assert [item for item, _ in results] == list(range(1, 40))
        finally:
            for process in both:
                process.terminate()
            for process in both:
                process.wait(20)


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    pytest.fail("no scheduler started")
