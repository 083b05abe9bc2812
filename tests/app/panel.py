"""The review panel as its tests see it: what is on screen, what is pressed, what it comes to."""

from __future__ import annotations

from collections.abc import Callable

import fiftyone as fo
from playwright.sync_api import Page, expect

from curation.review.keys import KEYS
from tests.app import browser


class Panel:
    """The review panel in one browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("[data-review]")
        self.status = page.locator(".curate [role=status]")
        self.progress = page.locator("[data-progress]")

    @property
    def suspect(self) -> str:
        """The id of what is on screen, once it can be decided on and all before is saved."""
        expect(self.root).to_have_attribute("data-pending", "0")
        self.page.locator("[data-action=delete]:enabled").wait_for()
        return self.root.get_attribute("data-id") or ""

    def key(self, action: str) -> None:
        self.page.keyboard.press({" ": "Space"}.get(KEYS[action], KEYS[action]))

    def button(self, action: str) -> None:
        self.page.locator(f"[data-action={action}]").click()

    def menu(self, title: str, answer: str) -> None:
        self.page.get_by_label(title, exact=True).select_option(answer)

    def color(self, picture: str, color: str) -> int:
        """Pixels of about this colour in one of the pictures."""
        drawn = browser.pixels(self.page.locator(f"[data-picture={picture}]"))
        return browser.count_color(drawn, color, within=40)


Opened = Callable[..., Panel]


def journal(dataset: fo.Dataset) -> list[tuple[str, str, str]]:
    """Who did what to which label."""
    return [(d.reviewer, d.action, d.instance_id) for d in dataset.journal.read()]


def sample_of(dataset: fo.Dataset, label_id: str) -> fo.Sample:
    return next(s for s, d in labels_of(dataset) if d.id == label_id)


def image_of(dataset: fo.Dataset, label_id: str) -> str:
    return sample_of(dataset, label_id).image_id


def label_of(dataset: fo.Dataset, label_id: str) -> fo.Detection | None:
    found = (d for _, d in labels_of(dataset, ("labels",)) if d.id == label_id)
    return next(found, None)


def labels_of(dataset: fo.Dataset, fields=("labels", "missing_r1")):
    dataset.samples.reload()
    for sample in dataset.samples:
        for field in fields:
            for detection in sample[field].detections if sample[field] else ():
                yield sample, detection
