"""The App itself: its server, its address, and the plugin that it has to find."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from importlib import util
from pathlib import Path
from types import ModuleType

from curation.core import atomic
from curation.core.errors import CurateError
from curation.store import database
from curation.store.app_config import WORKSPACE
from curation.store.dataset import Dataset
from curation.store.lazy import fo
from curation.store.results import SUSPECTS

ADDRESS = "127.0.0.1"
PLUGIN = "@curate/curate"
SAM2_FROM = "FIFTYONE_MODEL_WEIGHTS_BASE_SAM2"
"""FiftyOne's variable for where its editor finds the weights of SAM 2."""
PLUGIN_FOLDER = Path(__file__).resolve().parents[2] / "plugins" / "curate"
"""Beside the package, in a checkout and in an installation alike."""

EXECUTOR_LOG = "executor.log"

BUNDLE = "curate.js"
SCRIPTS = (
    "style.js", "server.js", "page.js", "draw.js", "filters.js", "pictures.js", "decisions.js",
    "queue.js", "actions.js", "view.js", "one.js", "picker.js", "wall.js", "menus.js", "panel.js",
    "to_queue.js", "show.js", "buttons.js", "press.js",
)  # fmt: skip
"""What the bundle is made of, in this order: FiftyOne loads one file of a plugin."""

APP_SETTINGS = {
    # From 0 (tiny tiles) to 10; at 8 the outlines can be told from the fills.
    "FIFTYONE_APP_GRID_ZOOM": "8",
    # Without it the App's forms offer FiftyOne Enterprise in place of the button that queues.
    "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true",
}

_SHIM = '''"""Written by curate, so that FiftyOne finds the plugin that was installed with it."""

from curation.store.app import load_plugin

register = load_plugin().register
'''


def address(
    dataset: Dataset, port: int, view: str | None = SUSPECTS, workspace: str = WORKSPACE
) -> str:
    """Where a server on this port shows the dataset: in a saved layout, on a saved view."""
    import fiftyone.core.utils as fou

    slug = fou.to_slug(workspace)
    url = f"http://{ADDRESS}:{port}/datasets/{dataset.name}?workspace={slug}"
    if view and dataset.samples.has_saved_view(view):
        url += f"&view={fou.to_slug(view)}"
    return url


@contextmanager
def server(port: int) -> Iterator[subprocess.Popen]:
    """The App's server in a process of its own, up and answering; it ends with the block.

    Raises:
        CurateError: the port is taken, or the server does not come up
    """
    where = f"{ADDRESS}:{port}"
    if _answers(port):
        raise CurateError(where, "an App answers there already; end it, or use --port")
    environment = {**APP_SETTINGS, **os.environ}
    with tempfile.TemporaryFile() as log:
        command = ["-m", "fiftyone.server.main", "--port", str(port), "--address", ADDRESS]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, *command], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(process, port, where, log)
            yield process
        finally:
            _end(process)


@contextmanager
def executor() -> Iterator[subprocess.Popen]:
    """What runs the operations that the App queues: a process that ends with the block.

    What it has to say, and what an operation logs, is in ``executor.log`` in curate's folder.
    """
    log = database.home() / EXECUTOR_LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "curation.store.executor"],
            stdin=subprocess.PIPE,  # it ends when this does, even where we are killed
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C is for us
        )
    try:
        yield process
    finally:
        _end(process)
        if process.stdin:
            process.stdin.close()


def serve(dataset: Dataset, port: int, workspace: str = WORKSPACE, browser: bool = True) -> None:
    """Shows the dataset, and runs what the App queues, until Ctrl+C.

    Args:
        workspace: one of those that :mod:`curation.store.app_config` saves

    Raises:
        CurateError: the port is taken, or the server does not come up
    """
    install_plugin()
    # A plain kill, too, must take the server along, or it would hold the port.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server(port) as process, executor():
        # The panel shows the suspects itself: the grid behind it has all photos.
        view = SUSPECTS if workspace == WORKSPACE else None
        url = address(dataset, port, view, workspace)
        print(url, flush=True)
        if browser:
            webbrowser.open(url)
        try:
            process.wait()
        except KeyboardInterrupt:
            return
    raise CurateError(f"{ADDRESS}:{port}", "the App's server has ended by itself")


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def load_plugin() -> ModuleType:
    """The package in ``plugins/curate``.

    It is loaded by its place: the name ``plugins`` belongs to FiftyOne, whose
    wheel brings a top-level package of that name.
    """
    name = "curate_plugin"
    if name not in sys.modules:
        spec = util.spec_from_file_location(name, PLUGIN_FOLDER / "__init__.py")
        if spec is None or spec.loader is None:
            raise CurateError(PLUGIN_FOLDER, "is not there; install curate again")
        sys.modules[name] = module = util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def installed_plugin(plugins_dir: Path | None = None) -> Path:
    """The folder in FiftyOne's plugins folder that leads to the plugin."""
    return Path(plugins_dir or fo.config.plugins_dir) / "curate"


def install_plugin(plugins_dir: Path | None = None) -> Path:
    """Puts a folder that leads to the plugin into FiftyOne's plugins folder.

    Idempotent; an older folder is replaced as a whole.

    Returns:
        the folder
    """
    target = installed_plugin(plugins_dir)
    base = target.parent
    base.mkdir(parents=True, exist_ok=True)
    files = {
        "__init__.py": _SHIM.encode(),
        "fiftyone.yml": (PLUGIN_FOLDER / "fiftyone.yml").read_bytes(),
        BUNDLE: _bundle().encode(),
    }
    if all((target / k).is_file() and (target / k).read_bytes() == v for k, v in files.items()):
        return target
    # A hidden folder, which FiftyOne passes over, should it look just now.
    with atomic.scratch(base) as part:
        fresh = part / "new"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        if target.is_symlink():
            target.unlink()
        elif target.exists():
            target.rename(part / "old")
        fresh.rename(target)
    return target


def _bundle() -> str:
    """The scripts as one, which share their names and show the page none of them."""
    scripts = [(PLUGIN_FOLDER / "js" / name).read_text("utf-8") for name in SCRIPTS]
    return "\n".join(['(() => {\n"use strict";', *scripts, "})();\n"])


def plugin_visible() -> bool:
    """Whether an App that is started now would show curate's operators."""
    fo.config  # noqa: B018 - prepared before FiftyOne's plugins are imported
    import fiftyone.plugins as fop

    return any(plugin.name == PLUGIN for plugin in fop.list_plugins(builtin="all"))


def sam2_address() -> str:
    """Where FiftyOne's editor loads the weights of SAM 2 from."""
    fo.config  # noqa: B018 - prepared before FiftyOne's server is imported
    from fiftyone.server.routes.runtime_assets import DEFAULT_MODEL_URLS

    return os.environ.get(SAM2_FROM) or DEFAULT_MODEL_URLS["sam2"]


def _answers(port: int) -> bool:
    connection = HTTPConnection(ADDRESS, port, timeout=2)
    try:
        connection.request("GET", "/fiftyone")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):  # nothing there, or something that speaks no HTTP
        return False
    finally:
        connection.close()


def _wait(process: subprocess.Popen, port: int, where: str, log) -> None:
    until = time.monotonic() + 60
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-1:]
            raise CurateError(where, f"the App's server did not come up: {' '.join(last)}")
        time.sleep(0.2)
