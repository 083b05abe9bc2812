"""Who holds a lock, as another process is told."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from curation.core.alone import alone, held_by
from curation.core.errors import CurateError


def test_a_look_says_who_holds_it_and_lets_it_be(tmp_path):
    lock = tmp_path / "r1.lock"
    assert held_by(lock) == ""
    with alone(lock, "r1", "is being trained"):
        assert held_by(lock) == f"process {os.getpid()} on {platform.node()}"
        with pytest.raises(CurateError, match="r1: is being trained by process"):
            alone(lock, "r1", "is being trained").__enter__()
    assert held_by(lock) == ""
    with alone(lock, "r1", "is being trained"):
        pass


def test_who_was_killed_over_it_holds_it_no_more(tmp_path):
    (tmp_path / "r1.by").write_text(f"process {os.getpid()} on {platform.node()}")
    assert held_by(tmp_path / "r1.lock")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "r1.by").write_text(f"process {ended.pid} on {platform.node()}")
    assert held_by(tmp_path / "r1.lock") == ""


def test_whether_a_process_of_another_machine_runs_cannot_be_told(tmp_path):
    (tmp_path / "r1.by").write_text("process 1 on elsewhere")
    assert held_by(tmp_path / "r1.lock") == "process 1 on elsewhere"


def test_locks_that_keep_each_other_out_are_let_be_again(tmp_path):
    one, other = tmp_path / "1.lock", tmp_path / "2.lock"
    with alone(one, "r1", "is being flagged"), pytest.raises(CurateError, match="by process"):
        alone(other, "r1", "is being flagged", not_beside=[one]).__enter__()
    with (
        alone(other, "r1", "is being flagged", not_beside=[one]),
        alone(one, "r1", "is being flagged"),
    ):
        assert held_by(one)
