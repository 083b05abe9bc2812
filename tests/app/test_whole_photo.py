"""A photo whose labels are all mirrored, in a real browser: one key mirrors them, one undoes it."""

from __future__ import annotations

import fiftyone as fo
import numpy as np
from playwright.sync_api import expect

from curation.core import rle
from curation.core.finding import Finding, FindingKind
from curation.issues.issue import Issue
from curation.store.audit_results import write_faults
from tests.app import browser
from tests.app.dataset import MIRRORED, doubt_whole
from tests.app.panel import Opened, journal, label_of

pytestmark = browser.MARKS


def test_all_labels_are_mirrored_with_one_key_and_back_with_another(
    dataset: fo.Dataset, opened: Opened
) -> None:
    doubted = doubt_whole(dataset)
    panel = opened("anna")
    panel.page.locator("[data-action=suggest]:enabled").wait_for()
    photo = panel.root.get_attribute("data-id") or ""
    expect(panel.root).to_contain_text("The photo as a whole")
    expect(panel.page.locator(".why")).not_to_contain_text("looks like")
    expect(panel.page.locator("[data-action=suggest]")).to_contain_text("mirror all labels")
    expect(panel.page.locator("figure.right")).to_contain_text("suggested: mirror all labels")
    color = {c.name: c.color for c in dataset.taxonomy.classes}[doubted.instances[0].category]
    assert panel.color("given", color) > 100
    assert panel.color("right", color) > 100

    panel.key("suggest")
    assert panel.suspect != photo
    taken = journal(dataset)
    assert {action for _, action, _ in taken} == {"redraw"}
    assert len(taken) == len(doubted.instances)
    for label in doubted.instances:
        now = label_of(dataset, label.instance_id)
        assert now and now.rle == rle.encode(rle.decode(label.mask)[:, ::-1]).counts.decode()
    panel.key("undo")
    expect(panel.root).to_have_attribute("data-id", photo)


def test_a_garment_that_is_missing_in_it_is_asked_about_once_its_labels_are_mirrored(
    dataset: fo.Dataset, opened: Opened
) -> None:
    (photo,) = dataset.records("labels", ["figure-01"])
    corner = np.zeros((photo.height, photo.width), bool)
    corner[:20, :20] = True
    said = (0.9, "missing", "accessories", "nobody labelled it")
    garment = Issue(photo.image_id, "f" * 24, "", "", *said, mask=rle.encode(corner))
    doubt_whole(dataset, missing=(garment,))
    panel = opened("anna")
    panel.page.locator("[data-action=suggest]:enabled").wait_for()
    panel.key("suggest")
    assert panel.suspect != "f" * 24, "others are more likely to be wrong"
    panel.page.get_by_label("file name").fill(photo.image_id)
    expect(panel.root).to_have_attribute("data-id", "f" * 24)


def test_what_an_audit_found_of_it_is_read_beside_what_a_model_doubts(
    dataset: fo.Dataset, opened: Opened
) -> None:
    doubt_whole(dataset)
    kind = FindingKind.EXACT_DUPLICATE
    found = [Finding(kind, "", "other labels", "figure-01", beside="figure-00")]
    write_faults(dataset, found, dataset.column("content_digest"))
    panel = opened("anna")
    expect(panel.page.locator(".kind")).to_contain_text("mirrored labels")
    expect(panel.page.locator(".reason")).to_have_text(f"{MIRRORED.reason}; {kind}: other labels")
    expect(panel.page.locator(".about")).to_contain_text(f"fault: {kind}")
