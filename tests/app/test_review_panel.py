"""A whole review in the panel, in a real browser: what is drawn, pressed and saved."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest
from playwright.sync_api import expect

from curation import steps
from curation.core.finding import Finding, FindingKind
from curation.review.suspect import MISSING
from curation.store import decisions, suspects
from curation.store.audit_results import write_faults
from curation.store.decisions import Request
from curation.store.tiles import SUSPECT_LABELS
from tests.app import browser
from tests.app.dataset import with_copy
from tests.app.panel import (
    Opened,
    image_of,
    journal,
    label_of,
    sample_of,
)

pytestmark = browser.MARKS


@pytest.mark.parametrize("by", ["key", "button"])
def test_a_whole_review(dataset: fo.Dataset, opened: Opened, by: str) -> None:
    colors = {c.name: c.color for c in dataset.taxonomy.classes}
    panel = opened()
    page, press = panel.page, getattr(panel, by)
    page.get_by_label("Your name").fill("anna")
    page.keyboard.press("Enter")

    kept = panel.suspect
    label = label_of(dataset, kept)
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
    excluded = image_of(dataset, panel.suspect)
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
    expect(panel.root).to_have_attribute("data-id", dismissed)
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
    suggested = label_of(dataset, taken).label
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
    assert label_of(dataset, by_digit).label == label_of(dataset, by_letters).label == "feet"
    assert label_of(dataset, by_letters).source_label == "sock"
    assert label_of(dataset, deleted) is None
    assert label_of(dataset, added).review_status == "added"
    assert len(shown) > 8


def test_once_no_suspects_are_left_it_is_said_and_the_less_likely_ones_follow(
    dataset: fo.Dataset, opened: Opened
) -> None:
    found = suspects.read(dataset)
    *rest, last = [s for s in found if s.kind != MISSING]
    missing = [Request("delete", s.image_id, s.id) for s in found if s.kind == MISSING]
    kept = [Request("keep", s.image_id, s.id) for s in rest]
    decisions.decide(dataset, [*kept, *missing], "bea")
    panel = opened("anna")
    assert panel.suspect == last.id
    expect(panel.progress).to_contain_text("1 of 1")
    panel.key("keep")
    expect(panel.progress).to_contain_text("no suspects left: these are less likely to be wrong")
    expect(panel.progress).not_to_contain_text(" of ")
    less = panel.suspect
    assert label_of(dataset, less).error_score == 0.1
    panel.key("keep")
    assert panel.suspect != less
    panel.key("undo")
    expect(panel.root).to_have_attribute("data-id", less)
    assert panel.suspect == less
    panel.key("undo")
    expect(panel.root).to_have_attribute("data-id", last.id)
    expect(panel.progress).to_contain_text("1 of 1")


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
    expect(panel.root).to_have_attribute("data-id", ticked[0])
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
    sample = dataset.samples[sample_of(dataset, edited).id]
    assert sample.image_id == image_of(dataset, wrong)

    # FiftyOne's editor: what is changed there is hers once the photo is closed.
    panel.key("edit")
    page.locator("#modal.modalon canvas").first.wait_for()
    panel.key("keep")
    next(d for d in sample.labels.detections if d.id == edited).label = "accessories"
    sample.save()
    page.keyboard.press("Escape")
    expect(panel.status).to_have_text(f"1 edit in {sample.image_id} saved.")
    panel.suspect  # noqa: B018 - the keys are the panel's again
    panel.key("outlines")
    expect(page.get_by_role("button", name="show outlines")).to_be_visible()
    assert [d.action for d in dataset.journal.read()[len(made) : -2]] == ["undo"] * len(made)
    assert journal(dataset)[-2:] == [("anna", "keep", wrong), ("anna", "relabel", edited)]


CUT_OFF = """buttons => buttons.filter(button => {
  const text = document.createRange();
  text.selectNodeContents(button);
  return text.getBoundingClientRect().right > button.getBoundingClientRect().right;
}).map(button => button.innerText)"""


def test_on_a_small_screen_no_button_is_cut_off_and_the_pictures_are_large_enough(
    opened: Opened,
) -> None:
    panel = opened("anna")
    panel.page.set_viewport_size({"width": 1100, "height": 700})
    assert panel.suspect
    assert panel.page.locator(".curate .acts .press").evaluate_all(CUT_OFF) == []
    panel.key("relabel")
    browser.settle(panel.page)
    assert panel.page.locator("[data-picture=given]").bounding_box()["height"] > 150


def test_menus_keep_their_places_under_a_filter(opened: Opened) -> None:
    panel = opened("anna")
    assert panel.suspect
    places = "menus => menus.map(menu => menu.getBoundingClientRect().left)"
    before = panel.page.locator(".curate nav > select").evaluate_all(places)
    panel.page.get_by_label("file name").fill("no such file")
    expect(panel.page.get_by_role("button", name="clear filters").first).to_be_visible()
    assert panel.page.locator(".curate nav > select").evaluate_all(places) == before


def test_who_opens_a_photo_by_a_key_leaves_it_by_one(opened: Opened) -> None:
    panel = opened("anna")
    assert panel.suspect
    panel.key("open")
    panel.page.locator("#modal.modalon canvas").first.wait_for()
    panel.page.keyboard.press("Escape")  # without the mouse over it, FiftyOne hears none
    expect(panel.page.locator("#modal.modalon")).to_have_count(0)


def test_a_photo_opens_from_the_review_whatever_view_the_grid_has(
    dataset: fo.Dataset, opened: Opened
) -> None:
    panel = opened("anna")
    page = panel.page
    page.get_by_text("Samples", exact=True).click()
    page.locator("[data-cy=saved-views-selection]").click()
    page.get_by_text(SUSPECT_LABELS).first.click()
    page.get_by_text("Review", exact=True).click()
    suspect = panel.suspect
    panel.key("edit")
    expect(page.locator(".curate-bar")).to_contain_text("In doubt is the pants (lower-body).")
    page.locator("#modal.modalon canvas").first.wait_for(state="attached")
    browser.settle(page)  # FiftyOne raises an error where a photo is closed before it is there
    # In FiftyOne's editor Escape is its own; two in a row leave it.
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#modal.modalon")).to_have_count(0)
    expect(page.locator(".curate-bar")).to_have_count(0)
    assert panel.suspect == suspect


def test_the_wheel_zooms_and_the_next_suspect_is_whole_again(
    dataset: fo.Dataset, opened: Opened
) -> None:
    panel = opened("anna")
    label = label_of(dataset, panel.suspect)
    color = {c.name: c.color for c in dataset.taxonomy.classes}[label.label]
    whole = panel.color("given", color)
    panel.page.locator("[data-picture=given]").hover()
    for _ in range(4):
        panel.page.mouse.wheel(0, 100)
    browser.settle(panel.page)
    assert panel.color("given", color) < 0.7 * whole
    panel.key("skip")
    expect(panel.status).to_have_text("Skipped: it comes again at the end.")


def test_a_photo_as_a_whole_is_decided_on_beside_the_one_it_is_at_odds_with(
    dataset: fo.Dataset, opened: Opened, tmp_path: Path
) -> None:
    with_copy(dataset, tmp_path / "photos")
    steps.audit(dataset)
    colors = {c.name: c.color for c in dataset.taxonomy.classes}
    panel = opened("anna")
    page = panel.page
    panel.menu("fault", "duplicate photo, other labels")
    photo = panel.suspect
    assert dataset.samples[photo].image_id == "figure-99"
    expect(page.locator(".what")).to_contain_text("The photo as a whole")
    for picture, image_id in (("given", "figure-99"), ("right", "figure-00")):
        (record,) = dataset.records("labels", [image_id])
        for category in {x.category for x in record.instances} - {"accessories"}:
            assert panel.color(picture, colors[category]) > 40
    for action in ("suggest", "relabel", "add", "redraw"):
        expect(page.locator(f"[data-action={action}]")).to_be_disabled()
    panel.key("delete")
    expect(panel.root).not_to_have_attribute("data-id", photo)
    panel.key("undo")
    expect(panel.root).to_have_attribute("data-id", photo)
    assert panel.suspect == photo
    panel.key("keep")
    expect(page.get_by_text("No suspect is left under this filter.")).to_be_visible()
    expect(panel.root).to_have_attribute("data-pending", "0")
    said = [(d.action, d.image_id) for d in dataset.review().active]
    assert said == [("include", "figure-99")]


def test_beside_a_label_that_another_photo_contradicts_stands_that_photo(
    dataset: fo.Dataset, opened: Opened
) -> None:
    (here,) = dataset.records("labels", ["figure-01"])
    (there,) = dataset.records("labels", ["figure-00"])
    label = here.instances[0].instance_id
    kind = FindingKind.NEAR_DUPLICATE_GARMENT
    found = [Finding(kind, "", "two names", "figure-01", label, "", "figure-00")]
    write_faults(dataset, found, dataset.column("content_digest"))
    panel = opened("anna")
    panel.menu("fault", str(kind))
    assert panel.suspect == label
    classes = ", ".join(sorted({x.category for x in there.instances}))
    caption = panel.page.locator("figure.right figcaption")
    expect(caption).to_have_text(f"figure-00: labelled {classes}")


def test_the_pictures_keep_their_size_while_a_class_is_typed(
    dataset: fo.Dataset, opened: Opened
) -> None:
    panel = opened("anna")
    assert panel.suspect
    panel.key("relabel")
    picks = panel.page.locator(".pick .press")
    expect(picks.nth(3)).to_be_visible()
    pictures = panel.page.locator(".pictures")
    before = pictures.bounding_box()
    panel.page.keyboard.type("zzz")
    expect(panel.page.locator(".picks")).to_have_text(
        "No class and no source label has these letters."
    )
    assert pictures.bounding_box() == before
