"""The review panel in real browsers, each with a profile of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from curation.store import app
from curation.store.app_config import PANEL_WORKSPACE
from tests.app import browser
from tests.app.dataset import build
from tests.app.panel import Opened, Panel

expect.set_options(timeout=1000 * browser.PATIENCE)

CLOSED_EARLY = "entry is loading"
"""What FiftyOne raises where a photo is closed before it is there, as on a busy machine."""


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[fo.Dataset]:
    """In even photos a wrong label, in odd ones a missing garment, in all of them doubted shoes."""
    name = f"panel-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path / "photos", images=12)
    fo.delete_dataset(name)


@pytest.fixture(scope="module")
def where() -> Iterator[tuple[Browser, int]]:
    """A browser, and the port of an App; they are started once."""
    with sync_playwright() as play:
        started = play.chromium.launch(
            executable_path=browser.CHROMIUM, headless=True, args=browser.FLAGS
        )
        yield started, browser.served()
        started.close()


@pytest.fixture
def opened(dataset: fo.Dataset, where: tuple[Browser, int]) -> Iterator[Opened]:
    """Opens the panel, in a profile of its own for each reviewer."""
    chromium, port = where
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_panel(reviewer: str = "") -> Panel:
        context = chromium.new_context(viewport=browser.SIZE)
        context.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        if reviewer:
            context.add_init_script(f"localStorage['curate-reviewer'] = '{reviewer}'")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * browser.PATIENCE)
        page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(app.address(dataset, port, None, PANEL_WORKSPACE))
        page.locator("[data-review]").wait_for()
        return Panel(page)

    yield open_panel
    for context in contexts:
        context.close()
    assert [said for said in failures if said != CLOSED_EARLY] == []
