"""The progress panel without the browser: what it draws, and where a click leads."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from curation import store
from curation.review.suspect import MISSING
from curation.store import app, decisions, suspects
from curation.store.app_config import PANEL_WORKSPACE
from curation.store.decisions import Request
from tests.app.dataset import build

WRONG = "wrong category"


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    name = f"progress-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path, images=4)
    store.delete(name)


def drawn(dataset: store.Dataset) -> dict:
    """The panel's parts, as the App gets them, by name."""
    panel = app.load_plugin().Progress()
    properties = panel.render(SimpleNamespace(dataset=dataset.samples)).to_json()
    parts = properties["type"]["properties"]
    return parts | parts["plots"]["type"]["properties"]


def bars(part: dict) -> dict[str, dict[str, float]]:
    """The lengths of horizontal bars, by trace and name."""
    return {t["name"]: dict(zip(t["y"], t["x"], strict=True)) for t in part["view"]["data"]}


def light(color: str) -> float:
    """The relative luminance of WCAG; below 0.2 white stands out from it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_what_is_decided_is_drawn_beside_what_is_left(dataset):
    queue = suspects.read(dataset)
    one, other = (s for s in queue if s.kind == WRONG)
    missing = next(s for s in queue if s.kind == MISSING)
    requests = [
        Request("relabel", one.image_id, one.id, one.suggested, seconds="7.5"),
        Request("keep", other.image_id, other.id, seconds="4.5"),
        Request("delete", missing.image_id, missing.id),
    ]
    for request in requests:
        decisions.decide(dataset, [request], "anna")
    parts = drawn(dataset)
    assert f"**3** decided · **{len(queue) - 3}** left" in parts["headline"]["default"]
    kinds = bars(parts["kinds"])
    assert (kinds["something was wrong"][WRONG], kinds["nothing was wrong"][WRONG]) == (1, 1)
    assert (kinds["nothing was wrong"][MISSING], kinds["left"][MISSING]) == (1, 1)
    assert kinds["left"]["source label"] == sum(s.kind == "source label" for s in queue)
    assert bars(parts["precision"]) == {"right": {MISSING: 0, WRONG: 50}}
    colors = {c.name: c.color for c in dataset.taxonomy.classes}
    decided = parts["classes"]["view"]["data"][0]
    assert decided["marker"]["color"] == [colors[name] for name in decided["y"]]
    left = parts["classes"]["view"]["data"][1]
    assert left["insidetextfont"]["color"] == "#ffffff"
    assert all(light(color) < 0.2 for color in left["marker"]["color"])
    (heat,) = parts["pairs"]["view"]["data"]
    cells = {
        (given, decided): n
        for given, row in zip(heat["y"], heat["z"], strict=True)
        for decided, n in zip(heat["x"], row, strict=True)
        if n
    }
    assert cells == {(one.label, one.suggested): 1}
    (anna,) = parts["hours"]["view"]["data"]
    assert (anna["name"], sum(anna["y"])) == ("anna", 3)
    assert "| anna | 3 | " in parts["reviewers"]["default"]
    assert "| 6.0 |" in parts["reviewers"]["default"]


def test_before_the_first_decision_it_says_what_is_left(dataset):
    parts = drawn(dataset)
    assert parts["headline"]["default"].startswith("**0** decided · ")
    assert parts["reviewers"]["default"] == ""


@pytest.mark.parametrize(
    ("event", "clicked", "leads_to"),
    [
        ("on_kind", {"x": 3, "y": WRONG}, {"kind": WRONG}),
        ("on_class", {"x": 3, "y": "feet"}, {"label": "feet"}),
        ("on_pair", {"x": "dress", "y": "feet"}, {"label": "feet", "suggested": "dress"}),
    ],
)
def test_a_click_leads_to_what_is_left_of_it(event, clicked, leads_to):
    asked = []
    context = SimpleNamespace(
        dataset=SimpleNamespace(name="photos"),
        params=clicked,
        trigger=lambda uri, params: asked.append((uri, params)),
    )
    getattr(app.load_plugin().Progress(), event)(context)
    assert asked == [("@curate/curate/to_queue", {"dataset": "photos", **leads_to})]


def test_it_stands_beside_the_review_panel(dataset):
    space = dataset.samples.load_workspace(PANEL_WORKSPACE)
    assert [panel.type for panel in space.children] == [
        "Samples",
        "curate_review",
        "curate_dashboard",
        "curate_legend",
    ]
