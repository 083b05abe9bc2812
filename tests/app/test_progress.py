"""The progress panel in a real browser: plots that are drawn, and clicks that lead to the queue."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from curation.store import app, decisions, suspects
from curation.store.app_config import PANEL_WORKSPACE
from curation.store.decisions import Request
from tests.app import browser
from tests.app.dataset import build

pytestmark = browser.MARKS


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[fo.Dataset]:
    name = f"progress-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path / "photos")
    fo.delete_dataset(name)


@pytest.fixture
def page(dataset: fo.Dataset) -> Iterator[Page]:
    """The App in the review panel, as anna's."""
    port = browser.served()
    failures: list[str] = []
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=browser.CHROMIUM, headless=True, args=browser.FLAGS
        )
        page = chromium.new_page(viewport=browser.SIZE)
        page.set_default_timeout(1000 * browser.PATIENCE)
        page.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        page.add_init_script("localStorage['curate-reviewer'] = 'anna'")
        page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(app.address(dataset, port, None, PANEL_WORKSPACE))
        page.locator("[data-review]").wait_for()
        yield page
        chromium.close()
    assert failures == []


def test_a_click_on_a_plot_leads_into_the_queue(dataset: fo.Dataset, page: Page) -> None:
    one, other = [s for s in suspects.read(dataset) if s.kind == "wrong category"][:2]
    relabel = Request("relabel", one.image_id, one.id, one.suggested)
    decisions.decide(dataset, [relabel], "anna")
    progress(page, "1 decided")
    click(page, plot(page, 3).locator(".heatmap-label").first)
    pair = f"labelled {one.label}, looks like {one.suggested}"
    expect(page.get_by_label("pair", exact=True)).to_have_value(pair)

    # It is drawn anew whenever its tab is opened.
    decisions.decide(dataset, [Request("keep", other.image_id, other.id)], "anna")
    progress(page, "2 decided")
    left = plot(page, 0).locator(".trace").nth(2)
    click(page, left.locator(".point path").last)
    expect(page.get_by_label("kind", exact=True)).to_have_value("source label")
    expect(page.get_by_label("pair", exact=True)).not_to_have_value(pair)

    # And while it is open.
    progress(page, "2 decided")
    decisions.undo(dataset, "anna")
    expect(page.get_by_text("1 decided · ")).to_be_visible()


def progress(page: Page, headline: str) -> None:
    page.get_by_text("Progress", exact=True).click()
    expect(page.get_by_text(f"{headline} · ")).to_be_visible()
    plot(page, 4).wait_for()
    browser.settle(page)


def plot(page: Page, number: int) -> Locator:
    return page.locator(".js-plotly-plot").nth(number)


def click(page: Page, where: Locator) -> None:
    """Clicks on what Plotly drew, which lies under its own layer for the mouse."""
    box = where.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_timeout(300)  # until Plotly knows what is under the mouse
    page.mouse.click(x, y)
