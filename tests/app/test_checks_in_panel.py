"""Checks and a sample in the panel, in a real browser: asked like any suspect, drawn as planted."""

from __future__ import annotations

from collections.abc import Iterator

import fiftyone as fo
import pytest
from playwright.sync_api import expect

from curation import steps
from curation.review import keys
from curation.review.checks import Check
from curation.store import checks, database, decisions, samples
from curation.store.decisions import Request
from tests.app import browser
from tests.app.panel import Opened, journal, label_of, labels_of

pytestmark = browser.MARKS


@pytest.fixture
def share() -> Iterator[None]:
    """Half of what comes up are checks."""
    config = database.home() / keys.FILE
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("checks = 0.5\n")
    yield
    config.unlink()


@pytest.mark.usefixtures("share")
def test_a_check_is_answered_and_taken_back_and_no_label_changes(
    dataset: fo.Dataset, opened: Opened
) -> None:
    steps.estimate(dataset, 10)
    drawn = samples.read(dataset).photos
    right = [
        (s.image_id, d.id)
        for s, d in labels_of(dataset, ("labels",))
        if d.error_score < 0.25 and d.id not in drawn and not d.source_error_score
    ]
    for who in ("anna", "bea"):
        decisions.decide(dataset, [Request("keep", *label) for label in right[:12]], who)
    colors = {c.name: c.color for c in dataset.taxonomy.classes}
    asked = {s.id: s for s in checks.asked(dataset, "cleo", 100)}
    before = journal(dataset)
    panel = opened("cleo")
    seen = set()
    while len(checks.answers(dataset)) < 3 or not seen & set(drawn):
        current = panel.suspect
        assert current not in seen, "nothing comes twice before all came once"
        seen.add(current)
        if current not in asked:
            panel.key("skip")
            continue
        shown = asked[current]
        label = label_of(dataset, current)
        what = panel.page.locator(".what").inner_text()
        assert f"Labelled {shown.label}" in what
        if checks.check_of(dataset, current, shown.seen) is Check.CLASS:
            assert shown.label != label.label
            assert panel.color("given", colors[shown.label]) > 0
        panel.key("delete")
        assert panel.suspect != current
        panel.key("undo")
        expect(panel.root).to_have_attribute("data-id", current)
        assert panel.suspect == current
        panel.key("delete")
        assert panel.suspect != current
        assert label_of(dataset, current).label == label.label
    assert {a.reviewer for a in checks.answers(dataset)} == {"cleo"}
    assert journal(dataset) == before
