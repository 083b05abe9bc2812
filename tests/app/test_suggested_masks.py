"""A suggested mask in a real browser: both garments of a merged label, and a key that takes it."""

from __future__ import annotations

import fiftyone as fo
from playwright.sync_api import expect

from tests.app import browser
from tests.app.dataset import doubt_merged
from tests.app.panel import Opened, journal, label_of

pytestmark = browser.MARKS


def test_a_merged_label_is_split_with_one_key_and_whole_again_with_another(
    dataset: fo.Dataset, opened: Opened
) -> None:
    merged = doubt_merged(dataset)
    key = merged.label.instance_id
    colors = {c.name: c.color for c in dataset.taxonomy.classes}
    panel = opened("anna")
    assert panel.suspect == key
    suggest = panel.page.locator("[data-action=suggest]")
    expect(suggest).to_contain_text(f"split off {merged.other}")
    expect(panel.page.locator("figure.right")).to_contain_text(f"split off {merged.other}")
    assert panel.color("given", colors[merged.label.category]) > 500
    assert panel.color("given", colors[merged.other]) < 50
    assert panel.color("right", colors[merged.label.category]) > 200
    assert panel.color("right", colors[merged.other]) > 200

    panel.key("suggest")
    assert panel.suspect != key
    taken = journal(dataset)
    assert [(who, action) for who, action, _ in taken] == [("anna", "redraw"), ("anna", "add")]
    added = label_of(dataset, taken[1][2])
    assert added and (added.label, added.rle) == (merged.other, merged.second.counts.decode())
    panel.key("undo")
    expect(panel.root).to_have_attribute("data-id", key)
    assert panel.suspect == key
    assert label_of(dataset, taken[1][2]) is None
