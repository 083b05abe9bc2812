"""Photos that an audit found at fault as a whole: in the queue until somebody decided on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from curation import steps, store
from curation.core.finding import Finding, FindingKind
from curation.review.suspect import FAULT, PHOTO, Suspect
from curation.store import decisions, suspects
from curation.store.audit_results import write_faults
from curation.store.decisions import RefusedError, Request
from curation.store.pictures import outlines
from tests.app.dataset import build, with_copy


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    """Of figure-00 there is a copy, in which one label is another."""
    name = f"photos-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path, images=3, suspects=0)
    with_copy(dataset, tmp_path)
    steps.audit(dataset)
    yield dataset
    store.delete(name)


def photos_of(dataset: store.Dataset) -> list[Suspect]:
    return [s for s in suspects.read(dataset) if s.field == PHOTO]


def decide(dataset: store.Dataset, action: str, about: Suspect, seen: str = "") -> None:
    decisions.decide(dataset, [Request(action, about.image_id, seen=seen or about.seen)], "anna")


def test_a_photo_at_fault_is_a_suspect_with_the_one_it_is_at_odds_with(dataset):
    (copy,) = photos_of(dataset)
    assert (copy.image_id, copy.other) == ("figure-99", "figure-00")
    assert (copy.kind, copy.label) == (FAULT, "")
    assert copy.faults == ("duplicate photo, other labels",)
    assert "figure-00" in copy.reason
    drawn = outlines(dataset, [(copy.id, copy.image_id, copy.field, "")])[copy.id]
    (here,) = dataset.records("labels", ["figure-99"])
    (there,) = dataset.records("labels", ["figure-00"])
    assert [x["label"] for x in drawn["others"]] == [x.category for x in here.instances]
    assert [x["label"] for x in drawn["other"]["labels"]] == [x.category for x in there.instances]
    assert drawn["other"]["path"].endswith("figure-00.jpg")
    assert drawn["seen"] == copy.seen


def test_a_photo_that_is_kept_is_not_asked_about_again_until_it_has_another_fault(dataset):
    (copy,) = photos_of(dataset)
    decide(dataset, "include", copy)
    assert photos_of(dataset) == []
    assert not dataset.samples.match({"image_id": "figure-99"}).first().excluded
    (d,) = dataset.review().active
    assert (d.sentence, d.before) == ("anna kept the photo", copy.reason)
    assert suspects.kinds(dataset)["figure-99"] == FAULT
    sample = dataset.samples.match({"image_id": "figure-99"}).first()
    sample.photo_faults = ["unreadable photo: it ends early"]
    sample.save()
    assert [s.reason for s in photos_of(dataset)] == ["unreadable photo: it ends early"]
    decisions.undo(dataset, "anna")
    assert [s.image_id for s in photos_of(dataset)] == ["figure-99"]


def test_a_photo_that_is_excluded_is_none_and_may_be_taken_back_in(dataset):
    (copy,) = photos_of(dataset)
    decide(dataset, "exclude", copy)
    assert photos_of(dataset) == []
    assert dataset.review().excluded == {"figure-99"}
    decisions.decide(dataset, [Request("include", "figure-99")])
    assert dataset.review().excluded == set()
    assert not dataset.samples.match({"image_id": "figure-99"}).first().excluded


def test_a_decision_on_a_photo_that_somebody_decided_on_meanwhile_is_refused(dataset):
    (copy,) = photos_of(dataset)
    decide(dataset, "exclude", copy)
    with pytest.raises(RefusedError, match="anna excluded the photo; look again"):
        decide(dataset, "include", copy)


def test_a_label_that_another_photo_contradicts_is_shown_with_that_photo(dataset):
    (record,) = dataset.records("labels", ["figure-01"])
    key = record.instances[0].instance_id
    about = ("figure-01", key, "", "figure-02")
    found = [Finding(FindingKind.NEAR_DUPLICATE_GARMENT, "", "two names", *about)]
    write_faults(dataset, found, dataset.column("content_digest"))
    (label,) = suspects.read(dataset)
    assert (label.id, label.kind, label.other) == (key, FAULT, "figure-02")
    drawn = outlines(dataset, [(label.id, label.image_id, label.field, "")])[label.id]
    (there,) = dataset.records("labels", ["figure-02"])
    assert [x["label"] for x in drawn["other"]["labels"]] == [x.category for x in there.instances]
    assert drawn["other"]["path"].endswith("figure-02.jpg")
