"""A whole review in the panel, in real browsers: what is drawn, pressed, saved, and not saved."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import fiftyone as fo
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from curation.review.keys import KEYS
from curation.store import app, bulk, decisions
from curation.store.app_config import PANEL_WORKSPACE
from curation.store.decisions import Request
from tests.app import browser
from tests.app.dataset import build
from tests.conftest import mongod_away

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    # Only a laptop may lack it: .ci/run installs it, so in CI its absence is an error.
    pytest.mark.skipif(
        not browser.CHROMIUM.exists() and "CI" not in os.environ,
        reason=f"no {browser.CHROMIUM}: apt-get install chromium",
    ),
]

SECONDS = 20_000
"""Milliseconds in which anything of the panel happens on a busy machine."""


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[fo.Dataset]:
    """In even photos a wrong label, in odd ones a missing garment, in all of them doubted shoes."""
    name = f"panel-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path / "photos", images=12)
    fo.delete_dataset(name)


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
        expect(self.root).to_have_attribute("data-pending", "0", timeout=SECONDS)
        self.page.locator("[data-action=delete]:enabled").wait_for(timeout=SECONDS)
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
        page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(app.address(dataset, port, None, PANEL_WORKSPACE))
        page.locator("[data-review]").wait_for(timeout=60_000)
        return Panel(page)

    yield open_panel
    for context in contexts:
        context.close()
    assert failures == []


def journal(dataset: fo.Dataset) -> list[tuple[str, str, str]]:
    """Who did what to which label."""
    return [(d.reviewer, d.action, d.instance_id) for d in dataset.journal.read()]


@pytest.mark.parametrize("by", ["key", "button"])
def test_a_whole_review(dataset: fo.Dataset, opened: Opened, by: str) -> None:
    colors = {c.name: c.color for c in dataset.taxonomy.classes}
    panel = opened()
    page, press = panel.page, getattr(panel, by)
    page.get_by_label("Your name").fill("anna")
    page.keyboard.press("Enter")

    kept = panel.suspect
    label = _label(dataset, kept)
    assert label.label != label.suggested_label
    assert panel.color("given", colors[label.label]) > 500
    assert panel.color("right", colors[label.suggested_label]) > 500
    assert panel.color("given", colors[label.suggested_label]) < 50
    press("outlines")
    browser.settle(page)
    assert panel.color("given", colors[label.label]) < 50
    press("outlines")

    # Nothing fires while a text is written.
    name = page.get_by_label("file name")
    name.press_sequentially("figure-0k")
    name.press("Escape")
    expect(page.get_by_text("No suspect is left under this filter.")).to_be_visible()
    page.get_by_role("button", name="clear filters").first.click()
    assert panel.suspect == kept
    assert journal(dataset) == []

    press("keep")
    taken = panel.suspect
    press("suggest")
    by_digit = panel.suspect
    press("relabel")
    if by == "key":
        page.keyboard.press("4")
    else:
        page.locator(".picks button").nth(3).click()
    by_letters = panel.suspect
    press("relabel")
    page.keyboard.type("soc")
    if by == "key":
        page.keyboard.press("Enter")
    else:
        page.locator(".picks button", has_text="feet: sock").click()
    redrawn = panel.suspect
    press("redraw")
    excluded = _image(dataset, panel.suspect)
    press("exclude")
    added = panel.suspect
    press("add")
    skipped = panel.suspect
    press("skip")
    dismissed = panel.suspect
    place = panel.progress.inner_text().split(" saved")[0]
    press("delete")
    assert panel.suspect != dismissed
    press("undo")
    expect(panel.root).to_have_attribute("data-id", dismissed, timeout=SECONDS)
    assert panel.suspect == dismissed
    assert panel.progress.inner_text().split(" saved")[0] == place
    press("delete")
    panel.menu("kind", "source label")
    deleted = panel.suspect
    press("delete")
    panel.menu("kind", "missing")
    while panel.suspect != skipped:  # it comes again, after the others
        press("keep" if "Labelled" in page.locator(".what").inner_text() else "delete")
    shown = page.evaluate("window.curateReview.shown")

    taken_back = [d.action for d in dataset.journal.read()].index("undo")
    said = [(d.action, d.instance_id, d.category, d.taxonomy == "source")
            for d in dataset.journal.read()[:taken_back + 3]]  # fmt: skip
    suggested = _label(dataset, taken).label
    assert said[:3] == [
        ("keep", kept, "", False),
        ("relabel", taken, suggested, False),
        ("relabel", by_digit, "feet", False),
    ]
    assert said[3] == ("relabel", by_letters, "sock", True)
    assert [s[:2] for s in said[4:]] == [
        ("relabel", redrawn), ("redraw", redrawn), ("exclude", ""), ("add", added),
        ("delete", dismissed), ("undo", ""), ("delete", dismissed), ("delete", deleted),
    ]  # fmt: skip
    assert {d.reviewer for d in dataset.journal.read()} == {"anna"}
    assert dataset.samples.match({"image_id": excluded}).first().excluded
    assert _label(dataset, by_digit).label == _label(dataset, by_letters).label == "feet"
    assert _label(dataset, by_letters).source_label == "sock"
    assert _label(dataset, deleted) is None
    assert _label(dataset, added).review_status == "added"
    assert len(shown) > 8


def test_filters_and_a_wall(dataset: fo.Dataset, opened: Opened) -> None:
    panel = opened("anna")
    page = panel.page
    wrong = panel.suspect
    panel.menu("kind", "source label")
    first = panel.suspect
    assert first != wrong
    page.reload()
    panel.root.wait_for()
    assert panel.suspect == first  # the filter is still there
    panel.key("wall")
    crops = page.locator("[data-crop]")
    count = crops.count()
    ids = [crop.get_attribute("data-crop") for crop in crops.all()]
    page.locator("[data-crop] [data-painted]").nth(count - 1).wait_for()
    crops.nth(2).click()
    expect(page.get_by_text(f"relabel to sock: {count - 1} ticked")).to_be_visible()
    panel.key("suggest")
    assert panel.suspect == ids[2]
    ticked = [i for i in ids if i != ids[2]]
    made = dataset.journal.read()
    assert [(d.action, d.instance_id, d.category) for d in made] == [
        ("relabel", i, "sock") for i in ticked
    ]
    assert panel.progress.inner_text().startswith(f"{count} of {count} · {count - 1} saved")
    panel.key("undo")
    expect(panel.root).to_have_attribute("data-id", ticked[0], timeout=SECONDS)
    assert panel.suspect == ticked[0]
    assert panel.progress.inner_text().startswith(f"1 of {count} · 0 saved")
    page.get_by_role("button", name="clear filters").click()
    assert panel.suspect == wrong
    panel.menu("order", "photo")
    assert panel.suspect == wrong
    panel.key("keep")
    edited = panel.suspect

    # Another tab: its keys are its own.
    made_before = len(dataset.journal.read())
    page.get_by_text("Samples", exact=True).click()
    page.locator("[data-cy=looker] canvas").first.wait_for()
    panel.key("keep")
    page.get_by_text("Review", exact=True).click()
    assert panel.suspect == edited
    assert len(dataset.journal.read()) == made_before
    sample = dataset.samples[_sample(dataset, edited).id]
    assert sample.image_id == _image(dataset, wrong)

    # FiftyOne's editor: what is changed there is hers once the photo is closed.
    panel.key("edit")
    page.locator("#modal.modalon canvas").first.wait_for()
    panel.key("keep")
    next(d for d in sample.labels.detections if d.id == edited).label = "accessories"
    sample.save()
    page.keyboard.press("Escape")
    expect(panel.status).to_have_text(f"1 edit in {sample.image_id} saved.", timeout=SECONDS)
    panel.suspect  # noqa: B018 - the keys are the panel's again
    panel.key("outlines")
    expect(page.get_by_role("button", name="show outlines")).to_be_visible()
    assert [d.action for d in dataset.journal.read()[len(made) : -2]] == ["undo"] * len(made)
    assert journal(dataset)[-2:] == [("anna", "keep", wrong), ("anna", "relabel", edited)]


def test_a_database_that_goes_away_and_comes_back(dataset: fo.Dataset, opened: Opened) -> None:
    panel = opened("anna")
    first = panel.suspect
    with mongod_away():
        panel.key("keep")
        expect(panel.root).not_to_have_attribute("data-id", first)  # the next is there at once
        expect(panel.root).to_have_attribute("data-pending", "1")
        panel.page.wait_for_timeout(3000)
    assert panel.suspect != first  # once it is saved
    assert journal(dataset) == [("anna", "keep", first)]
    (photo,) = bulk.read(dataset.samples, [_image(dataset, first)], ["labels"])
    label = next(d for d in bulk.detections(photo, "labels") if str(d["_id"]) == first)
    assert label["review_status"] == "kept"


def test_nothing_is_lost_without_a_word(dataset: fo.Dataset, opened: Opened) -> None:
    held: list[Route] = []

    def away(route: Route) -> None:
        if "review_decide" in json.loads(route.request.post_data or "{}")["operator_uri"]:
            held.append(route)
            route.abort()
        else:
            route.continue_()

    panel = opened("anna")
    page = panel.page
    first = panel.suspect
    page.route("**/operators/execute", away)
    panel.key("keep")
    expect(panel.root).not_to_have_attribute("data-id", first)  # the next is there at once
    expect(panel.status).to_have_text("not saved yet, trying again (1 waiting)")
    second = panel.root.get_attribute("data-id")
    panel.key("suggest")
    expect(panel.status).to_have_text("not saved yet, trying again (2 waiting)")
    page.wait_for_timeout(1200)
    assert len(held) > 1
    assert journal(dataset) == []
    assert page.evaluate(
        "!dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    )  # the browser asks before it leaves the page
    page.unroute("**/operators/execute")
    third = panel.suspect  # once all is saved
    assert journal(dataset) == [("anna", "keep", first), ("anna", "relabel", second)]

    # Only the answer is lost: it is sent again, and saved once.
    def deaf(route: Route) -> None:
        if "review_decide" in (route.request.post_data or ""):
            page.unroute("**/operators/execute")
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/operators/execute", deaf)
    panel.key("delete")
    fourth = panel.suspect
    assert journal(dataset)[2:] == [("anna", "delete", third)]

    # Away for good: it comes back, and says why.
    page.route("**/operators/execute", away)
    panel.key("delete")
    expect(panel.root).not_to_have_attribute("data-id", fourth)
    expect(panel.status).to_contain_text("NOT SAVED: ", timeout=60_000)
    assert panel.suspect == fourth
    page.unroute("**/operators/execute")
    assert len(journal(dataset)) == 3

    # What changed meanwhile is refused, and by whom.
    request = Request("relabel", _image(dataset, fourth), fourth, "feet")
    decisions.decide(dataset, [request], "ben")
    panel.key("keep")
    expect(panel.status).to_contain_text("NOT SAVED: ", timeout=SECONDS)
    expect(panel.status).to_contain_text("ben relabelled it to feet")
    expect(panel.root).to_have_attribute("data-id", fourth)
    expect(page.locator("[data-action=keep]")).to_be_disabled()
    panel.key("skip")
    assert panel.suspect != fourth
    assert journal(dataset)[3:] == [("ben", "relabel", fourth)]


def test_two_reviewers(dataset: fo.Dataset, opened: Opened) -> None:
    anna = opened("anna")
    hers = anna.suspect
    anna.page.wait_for_timeout(1500)  # her claim is made
    ben = opened("ben")
    expect(ben.progress).to_contain_text("13 with anna", timeout=SECONDS)
    his = ben.suspect
    assert his != hers
    anna.key("keep")
    ben.key("delete")
    anna_next, ben_next = anna.suspect, ben.suspect
    anna.key("undo")
    expect(anna.root).to_have_attribute("data-id", hers, timeout=SECONDS)
    anna.key("help")
    anna.page.keyboard.press("Escape")
    made = [(d.reviewer, d.action, d.undoes) for d in dataset.journal.read()]
    kept = next(d for d in dataset.journal.read() if d.action == "keep")
    assert made[2:] == [("anna", "undo", kept.decision_id)]
    ben.key("undo")
    expect(ben.root).to_have_attribute("data-id", his, timeout=SECONDS)
    ben.suspect  # noqa: B018 - once all is saved
    ben.key("undo")
    expect(ben.status).to_have_text("There is no decision of yours to undo.")
    assert len(journal(dataset)) == 4
    assert len({anna_next, ben_next, hers, his}) == 4
    # What one excludes, the other is not asked about.
    before = int(anna.progress.inner_text().split(" of ")[1].split(" ")[0])
    ben.suspect  # noqa: B018
    ben.key("exclude")
    expect(anna.progress).not_to_contain_text(f" of {before} ", timeout=SECONDS)


def _sample(dataset: fo.Dataset, label_id: str) -> fo.Sample:
    return next(s for s, d in _labels(dataset) if d.id == label_id)


def _image(dataset: fo.Dataset, label_id: str) -> str:
    return _sample(dataset, label_id).image_id


def _label(dataset: fo.Dataset, label_id: str) -> fo.Detection | None:
    found = (d for _, d in _labels(dataset, ("labels",)) if d.id == label_id)
    return next(found, None)


def _labels(dataset: fo.Dataset, fields=("labels", "missing_r1")):
    dataset.samples.reload()
    for sample in dataset.samples:
        for field in fields:
            for detection in sample[field].detections if sample[field] else ():
                yield sample, detection
