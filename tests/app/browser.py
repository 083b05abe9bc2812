"""A headless browser on the App: open it, wait until the screen stands still, look at pixels."""

from __future__ import annotations

import atexit
import io
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from curation.store import app
from curation.store.results import SUSPECTS

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    # Only a laptop may lack it: .ci/run installs it, so in CI its absence is an error.
    pytest.mark.skipif(
        not CHROMIUM.exists() and "CI" not in os.environ,
        reason=f"no {CHROMIUM}: apt-get install chromium",
    ),
]
"""Of every test of the App."""

SIZE = {"width": 1600, "height": 1000}

PATIENCE = 120
"""Seconds in which anything happens, on a machine that is busy with other things too."""


@contextmanager
def opened(dataset: fo.Dataset, view: str | None = SUSPECTS) -> Iterator[Page]:
    """The App on a dataset, in a profile of its own, settled."""
    port = served()
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        context = chromium.new_context(viewport=SIZE)
        context.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        # Only the fonts: a handler on every request would hold back the App's event stream.
        page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
        page.goto(app.address(dataset, port, view))
        page.locator("[data-cy=looker] canvas").first.wait_for()
        page.locator("[data-cy=panel-content-curate_legend]").wait_for()
        settle(page)
        yield page
        chromium.close()


@cache
def served() -> int:
    """The port of one server for all tests of this process: it takes longer to start than they."""
    app.install_plugin()
    port = free_port()
    running = ExitStack()
    running.enter_context(app.server(port))
    atexit.register(running.close)
    return port


def settle(page: Page) -> None:
    """Waits until two looks in succession, half a second apart, are the same.

    Raises:
        TimeoutError: it goes on changing
    """
    before, until = b"", time.monotonic() + PATIENCE
    while (now := page.screenshot()) != before:
        if time.monotonic() > until:
            raise TimeoutError(f"the screen still changes after {PATIENCE} s")
        before = now
        time.sleep(0.5)


def pixels(where: Page | Locator) -> NDArray[np.int16]:
    """(H, W, 3) of a screenshot."""
    picture = Image.open(io.BytesIO(where.screenshot())).convert("RGB")
    return np.asarray(picture, dtype=np.int16)


def count_color(picture: NDArray[np.int16], color: str, within: int = 12) -> int:
    """Pixels whose red, green and blue are each near those of ``#rrggbb``."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return int((abs(picture - wanted) <= within).all(axis=-1).sum())


def click_in_image(page: Page, x: float, y: float, width: int, height: int) -> None:
    """Clicks at relative (x, y) of the open photo, which is ``width`` by ``height`` pixels."""
    box = page.locator("#modal [data-cy=modal-looker-container] canvas").first.bounding_box()
    assert box
    scale = min(box["width"] / width, box["height"] / height)
    left = box["x"] + (box["width"] - width * scale) / 2
    top = box["y"] + (box["height"] - height * scale) / 2
    page.mouse.move(left + x * width * scale, top + y * height * scale)
    page.mouse.click(left + x * width * scale, top + y * height * scale)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((app.ADDRESS, 0))
        return probe.getsockname()[1]
