import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.cli import doctor
from curation.core.errors import DatasetError
from curation.store import database, lazy

ROOT = Path(__file__).parents[2]


def test_a_dead_database_is_said_at_once_with_the_way_out(monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:9")
    with pytest.raises(DatasetError, match=r"127.0.0.1:9 does not answer .*unset FIFTYONE_DATA"):
        database.prepare()


def test_the_uri_of_fiftyones_config_file_counts_too(monkeypatch, tmp_path):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    config = tmp_path / "config.json"
    config.write_text('{"database_uri": "mongodb://somewhere"}')
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(config))
    assert database.database_uri() == "mongodb://somewhere"


def test_a_broken_config_file_is_no_uri(monkeypatch, tmp_path):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    config = tmp_path / "config.json"
    config.write_text("[]")
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(config))
    assert database.database_uri() is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"database_uri": ', "config.json: FiftyOne's settings cannot be read.*mend the file"),
        ('{"database_uri": 5}', "config.json:database_uri: 5 is no address"),
    ],
)
def test_a_damaged_config_file_is_named(monkeypatch, tmp_path, text, reason):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(tmp_path / "config.json"))
    with pytest.raises(DatasetError, match=reason):
        database.database_uri()


def test_an_outside_database_is_pinged_once_however_often_fiftyone_is_used(monkeypatch):
    pings: list[str] = []
    monkeypatch.setattr(database, "ping", lambda uri: pings.append(uri) or "")
    lazy._start.cache_clear()
    assert lazy.fo.config.database_uri
    assert lazy.fo.list_datasets is not None
    assert len(pings) == 1


STARTS = """
from fiftyone.core.service import Service
Service._wait_for_child_port.__defaults__ = None, 10  # seconds, and not a minute
from curation.store.lazy import fo
print(fo.list_datasets())
"""


@pytest.mark.long
def test_fiftyones_own_database_that_an_ending_one_kept_from_its_files_is_tried_again(
    tmp_path, one_own_mongod
):
    options = ["--dbpath", tmp_path, "--port", "0", "--bind_ip", "127.0.0.1", "--nounixsocket"]
    environment = {**os.environ, "FIFTYONE_DATABASE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    del environment["FIFTYONE_DATABASE_URI"]
    ending = subprocess.Popen([doctor.mongod_path(), *options], stdout=subprocess.DEVNULL)
    try:
        while not (tmp_path / "mongod.lock").exists() or not (tmp_path / "WiredTiger").exists():
            time.sleep(0.1)
        starting = subprocess.Popen(
            [sys.executable, "-c", STARTS], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        told = ""
        while "exited with error 100" not in told:  # FiftyOne's own words; it goes on waiting
            line = starting.stdout.readline()
            assert line, told
            told += line
    finally:
        ending.terminate()
        ending.wait()
    told = starting.communicate(timeout=120)[0]
    assert "FiftyOne's database did not start: trying once more." in told
    assert told.rstrip().endswith("[]")
    assert starting.returncode == 0
