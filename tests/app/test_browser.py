"""The App as a curator first sees it, in a real browser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from playwright.sync_api import expect

from curation.store.app_config import OPACITY
from curation.store.results import SUSPECTS
from curation.store.tiles import SUSPECT_SOURCE_LABELS
from tests.app import browser
from tests.app.dataset import RUN, build

pytestmark = browser.MARKS


NOTHING = "tags"
"""There are none. With no field at all the App falls back to all labels."""


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[fo.Dataset]:
    """Drawn figures, imported, remapped, predicted, flagged."""
    name = f"figures-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path / "photos")
    fo.delete_dataset(name)


def classes(dataset: fo.Dataset) -> dict[str, str]:
    return {c.name: c.color for c in dataset.taxonomy.classes}


def draw_only(dataset: fo.Dataset, *paths: str, opacity: float = OPACITY) -> None:
    dataset.samples.app_config.active_fields = fo.ActiveFields(paths=list(paths))
    dataset.samples.app_config.color_scheme.opacity = opacity
    dataset.samples.save()


def tiles(dataset: fo.Dataset) -> np.ndarray:
    with browser.opened(dataset) as page:
        return browser.pixels(page.locator("[data-cy=fo-grid]"))


def test_the_first_look(dataset: fo.Dataset) -> None:
    with browser.opened(dataset) as page:
        legend = page.locator("[data-cy=panel-content-curate_legend]")
        text = legend.inner_text()
        swatches = browser.pixels(legend)
        assert page.locator("[data-cy=looker]").count() == len(dataset)
        page.locator("[data-cy=looker]").first.click(position={"x": 60, "y": 150})
        page.locator("#modal canvas").first.wait_for()
        browser.settle(page)
    for name, color in classes(dataset).items():
        assert f"{name} {len(dataset.samples.match({'labels.detections.label': name})):,}" in text
        assert browser.count_color(swatches, color) > 200, name


def test_labels_and_prediction_are_drawn_without_a_click(dataset: fo.Dataset) -> None:
    first = tiles(dataset)
    draw_only(dataset, NOTHING)
    images = tiles(dataset)
    changed = (abs(first - images) > 8).any(axis=-1)
    for name, color in classes(dataset).items():
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        fill = images * (1 - OPACITY) + rgb * OPACITY
        filled = changed & (abs(first - fill) <= 12).all(axis=-1)
        edges = browser.count_color(first[changed & ~filled], color, within=60)
        assert filled.sum() > 100, name
        assert edges > 40, name


@pytest.mark.parametrize("path", ["labels", f"outline_{RUN}"])
def test_drawn_in_the_colors_of_the_taxonomy(dataset: fo.Dataset, path: str) -> None:
    draw_only(dataset, NOTHING)
    images = tiles(dataset)
    draw_only(dataset, path, opacity=1)  # a fill that lets the photo through has another colour
    drawn = tiles(dataset)
    changed = (abs(drawn - images) > 24).any(axis=-1)
    used = dataset.samples.distinct(
        f"{path}.{'detections' if path == 'labels' else 'polylines'}.label"
    )
    assert {"upper-body", "lower-body", "feet"} <= set(used)
    for name, color in classes(dataset).items():
        seen = browser.count_color(drawn[changed], color, within=40)
        assert (seen > 20) == (name in used), (name, seen)


def test_relabel_in_the_open_image(dataset: fo.Dataset) -> None:
    sample = dataset.samples.load_saved_view(SUSPECTS).first()
    suspect = max(sample.labels.detections, key=lambda d: d.error_score)
    assert suspect.label != suspect.suggested_label
    height, width = sample.metadata.height, sample.metadata.width
    before, after = (classes(dataset)[n] for n in (suspect.label, suspect.suggested_label))
    draw_only(dataset, "labels", opacity=1)
    with browser.opened(dataset) as page:
        page.locator("[data-cy=looker]").first.click(position={"x": 60, "y": 150})
        image = page.locator("#modal [data-cy=modal-looker-container]")
        image.locator("canvas").first.wait_for()
        browser.settle(page)
        old = browser.pixels(image)
        browser.click_in_image(page, *inside(suspect), width, height)
        page.locator("#modal").get_by_text("Relabel", exact=True).click()
        # The first decision in a browser: the name is asked for, once.
        page.get_by_text("Your name, which").locator("xpath=following::input[1]").fill("anna")
        page.get_by_role("button", name="OK").click()
        page.get_by_role("button", name="Relabel (Ctrl+Enter)").click()
        toast = f"{suspect.label} in {sample.image_id} is {suspect.suggested_label} now."
        page.get_by_text(toast).first.wait_for()
        page.get_by_text(toast).first.wait_for(state="hidden")
        browser.settle(page)
        new = browser.pixels(image)
    decision = dataset.journal.read()[-1]
    assert (decision.action, decision.instance_id) == ("relabel", suspect.id)
    assert decision.reviewer == "anna"
    assert decision.category == suspect.suggested_label
    dataset.samples.reload()
    labels = {d.id: d.label for d in dataset.samples[sample.id].labels.detections}
    assert labels[suspect.id] == suspect.suggested_label
    # The open photo shows it at once, in the other colour.
    assert browser.count_color(old, before) - browser.count_color(new, before) > 5000
    assert browser.count_color(new, after) - browser.count_color(old, after) > 5000


def test_tiles_leave_the_grid_once_they_are_decided_on(dataset: fo.Dataset) -> None:
    with browser.opened(dataset, SUSPECT_SOURCE_LABELS) as page:
        page.evaluate("localStorage['curate-reviewer'] = 'anna'")
        grid = page.locator("[data-cy=looker]")
        before = grid.count()
        for tile in (grid.nth(0), grid.nth(1)):
            tile.hover()
            tile.locator("[data-cy=looker-checkbox-input-]").wait_for(state="attached")
            tile.click(position={"x": 14, "y": 14})
        legend = page.locator("[data-cy=panel-content-curate_legend]")
        legend.get_by_text("Keep", exact=True).click()
        page.get_by_text("Kept 2 garments.").first.wait_for()
        expect(grid).to_have_count(before - 2)
    said = [(d.reviewer, d.action) for d in dataset.journal.read()]
    assert said == [("anna", "keep")] * 2


def inside(detection: fo.Detection) -> tuple[float, float]:
    """A point well inside the mask, relative to the photo."""
    import cv2

    padded = np.pad(detection.mask.astype(np.uint8), 1)
    row, column = np.unravel_index(
        cv2.distanceTransform(padded, cv2.DIST_L2, 5).argmax(), padded.shape
    )
    left, top, width, height = detection.bounding_box
    rows, columns = detection.mask.shape
    return left + (column - 0.5) / columns * width, top + (row - 0.5) / rows * height
