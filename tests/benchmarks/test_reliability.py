"""Every reader has an input to be damaged, and what is wrong with a trial is counted."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import psutil
import pytest

from curation.formats import registry
from tests.benchmarks import mutated_inputs, reliability

ROOT = Path(__file__).parents[2]


READ = [*(format_.name for format_ in registry.readers()), mutated_inputs.SIDE_FILES]


@pytest.mark.parametrize("what", READ)
def test_a_damaged_input_gives_labels_or_a_sentence(what, tmp_path):
    assert what in mutated_inputs.kinds(), "give it a sample in SAMPLES"
    for number, trial in enumerate(islice(mutated_inputs.trials(what, tmp_path), 40)):
        trial(random.Random(number))


def test_a_reader_without_a_sample_is_told(monkeypatch):
    monkeypatch.delitem(mutated_inputs.SAMPLES, "via")
    with pytest.raises(SystemExit, match="SAMPLES and the readers differ: via"):
        mutated_inputs.kinds()


def test_what_a_kill_cost_is_counted():
    whole = {"photos": [1, 2], "journal": []}
    assert reliability.differs(whole, whole) is None
    assert reliability.differs(whole, {"photos": [1], "journal": []}) == "lost: photos"
    assert reliability.differs(whole, {"photos": [1, 2, 2], "journal": []}) == "doubled: photos"


def test_a_row_counts_its_trials(capsys):
    told = [None, "lost: a photo", None, "left behind: .a.part"]
    tally = reliability.tallied("made up", 4, lambda count: iter(told), 1.0)
    assert (tally.trials, tally.lost, tally.left_behind, tally.doubled) == (4, 1, 1, 0)


WAITS = """
import time
from tests import conftest
((mongod, _, _),) = conftest._MONGOD
print(mongod.pid, flush=True)
time.sleep(60)
"""


def test_a_benchmark_that_is_ended_takes_its_database_along():
    command = [sys.executable, "-c", WAITS]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        mongod = psutil.Process(int(process.stdout.readline()))
        process.terminate()
        process.wait(30)
    assert not mongod.is_running()


@pytest.mark.long
@pytest.mark.parametrize("what", ["export", "round"])
def test_what_is_killed_over_an_export_and_a_round_ends_as_if_it_had_run_once(what):
    _, make = reliability.rows()[f"killed at random: {what}"]
    assert set(make(2)) == {None}
