"""What is not saved is said and tried again; two reviewers do not get in each other's way."""

from __future__ import annotations

import json

import fiftyone as fo
from playwright.sync_api import Route, expect

from curation.store import bulk, decisions
from curation.store.decisions import Request
from tests.app import browser
from tests.app.panel import (
    Opened,
    image_of,
    journal,
)
from tests.conftest import mongod_away

pytestmark = browser.MARKS


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
    (photo,) = bulk.read(dataset.samples, [image_of(dataset, first)], ["labels"])
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
    expect(panel.status).to_contain_text("NOT SAVED: ")
    assert panel.suspect == fourth
    page.unroute("**/operators/execute")
    assert len(journal(dataset)) == 3

    # What changed meanwhile is refused, and by whom. On a slow machine the panel may ask in time
    # what others have decided, and then shows the next one.
    def unaware(route: Route) -> None:
        if "review_claim" not in (route.request.post_data or ""):
            route.continue_()

    page.route("**/operators/execute", unaware)
    request = Request("relabel", image_of(dataset, fourth), fourth, "feet")
    decisions.decide(dataset, [request], "ben")
    panel.key("keep")
    expect(panel.status).to_contain_text("NOT SAVED: ")
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
    expect(ben.progress).to_contain_text("13 with anna")
    his = ben.suspect
    assert his != hers
    anna.key("keep")
    ben.key("delete")
    anna_next, ben_next = anna.suspect, ben.suspect
    anna.key("undo")
    expect(anna.root).to_have_attribute("data-id", hers)
    anna.key("help")
    anna.page.keyboard.press("Escape")
    made = [(d.reviewer, d.action, d.undoes) for d in dataset.journal.read()]
    kept = next(d for d in dataset.journal.read() if d.action == "keep")
    assert made[2:] == [("anna", "undo", kept.decision_id)]
    ben.key("undo")
    expect(ben.root).to_have_attribute("data-id", his)
    ben.suspect  # noqa: B018 - once all is saved
    ben.key("undo")
    expect(ben.status).to_have_text("There is no decision of yours to undo.")
    assert len(journal(dataset)) == 4
    assert len({anna_next, ben_next, hers, his}) == 4
    # What one excludes, the other is not asked about.
    before = int(anna.progress.inner_text().split(" of ")[1].split(" ")[0])
    ben.suspect  # noqa: B018
    ben.key("exclude")
    expect(anna.progress).not_to_contain_text(f" of {before} ")
