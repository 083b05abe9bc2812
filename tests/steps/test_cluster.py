"""Verbs on a Dask cluster write what they write on this machine alone."""

from __future__ import annotations

import re
import shutil

import pytest
from click.testing import CliRunner

from curation import store
from curation.cli import main
from curation.core import cluster
from curation.demo import run as demo
from curation.store import database
from tests.clusters import two_workers
from tests.steps.scenes import lose

HERE, THERE = "test-here", "test-there"

ON_LABELS = """
import imaterialist NAME --annotations train.csv --images photos
remap NAME --taxonomy supercategories
audit NAME
export NAME NAME-tfrecord --size 64
export NAME NAME-masks --format masks
export NAME NAME-yolo --format yolo-seg
"""
ON_A_RUN = """
predict NAME --run r1 --probabilities
flag NAME --run r1
"""

OF_ITS_OWN = r"lock$|folder.id|/runs/r1/(models|logs)/|config.toml|/features/"
"""Files that have the name of the dataset or of what it was trained on, or no bytes, or whose
order is that in which verbs asked."""


@pytest.fixture
def used(tmp_path, monkeypatch):
    """Names of the functions that were done by a cluster."""
    demo.draw(tmp_path, 16)
    monkeypatch.chdir(tmp_path)
    names, real = set(), cluster._ordered
    monkeypatch.setattr(
        cluster, "_ordered", lambda *given: names.add(given[2].__name__) or real(*given)
    )
    for name in (HERE, THERE):
        lose(name)
    yield names
    for name in (HERE, THERE):
        lose(name)


def curate(lines, name, *more):
    for line in lines.strip().splitlines():
        words = line.replace("NAME", name).split()
        more_of_it = () if words[0] == "remap" else more
        done = CliRunner().invoke(main, [*words, *more_of_it])
        assert done.exit_code == 0, (words, done.output, done.exception)


def written(name, folder):
    """The bytes of all that verbs wrote, but for the dataset's name."""
    places = [database.folder(name), *folder.glob(f"{name}-*")]
    files = [(place, p) for place in places for p in place.rglob("*") if p.is_file()]
    return {
        f"{place.name.removeprefix(name)}/{path.relative_to(place)}": path.read_bytes().replace(
            name.encode(), b""
        )
        for place, path in files
        if not re.search(OF_ITS_OWN, str(path))
    }


def assert_same_bytes(folder, least):
    here, there = written(HERE, folder), written(THERE, folder)
    assert here.keys() == there.keys()
    assert len(here) >= least
    assert [path for path, data in here.items() if there[path] != data] == []


@pytest.mark.slow
def test_labels_are_the_same_bytes_as_of_this_machine(tmp_path, used):
    curate(ON_LABELS, HERE)
    with two_workers(tmp_path / "dask") as address:
        curate(ON_LABELS, THERE, "--dask", address)
    assert used >= {"prepare_slice", "check", "_each"}
    assert_same_bytes(tmp_path, 15 + 3 * 16)


@pytest.mark.long
def test_what_a_run_sees_is_the_same_bytes_as_of_this_machine(tmp_path, used):
    for name in (HERE, THERE):
        curate("".join(ON_LABELS.splitlines(keepends=True)[:3]), name)
    curate("train NAME --run r1 --folds 2 --size 64 --steps 2", HERE)
    curate(ON_A_RUN, HERE)
    there = database.folder(THERE) / "runs" / "r1"
    # One seed gives one run but for rounding: the same models, and neither features nor
    # predictions of them.
    shutil.copytree(database.folder(HERE) / "runs" / "r1", there)
    for made in ("predictions", "confidence", "probabilities"):
        shutil.rmtree(there / made)
    with two_workers(tmp_path / "dask") as address:
        curate(ON_A_RUN, THERE, "--dask", address)
    assert used >= {"_encoded", "_write", "_extract_shard", "_suggest_shard"}
    assert_same_bytes(tmp_path, 3 * 16)


def test_a_cluster_that_is_not_there_is_one_sentence_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    done = CliRunner().invoke(main, ["audit", "test-nothing", "--dask", "tcp://127.0.0.1:9"])
    assert done.exit_code == 1
    assert "no Dask scheduler answers there" in done.output
    assert not store.exists("test-nothing")
