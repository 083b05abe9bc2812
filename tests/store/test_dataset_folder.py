"""A database and folders on disk: which belong together, and what is said where they do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from curation import store
from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.store import database
from curation.store.write import write
from tests.conftest import picture

NAME = "test-dataset-folder"


@pytest.fixture
def dataset(tmp_path):
    store.delete(NAME)
    shutil.rmtree(database.folder(NAME), ignore_errors=True)
    Image.new("RGB", (6, 4), "red").save(tmp_path / "a.png")
    shirt = Instance("shirt, blouse", rle.encode(picture("###...", *["......"] * 3)), "t.csv:2")
    write(NAME, [ImageRecord("a", tmp_path / "a.png", 4, 6, (shirt,))])
    yield store.open(NAME)
    store.delete(NAME)


def elsewhere(home: Path, code: str) -> subprocess.CompletedProcess:
    """A few lines about the dataset in a process with another CURATE_HOME."""
    return subprocess.run(
        [sys.executable, "-c", f"from curation import cli, store\n{code}"], text=True, check=False,
        capture_output=True, env={**os.environ, "CURATE_HOME": str(home)},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


@pytest.mark.parametrize("verb", ["audit", "remap --taxonomy styles", "decisions"])
def test_a_machine_with_decisions_and_splits_of_its_own_is_refused(dataset, tmp_path, verb):
    verb, *options = verb.split()
    done = elsewhere(tmp_path / "home", f"cli.main({[verb, NAME, *options]})")
    assert done.returncode == 1
    assert f"its decisions, splits and runs are in {dataset.folder} on " in done.stderr
    assert f"{tmp_path / 'home' / NAME} here has none of it" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_was_moved_is_the_same(dataset, tmp_path):
    shutil.copytree(dataset.folder.parent, tmp_path / "home")
    done = elsewhere(tmp_path / "home", f"print(store.open({NAME!r}).folder)")
    assert done.stdout.strip() == str(tmp_path / "home" / NAME), done.stderr


def test_a_dataset_that_is_made_again_takes_the_folder_that_is_there(dataset):
    known = dataset.samples.info["curate"]["folder"]
    (dataset.folder / "decisions.csv").touch()
    store.delete(NAME)
    again = store.open_or_create(NAME)
    assert again.samples.info["curate"]["folder"] == known


def test_two_processes_that_open_a_new_dataset_agree(dataset, tmp_path):
    store.bulk.update_dataset(dataset.samples, {"$unset": {"info.curate.folder": ""}})
    (dataset.folder / "folder.id").unlink()
    lines = f"print(store.open({NAME!r}).samples.info['curate']['folder']['id'])"
    command = [sys.executable, "-c", f"from curation import store\n{lines}"]
    root = Path(__file__).parents[2]
    both = [
        subprocess.Popen(command, text=True, stdout=subprocess.PIPE, cwd=root) for _ in range(2)
    ]
    first, second = (process.communicate()[0].strip() for process in both)
    assert first == second == (dataset.folder / "folder.id").read_text().strip()
