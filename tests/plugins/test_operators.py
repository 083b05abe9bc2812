"""Operators with a stand-in for the App's context, on a real dataset."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import fiftyone as fo
import fiftyone.plugins as fop
import numpy as np
import pytest
from fiftyone import ViewField as F

from curation.store import app, decisions, tiles
from curation.store.decisions import Request
from tests.app.dataset import RUN, build

MISSING = f"missing_{RUN}"


class Context:
    """What an operator reads of the App, and what it tells the App to do."""

    def __init__(self, dataset, view=None, labels=(), selected=(), current=None, **params):
        self.dataset = dataset.samples
        self.view = dataset.samples.view() if view is None else view
        self.selected_labels = list(labels)
        self.selected = list(selected)
        self.current_sample = current
        self.params = params
        self.user_id = None
        self.toasts: list[tuple[str, str]] = []
        self.shown: list = []
        self.ops = SimpleNamespace(
            notify=lambda text, variant: self.toasts.append((variant, text)),
            reload_samples=lambda: None,
            reload_dataset=lambda: None,
            clear_selected_labels=lambda: None,
            clear_selected_samples=lambda: None,
        )

    def trigger(self, uri, params):
        assert uri == "@curate/curate/show"
        self.shown += params["samples"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fo.Dataset]:
    name = f"operators-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path_factory.mktemp("photos"), images=4)
    fo.delete_dataset(name)


@pytest.fixture
def dataset(built: fo.Dataset) -> Iterator[fo.Dataset]:
    """As it was built: what a test decided is taken back."""
    yield built
    while decisions.undo(built):
        pass
    built.samples.reload()


def run(name: str, context: Context) -> tuple[str, str]:
    """Executes an operator; returns its one toast."""
    operator = {a.name: a for a in app.load_plugin().ACTIONS}[name]()
    operator.execute(context)
    (toast,) = context.toasts
    context.dataset.reload()
    return toast


def click(sample: fo.Sample, field: str, index: int = -1) -> dict:
    detections = sample[field].detections
    return {"label_id": detections[index].id, "sample_id": sample.id, "field": field}


def image(dataset: fo.Dataset, number: int) -> fo.Sample:
    return dataset.samples.one(F("image_id") == f"figure-{number:02d}")


def actions(dataset: fo.Dataset) -> list[str]:
    return [d.action for d in dataset.journal.read()]


def test_keep_marks_what_was_clicked(dataset: fo.Dataset) -> None:
    sample = image(dataset, 0)
    clicked = click(sample, "labels")
    context = Context(dataset, labels=[clicked], current=sample.id)
    label = sample.labels.detections[-1].label
    assert run("keep", context) == ("success", f"Kept {label} in figure-00.")
    now = {d.id: d.review_status for d in image(dataset, 0).labels.detections}
    assert now[clicked["label_id"]] == "kept"
    assert [i for i, _ in context.shown] == [sample.id]
    assert isinstance(context.shown[0][1]["labels"]["detections"][0]["mask"], str)


def test_relabel_offers_what_the_model_sees(dataset: fo.Dataset) -> None:
    sample = image(dataset, 0)
    worst = max(sample.labels.detections, key=lambda d: d.error_score)
    clicked = {"label_id": worst.id, "sample_id": sample.id, "field": "labels"}
    context = Context(dataset, labels=[clicked], current=sample.id, category="feet")
    relabel = next(a for a in app.load_plugin().ACTIONS if a.name == "relabel")()
    form = relabel.resolve_input(context).type
    assert form.properties["category"].default == worst.suggested_label
    assert run("relabel", context) == ("success", f"{worst.label} in figure-00 is feet now.")
    assert {d.id: d.label for d in image(dataset, 0).labels.detections}[worst.id] == "feet"


def test_a_label_that_was_just_drawn_in_fiftyones_editor_is_relabelled(dataset: fo.Dataset) -> None:
    sample = image(dataset, 0)
    box, mask = [0.1, 0.1, 0.2, 0.2], np.ones((40, 40), bool)
    sample.labels.detections.append(fo.Detection(label="feet", bounding_box=box, mask=mask))
    sample.save()
    clicked = click(image(dataset, 0), "labels")
    context = Context(dataset, labels=[clicked], current=sample.id, category="accessories")
    relabel = next(a for a in app.load_plugin().ACTIONS if a.name == "relabel")()
    form = relabel.resolve_input(context).type
    assert form.properties["category"].default == "feet"
    assert run("relabel", context) == ("success", "feet in figure-00 is accessories now.")
    assert actions(dataset)[-2:] == ["add", "relabel"]


def test_relabel_offers_the_source_label_that_it_looks_like(dataset: fo.Dataset) -> None:
    shoes = [
        (s, d) for s in dataset.samples for d in s.labels.detections if d.source_label == "shoe"
    ]
    sample, shoe = next((s, d) for s, d in shoes if d.source_error_score > d.error_score)
    clicked = {"label_id": shoe.id, "sample_id": sample.id, "field": "labels"}
    context = Context(dataset, labels=[clicked], current=sample.id, category="feet: sock")
    relabel = next(a for a in app.load_plugin().ACTIONS if a.name == "relabel")()
    form = relabel.resolve_input(context).type.properties
    assert form["source_reason"].view.label == shoe.source_reason
    category = form["category"]
    assert category.default == "feet: sock"
    assert {"feet", "feet: shoe"} < set(category.type.values)
    assert run("relabel", context) == ("success", f"feet in {sample.image_id} is sock now.")
    now = {d.id: d for d in dataset.samples[sample.id].labels.detections}[shoe.id]
    assert (now.label, now.source_label, now.review_status) == ("feet", "sock", "relabelled")
    assert now.source_error_score is None, "the score was of another label"


def test_delete_and_undo(dataset: fo.Dataset) -> None:
    sample = image(dataset, 0)
    before = len(sample.labels.detections)
    run("delete", Context(dataset, labels=[click(sample, "labels")], current=sample.id))
    assert len(image(dataset, 0).labels.detections) == before - 1
    variant, text = run("undo", Context(dataset))
    assert variant == "success"
    assert re.fullmatch(r"Took back: \S+ deleted the [\w-]+ in figure-00\.", text)
    assert len(image(dataset, 0).labels.detections) == before


def test_add_accepts_and_delete_dismisses_a_missing_garment(dataset: fo.Dataset) -> None:
    sample = image(dataset, 1)
    clicked = click(sample, MISSING)
    label = sample[MISSING].detections[-1].label
    added = run("add", Context(dataset, labels=[clicked], current=sample.id))
    assert added == ("success", f"Added {label} in figure-01.")
    assert clicked["label_id"] in {d.id for d in image(dataset, 1).labels.detections}
    run("undo", Context(dataset))
    dismissed = run("delete", Context(dataset, labels=[clicked], current=sample.id))
    assert dismissed == ("success", f"Dismissed {label} in figure-01.")


def test_exclude_takes_the_open_image_or_the_ticked_ones(dataset: fo.Dataset) -> None:
    ids = dataset.samples.values("id")
    assert run("exclude", Context(dataset, selected=ids[:2])) == ("success", "Excluded 2 photos.")
    last = image(dataset, 3)
    run("exclude", Context(dataset, selected=ids[:2], current=last.id))
    assert dataset.review().excluded == {"figure-00", "figure-01", "figure-03"}


def test_ticked_tiles_are_decided_on(dataset: fo.Dataset) -> None:
    patches = dataset.samples.match(F("image_id") == "figure-00").to_patches("labels")
    first, second = list(patches)[:2]
    context = Context(dataset, view=patches, selected=[first.id, second.id], category="feet")
    assert run("relabel", context) == ("success", "2 garments are feet now.")
    now = {d.id: d.label for d in image(dataset, 0).labels.detections}
    assert now[first.labels.id] == now[second.labels.id] == "feet"


def test_the_tile_that_is_open_is_drawn_as_it_is_now(dataset: fo.Dataset) -> None:
    patches = dataset.samples.match(F("image_id") == "figure-00").to_patches("labels")
    first, second = list(patches)[:2]
    context = Context(dataset, view=patches, current=first.id, category="feet")
    assert run("relabel", context)[0] == "success"
    ((shown, document),) = context.shown
    assert (shown, document["labels"]["label"]) == (first.id, "feet")
    context = Context(dataset, view=patches, current=second.id)
    assert run("delete", context)[0] == "success"
    ((shown, document),) = context.shown
    assert (shown, document["labels"]) == (second.id, None)


def test_who_decided_on_the_open_tile_may_think_again(dataset: fo.Dataset) -> None:
    """It has left the view, and is still on screen."""

    def press(name: str, **given: str) -> Context:
        dataset.samples.reload()
        view = dataset.samples.load_saved_view(tiles.SUSPECT_SOURCE_LABELS)
        context = Context(dataset, view=view, current=tile, **given)
        assert run(name, context)[0] == "success"
        return context

    tile = dataset.samples.load_saved_view(tiles.SUSPECT_SOURCE_LABELS).first().id
    assert [shown for shown, _ in press("keep").shown] == [tile]
    press("relabel", category="accessories")
    assert [d.action for d in dataset.review().active] == ["keep", "relabel"]
    press("undo")
    ((shown, document),) = press("undo").shown
    assert (shown, document["labels"]["label"]) == (tile, "feet")
    assert dataset.review().active == ()
    press("keep")
    press("exclude")
    assert len(dataset.review().excluded) == 1


def test_tiles_are_those_that_nobody_decided_on(dataset: fo.Dataset) -> None:
    def suspects() -> set[str]:
        dataset.samples.reload()
        return set(dataset.samples.load_saved_view(tiles.SUSPECT_SOURCE_LABELS).values("labels.id"))

    before = suspects()
    assert len(before) > 2
    one, other, *_ = sorted(before)
    photo = {d.id: s for s in dataset.samples for d in s.labels.detections}
    requests = [Request("keep", photo[key].image_id, key) for key in (one, other)]
    decisions.decide(dataset, requests[:1])  # elsewhere
    assert suspects() == before - {one}
    decisions.decide(dataset, requests[1:])
    assert suspects() == before - {one, other}
    decisions.undo(dataset)
    assert suspects() == before - {one}


@pytest.mark.parametrize(
    ("name", "says"),
    [("keep", "Click a label"), ("add", "Click a white region"), ("exclude", "Open a photo")],
)
def test_nothing_picked(dataset: fo.Dataset, name: str, says: str) -> None:
    variant, text = run(name, Context(dataset))
    assert variant == "warning"
    assert text.startswith(says)
    assert not actions(dataset) or actions(dataset)[-1] == "undo"


def test_a_click_on_the_prediction_says_what_to_do(dataset: fo.Dataset) -> None:
    sample = image(dataset, 0)
    clicked = {"label_id": "0" * 24, "sample_id": sample.id, "field": f"outline_{RUN}"}
    variant, text = run("keep", Context(dataset, labels=[clicked], current=sample.id))
    assert variant == "warning"
    assert "the model's prediction" in text


def test_a_click_on_a_missing_garment_is_not_kept(dataset: fo.Dataset) -> None:
    sample = image(dataset, 1)
    clicked = click(sample, MISSING)
    variant, text = run("keep", Context(dataset, labels=[clicked], current=sample.id))
    assert variant == "warning"
    assert "Add accepts it" in text


def test_the_shim_makes_the_plugin_visible(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(fo.config, "plugins_dir", str(tmp_path))
    folder = app.install_plugin()
    (folder / "__init__.py").write_text("stale")
    assert app.install_plugin() == folder
    stamp = folder.stat().st_mtime_ns
    assert app.install_plugin().stat().st_mtime_ns == stamp
    assert [p.name for p in tmp_path.iterdir()] == ["curate"]
    assert app.plugin_visible()
    plugin = fop.get_plugin(app.PLUGIN)
    from fiftyone.plugins.context import PluginContext

    context = PluginContext(plugin)
    context.register_all()
    assert not context.errors
    assert {i.name for i in context.instances} >= {"keep", "relabel", "delete", "undo"}
    assert plugin.has_js
