"""A verb in a real browser: its button, its form, its place in the queue, what came of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from curation import store
from curation.store import app, results
from curation.store.fields import DRAWN, IMAGES
from tests.app import browser
from tests.app.dataset import RUN, build

pytestmark = browser.MARKS


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[fo.Dataset]:
    name = f"queue-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path / "photos", images=4)
    fo.delete_dataset(name)


def flag_again(dataset: store.Dataset, photos: Path) -> None:
    """As another run's ``predict`` and ``flag`` in another process leave the dataset."""
    image_ids = dataset.samples.values("image_id")
    predicted = [(i, photos / f"{i}-{RUN}.png", photos / f"{i}-{RUN}.png") for i in image_ids]
    results.write_predictions(dataset, "r2", predicted)
    results.write_scores(dataset, "r2", [])


def export(page: Page, target: Path) -> Locator:
    """Schedules one, by its form; the legend."""
    legend = page.locator("[data-cy=panel-content-curate_legend]")
    legend.get_by_text("Export …").click()
    page.get_by_text("It replaces an earlier export there.").wait_for()
    page.locator("input[type=text]").last.fill(str(target))
    browser.settle(page)  # pressed at once, on a busy machine nothing was scheduled
    page.get_by_role("button", name="Schedule").click()
    return legend


def test_an_export_is_queued_in_the_legend_which_says_when_it_is_done(
    dataset: fo.Dataset, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    with app.executor(), browser.opened(dataset) as page:
        legend = export(page, target)
        done = f"Exported {dataset.name} to {target}"
        legend.get_by_text(done).wait_for()
    assert (target / "manifest.json").is_file()


def test_what_is_pressed_before_the_app_knows_how_is_done_once_and_stays_to_be_read(
    dataset: fo.Dataset,
) -> None:
    """FiftyOne shows a button that does nothing until the server has said how a form is sent."""

    def late(route: Route) -> None:
        time.sleep(2)
        route.continue_()

    with browser.opened(dataset) as page:
        page.route("**/operators/resolve-execution-options", late)
        legend = page.locator("[data-cy=panel-content-curate_legend]")
        legend.get_by_text("Audit", exact=True).click()
        page.get_by_role("button", name="Execute").click()
        audited = legend.get_by_text(f"Audited 4 photos of {dataset.name}")
        audited.wait_for()
        expect(page.locator("[data-cy=operators-prompt-modal]")).to_have_count(0)
        page.reload()
        audited.wait_for()
    assert (dataset.folder / "audit.csv").is_file()


def test_a_run_that_came_since_is_drawn_and_has_its_place_in_the_sidebar(
    dataset: store.Dataset, tmp_path: Path
) -> None:
    with browser.opened(dataset) as page:
        assert "outline_r2" not in page.locator("body").aria_snapshot()
        flag_again(dataset, tmp_path / "photos")
        legend = page.locator("[data-cy=panel-content-curate_legend]")
        legend.get_by_text("Remap …").click()
        page.get_by_role("combobox").first.click()
        page.get_by_role("option", name="supercategories", exact=True).click()
        page.get_by_role("button", name="Execute").click()
        legend.get_by_text("Remapped").wait_for()
        page.get_by_text("outline_r2").first.wait_for()
        seen = [line.strip() for line in page.locator("body").aria_snapshot().splitlines()]
    tags, drawn, images = (seen.index(f"- textbox: {x.upper()}") for x in ("tags", DRAWN, IMAGES))
    r2 = seen.index("- text: outline_r2")
    assert tags < drawn < r2 < images
    assert seen[r2 - 1] == "- checkbox [checked]"


def test_why_one_failed_is_said_within_the_legend(dataset: fo.Dataset, tmp_path: Path) -> None:
    """A path has no place to break at."""
    target = tmp_path / ("a-long-name-" * 8)
    target.mkdir()
    (target / "mine.txt").write_text("not an export")
    with app.executor(), browser.opened(dataset) as page:
        legend = export(page, target)
        said = legend.get_by_text("Export failed:")
        said.wait_for()
        assert "is not empty" in legend.inner_text()
        room, text = legend.bounding_box(), said.locator("xpath=..").bounding_box()
        assert room and text
        assert text["x"] + text["width"] <= room["x"] + room["width"]
