"""Every test run has its own database, its own home and its own plugins folder."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import hypothesis
import numpy as np
import psutil
import pytest
from filelock import FileLock
from PIL import Image

from curation.cli import doctor
from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.store import decisions
from tests import sigterm
from training.person import install


def _start_mongod(folder: Path) -> str:
    """A database of our own. FiftyOne would join any that this user has running, with its data."""
    binary = doctor.mongod_path()
    if not binary:
        raise SystemExit("no mongod: run `curate doctor`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "db").mkdir()
    options = ["--dbpath", folder / "db", "--port", str(port), "--bind_ip", "127.0.0.1"]
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(_end_mongod)  # first: the last that is registered
    sigterm.ends_in_order()
    _run_mongod([binary, *options, "--nounixsocket"], folder / "mongod.log")
    return f"mongodb://127.0.0.1:{port}"


def _run_mongod(command: list, log: Path) -> None:
    with log.open("a") as file:
        process = subprocess.Popen(command, stdout=file)
    _MONGOD[:] = [(process, command, log)]


_MONGOD: list = []
"""The one that runs: its process, how it was started, and its log."""


def _end_mongod() -> None:
    for process, _, _ in _MONGOD:
        process.terminate()
        process.wait()


@contextmanager
def mongod_away() -> Iterator[None]:
    """Without the database, as if its machine had lost its power; then it is there again."""
    ((process, command, log),) = _MONGOD
    process.kill()
    process.wait()
    yield
    _run_mongod(command, log)


# Before anything imports fiftyone, which connects while it is imported.
_ROOT = Path(tempfile.mkdtemp(prefix="curate-tests-"))
os.environ["FIFTYONE_PLUGINS_DIR"] = str(_ROOT / "plugins")
os.environ["FIFTYONE_DEFAULT_DATASET_DIR"] = str(_ROOT / "fiftyone")
os.environ["CURATE_HOME"] = str(_ROOT / "home")
os.environ["FIFTYONE_DATABASE_URI"] = _start_mongod(_ROOT)


def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: who tests the App, or kills, waits for a fifth of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, then those that build models, or one processor waits at the
    end for the other's last file."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (-slow[item.path], "training" not in item.path.parts))


# A machine that does something else for a moment is no failure.
hypothesis.settings.register_profile("curate", deadline=None)
hypothesis.settings.load_profile("curate")

SHARED = Path(__file__).parents[2] / "shared" / "data"


def lacking(reason: str) -> NoReturn:
    """Skips a test of what a laptop may lack. CI has it all, so there it fails."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_backend(name: str) -> None:
    """Skips a test of a Keras backend that is not here."""
    if find_spec(name) is None:
        lacking(f"{name} is not installed: make backends")


@pytest.fixture(scope="session")
def networks() -> Path:
    """The folder of the networks that see people."""
    folder = Path(__file__).parents[1] / ".venv" / ".person"
    if not install.installed(folder):
        lacking("the networks that see people are not installed: make person")
    return folder


@pytest.fixture
def real_data() -> Path:
    """The folder of real photos and labels that does not come with the project."""
    if not SHARED.is_dir():
        pytest.skip(f"real photos are not here: {SHARED}")
    return SHARED


@pytest.fixture
def images_folder(tmp_path: Path) -> Path:
    """Three small photos: a.jpg 6 wide and 4 high, b.png 5x5, 'c d.jpg' 4x6."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, (h, w) in {"a.jpg": (4, 6), "b.png": (5, 5), "c d.jpg": (6, 4)}.items():
        Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)).save(folder / name)
    return folder


def picture(*rows: str) -> np.ndarray:
    """A mask drawn by hand: '#' is inside."""
    return np.array([[c == "#" for c in row] for row in rows])


def record(path: Path, image_id: str = "", **masks: np.ndarray) -> ImageRecord:
    """A record with one instance for each keyword; '_' stands for a space in its category."""
    instances = tuple(Instance(k.replace("_", " "), rle.encode(m)) for k, m in masks.items())
    h, w = next(iter(masks.values())).shape
    return ImageRecord(image_id or path.stem, path, h, w, instances)


def decide(dataset, action: str, **values: str):
    """Takes one decision; the values are those of a request, and ``reviewer``."""
    who = values.pop("reviewer", "")
    request = decisions.Request(action, **values)
    (taken,) = decisions.decide(dataset, [request], who)
    return taken


@pytest.fixture
def one_own_mongod() -> Iterator[None]:
    """Of the tests that start FiftyOne's own database one at a time, whichever process runs it:
    FiftyOne joins any that this user has running."""
    with FileLock(Path(tempfile.gettempdir()) / f"curate-tests-own-mongod-{os.getuid()}.lock"):
        for _ in range(100):  # that of the test before may be ending
            running = (p.info["cmdline"] or () for p in psutil.process_iter(["cmdline"]))
            if not any("--51-service" in words for words in running):
                break
            time.sleep(0.2)
        else:  # on a laptop the App may be open; in CI it would be a test's that leaks
            lacking("another process of this user has started FiftyOne's own database")
        yield
