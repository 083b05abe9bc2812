"""Labels of the annotation file: decided on, flagged, and under every taxonomy."""
# ruff: noqa: F811 - fixtures come from another module

from __future__ import annotations

import pytest

from curation.core.errors import DatasetError
from curation.store import decisions
from curation.store.labels import finer_labels
from curation.store.labels import remap as remap_labels
from tests.conftest import decide
from tests.store.test_store import (  # noqa: F401 - fixtures
    TOML,
    dataset,
    labels,
    records,
    score,
)


def test_a_source_label_is_decided_on_and_holds_under_every_taxonomy(dataset):
    shirt = labels(dataset)["shirt, blouse"]
    known = {"image_id": "a", "instance_id": shirt.id, "taxonomy": "source"}
    decide(dataset, "relabel", category="coat", **known)
    changed = labels(dataset)["shirt, blouse"]
    assert (changed.label, changed.source_label) == ("whole-body", "coat")
    record, *_ = dataset.records("labels")
    assert record.instances[0].source_label == "coat"
    other = TOML.replace('name = "supercategories"', 'name = "other"')
    other = other.replace('"whole-body"', '"long"')
    assert remap_labels(dataset, other, "other.toml").deferred == 0
    assert labels(dataset)["shirt, blouse"].label == "long"
    decisions.undo(dataset)
    back = labels(dataset)["shirt, blouse"]
    assert (back.label, back.source_label) == ("upper-body", "shirt, blouse")


@pytest.mark.parametrize(
    ("taxonomy", "reason"),
    [
        ("source", "'toga' is not a source label that supercategories speaks of"),
        ("styles", "taxonomy 'styles' is neither supercategories nor source"),
    ],
)
def test_a_label_of_no_vocabulary_is_refused(dataset, taxonomy, reason):
    known = {"image_id": "a", "instance_id": labels(dataset)["shirt, blouse"].id}
    with pytest.raises(DatasetError, match=reason):
        decide(dataset, "relabel", category="toga", taxonomy=taxonomy, **known)
    assert dataset.journal.read() == []


def test_a_dataset_of_an_earlier_curate_gets_the_new_fields(dataset):
    for name in ("source_error_score", "suggested_source_label", "source_reason"):
        dataset.samples.delete_sample_field(f"labels.detections.{name}")
    score(dataset)
    dataset.samples.reload()
    assert dataset.samples.get_field("labels.detections.source_error_score") is not None
    assert labels(dataset)["shirt, blouse"].source_error_score == 0.7


def test_scores_of_an_earlier_curate_stand_until_flagged_again(dataset):
    score(dataset)
    known = dataset.samples.match({"image_id": "a"}).first()
    (key,) = known.scores
    old = {
        n: v for n, v in known.scores[key].items() if not n.startswith(("source", "suggested_s"))
    }
    known.scores = {key: old}
    known.save()
    decide(dataset, "keep", image_id="a", instance_id=key)
    shirt = labels(dataset)["shirt, blouse"]
    assert (shirt.error_score, shirt.source_error_score) == (0.9, None)


def test_a_rename_within_the_class_keeps_the_score_of_the_class(dataset):
    score(dataset)
    shirt = labels(dataset)["shirt, blouse"]
    known = {"image_id": "a", "instance_id": shirt.id, "taxonomy": "source"}
    decide(dataset, "relabel", category="jacket", **known)
    renamed = labels(dataset)["shirt, blouse"]
    assert (renamed.error_score, renamed.source_error_score) == (0.9, None)


def test_labels_on_the_ignore_list_are_no_class_to_choose(dataset):
    toml = TOML.replace('  "sleeve",\n  "pocket",\n', "")
    toml = toml.replace("ignore = []", 'ignore = ["sleeve", "pocket"]')
    remap_labels(dataset, toml, "x.toml")
    assert "sleeve" not in finer_labels(dataset)


def test_what_a_source_label_brought_back_can_be_decided_on(dataset):
    sleeve = next(
        d.id for d in dataset.samples.match({"image_id": "a"}).first().ground_truth.detections
        if d.label == "sleeve"
    )  # fmt: skip
    keeps = TOML.replace('  "sleeve",\n', "").replace("from = [", 'from = ["sleeve", ', 1)
    remap_labels(dataset, keeps.replace('"supercategories"', '"keeps"', 1), "keeps.toml")
    known = {"image_id": "a", "instance_id": sleeve}
    decide(dataset, "relabel", category="jacket", taxonomy="source", **known)
    remap_labels(dataset, TOML, "supercategories.toml")
    assert labels(dataset)["sleeve"].label == "upper-body"
    decide(dataset, "delete", **known)
    assert "sleeve" not in labels(dataset)


def test_suspect_source_labels_have_a_view_and_leave_when_decided(dataset):
    score(dataset)
    shirt = labels(dataset)["shirt, blouse"]
    assert (shirt.source_error_score, shirt.suggested_source_label) == (0.7, "jacket")

    def shown() -> list[str]:
        view = dataset.samples.load_saved_view("suspect source labels, worst first")
        view.reload()  # tiles are a copy
        return view.values("labels.id")

    assert shown() == [shirt.id]
    known = {"image_id": "a", "instance_id": shirt.id, "taxonomy": "source"}
    decide(dataset, "relabel", category="jacket", **known)
    assert shown() == []
    decisions.undo(dataset)
    assert shown() == [shirt.id]
