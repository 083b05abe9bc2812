"""Suggested masks in the review panel: drawn, taken over with one decision, and taken back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from curation import steps, store
from curation.core import rle
from curation.core.rle import Rle
from curation.issues.issue import ErrorType, ImageScore, Issue, digest
from curation.store import app, bulk, results
from curation.store.fields import SUGGESTIONS
from tests.app.dataset import RUN, Merged, build, doubt_merged

SHOES = Merged.other


class Panel:
    """A dataset with a merged label, and what the panel asks about it."""

    def __init__(self, dataset: store.Dataset) -> None:
        self.dataset = dataset
        merged = doubt_merged(dataset)
        self.record, self.label = merged.record, merged.label
        self.first, self.second = merged.first, merged.second

    def labels(self) -> dict[str, tuple[str, Rle]]:
        (record,) = self.dataset.records("labels", [self.record.image_id])
        return {x.instance_id: (x.category, x.mask) for x in record.instances}

    def suspect(self) -> dict[str, Any]:
        suspects = ask(self.dataset, "review_queue")["suspects"]
        return next(s for s in suspects if s["id"] == self.label.instance_id)

    def drawn(self, **asked_for: str) -> dict[str, Any]:
        asked = [self.suspect() | asked_for]
        return ask(self.dataset, "review_outlines", suspects=asked)["outlines"][asked[0]["id"]]

    def take(self) -> dict[str, Any]:
        return self.redraw(self.drawn()["predicted"])

    def redraw(self, predicted: str, **more: str) -> dict[str, Any]:
        known = self.suspect()
        decision = {"action": "redraw", "image_id": known["image_id"], "seen": known["seen"],
                    "instance_id": known["id"], "predicted": predicted, **more}  # fmt: skip
        return ask(self.dataset, "review_decide", reviewer="anna", decisions=[decision])


def ask(dataset: store.Dataset, name: str, **asked: Any) -> dict[str, Any]:
    questions = {q.name: q for q in app.load_plugin().QUESTIONS}
    return questions[name]().execute(SimpleNamespace(dataset=dataset.samples, params=asked))


@pytest.fixture
def merged(tmp_path) -> Iterator[Panel]:
    name = f"masks-{uuid.uuid4().hex[:8]}"
    yield Panel(build(name, tmp_path, images=2))
    store.delete(name)


def inside(mask: Rle, rings) -> None:
    """Every point of the rings is of a pixel of the mask, and they go all around it."""
    points = np.array([point for ring in rings for point in ring])
    rows, columns = (points * (mask.width, mask.height)).astype(int).T[::-1]
    assert rle.decode(mask)[rows, columns].all()
    left, top, width, height = rle.bbox(mask)
    reach = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert reach == [left, top, left + width, top + height]


def test_both_garments_of_a_merged_label_are_drawn(merged):
    drawn = merged.drawn()
    assert drawn["predicted"]
    assert drawn["suggestion_label"] == merged.label.category
    inside(merged.first, drawn["suggestion"])
    assert drawn["second"]["label"] == SHOES
    inside(merged.second, drawn["second"]["rings"])


def test_one_decision_makes_two_labels_and_one_undo_takes_both_back(merged):
    before, drawn = merged.labels(), merged.drawn()
    told = merged.take()
    assert [d.action for d in merged.dataset.review().active] == ["redraw", "add"]
    assert len(told["saved"]) == 2
    (added,) = merged.labels().keys() - before.keys()
    assert merged.labels() == before | {
        merged.label.instance_id: (merged.label.category, merged.first),
        added: (SHOES, merged.second),
    }
    undone = ask(merged.dataset, "review_undo", reviewer="anna")
    assert len(undone["undone"]) == 2
    assert [s["id"] for s in undone["suspects"]] == [merged.label.instance_id]
    assert (merged.labels(), merged.drawn()) == (before, drawn)
    merged.take()
    assert added in merged.labels(), "the second has the same id whenever it is taken over"


def test_what_was_taken_over_comes_out_of_a_file_of_decisions(merged, tmp_path):
    merged.take()
    after = merged.labels()
    steps.export_decisions(merged.dataset, tmp_path / "decisions.csv")
    ask(merged.dataset, "review_undo", reviewer="anna")
    assert merged.labels() != after
    steps.import_decisions(merged.dataset, tmp_path / "decisions.csv")
    assert merged.labels() == after


def test_a_label_that_was_edited_has_no_mask_suggested_any_more(merged):
    decision = {"action": "relabel", "image_id": merged.record.image_id, "category": SHOES,
                "instance_id": merged.label.instance_id}  # fmt: skip
    ask(merged.dataset, "review_decide", reviewer="anna", decisions=[decision])
    labels = bulk.detections(
        next(bulk.read(merged.dataset.samples, [merged.record.image_id], ["labels"])), "labels"
    )
    changed = next(d for d in labels if str(d["_id"]) == merged.label.instance_id)
    assert [changed[field.name] for field in SUGGESTIONS] == [None] * 3


def test_scores_of_an_earlier_build_are_read_and_the_prediction_is_drawn(merged):
    """They have no masks, neither among the scores nor on the labels."""
    samples = merged.dataset.samples
    key = merged.label.instance_id
    gone = [
        f"{of}.{x.name}" for x in SUGGESTIONS for of in (f"scores.{key}", "labels.detections.$[]")
    ]
    bulk.collection(samples).update_many({}, {"$unset": dict.fromkeys(gone, "")})
    drawn = merged.drawn()
    assert drawn["predicted"]
    assert drawn["second"] is None
    told = merged.take()
    assert len(told["saved"]) == 1
    category, mask = merged.labels()[key]
    assert (category, mask in (merged.first, merged.second)) == (merged.label.category, False)
    assert rle.iou(mask, merged.label.mask) > 0
    undone = ask(merged.dataset, "review_undo", reviewer="anna")
    assert [s["id"] for s in undone["suspects"]] == [key]


def test_a_mask_is_taken_over_under_the_class_that_it_was_made_for(merged):
    """Where the reviewer wants another class, it is what the model sees of that one."""
    of_shoes = merged.drawn(suggested=SHOES)
    assert of_shoes["suggestion_label"] == SHOES
    told = merged.redraw(of_shoes["predicted"], category=SHOES)
    assert len(told["saved"]) == 2
    category, mask = merged.labels()[merged.label.instance_id]
    assert (category, mask in (merged.first, merged.second)) == (SHOES, False)


def test_a_mask_that_was_suggested_anew_is_looked_at_before_it_is_taken_over(merged):
    on_screen = merged.drawn()["predicted"]
    before = merged.labels()
    label = {"suggested_mask": merged.second.counts.decode()}
    bulk.collection(merged.dataset.samples).update_many(
        {}, {"$set": {f"labels.detections.$[x].{k}": v for k, v in label.items()}},
        array_filters=[{"x.suggested_mask": {"$ne": None}}],
    )  # fmt: skip
    told = merged.redraw(on_screen)
    assert "another mask is suggested by now: look again" in told["refused"]
    assert merged.labels() == before
    assert len(merged.take()["saved"]) == 2


def test_a_suggestion_of_a_label_as_it_was_is_not_taken_over(merged):
    other = replace(merged.label, mask=merged.second)
    issue = Issue(
        merged.record.image_id, merged.label.instance_id, "", "", 0.9, ErrorType.MERGED, "", "",
        digest=digest(other), suggested_mask=merged.first,
    )  # fmt: skip
    results.write_scores(merged.dataset, RUN, [ImageScore(merged.record.image_id, 0.9, (issue,))])
    labels = bulk.detections(
        next(bulk.read(merged.dataset.samples, [merged.record.image_id], ["labels"])), "labels"
    )
    assert {d["suggested_mask"] for d in labels} == {None}
