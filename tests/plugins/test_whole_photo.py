"""All labels of a photo doubted together: one suspect, one decision, one undo."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from curation import store
from curation.core import rle
from curation.issues.issue import PhotoErrorType, PhotoIssue
from curation.issues.transform import Transform
from curation.store import bulk, decisions, opening
from curation.store.decisions import Request
from tests.app.dataset import MIRRORED, build, doubt_whole
from tests.plugins.test_review import ask, decide, queue

ANOTHER = PhotoIssue(0.9, str(PhotoErrorType.ANOTHER_PHOTO), "are its labels of another photo?")


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    """No label of its 3 photos is a suspect alone; all of figure-01 are together."""
    name = f"whole-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path, images=3, suspects=0)
    doubt_whole(dataset)
    yield dataset
    store.delete(name)


def photo_of(dataset: store.Dataset) -> dict:
    (found,) = [s for s in queue(dataset) if s["field"] == "photo"]
    return found


def masks(dataset: store.Dataset) -> dict[str, np.ndarray]:
    (record,) = dataset.records("labels", ["figure-01"])
    return {x.instance_id: rle.decode(x.mask) for x in record.instances}


def counted(dataset: store.Dataset) -> int:
    (photo,) = bulk.read(dataset.samples, ["figure-01"], ["n_suspect"])
    return photo["n_suspect"]


def test_the_photo_is_the_suspect_and_what_would_mend_it_is_drawn(dataset):
    photo = photo_of(dataset)
    assert [s["id"] for s in queue(dataset)] == [photo["id"]]
    assert (photo["kind"], photo["score"], photo["suggested"]) == (
        "mirrored labels",
        0.99,
        "mirror",
    )
    assert photo["reason"] == MIRRORED.reason
    assert counted(dataset) == 1
    drawn = ask(dataset, "review_outlines", suspects=[photo])["outlines"][photo["id"]]
    assert drawn["seen"] == photo["seen"]
    for given, right in zip(drawn["others"], drawn["other"]["labels"], strict=True):
        assert given["label"] == right["label"]
        x = [[1 - x for x, _ in ring] for ring in given["rings"]]
        assert x == [[x for x, _ in ring] for ring in right["rings"]]


def test_one_decision_mirrors_all_labels_and_one_undo_takes_it_back(dataset):
    photo, before = photo_of(dataset), masks(dataset)
    told = decide(dataset, photo, "transform", instance_id="")
    assert len(told["saved"]) == len(before)
    after = masks(dataset)
    assert all((after[key] == mask[:, ::-1]).all() for key, mask in before.items())
    assert queue(dataset) == []
    assert counted(dataset) == 0
    assert list(opening.stale(dataset)) == []
    told = ask(dataset, "review_undo", reviewer="anna")
    assert photo["id"] in [s["id"] for s in told["suspects"]]
    assert told["front"] == [photo["id"]]
    assert photo_of(dataset)["id"] == photo["id"]
    assert all((masks(dataset)[key] == mask).all() for key, mask in before.items())


@pytest.mark.parametrize("action", ["keep", "redraw"])
def test_an_undo_of_one_label_brings_back_that_label_and_not_the_photo(dataset, action):
    photo = photo_of(dataset)
    every = ask(dataset, "review_queue")["suspects"]
    label, *_ = [s for s in every if s["image_id"] == "figure-01" and s["field"] == "labels"]
    drawn = ask(dataset, "review_outlines", suspects=[label])["outlines"][label["id"]]
    decide(dataset, label, action, predicted=drawn["predicted"])
    told = ask(dataset, "review_undo", reviewer="anna")
    assert told["front"] == [label["id"]]
    assert {s["id"] for s in told["suspects"]} == {label["id"], photo["id"]}


def test_a_label_that_somebody_drew_anew_is_not_mirrored_with_the_others(dataset):
    before = masks(dataset)
    redrawn, *others = before
    mask = np.roll(before[redrawn], 9, axis=1)
    request = Request("redraw", "figure-01", redrawn, mask=rle.to_text(rle.encode(mask)))
    decisions.decide(dataset, [request], "ben")
    photo = photo_of(dataset)
    drawn = ask(dataset, "review_outlines", suspects=[photo])["outlines"][photo["id"]]
    same = [a == b for a, b in zip(drawn["others"], drawn["other"]["labels"], strict=True)]
    assert sum(same) == 1, "what is drawn is what will be"
    decide(dataset, photo, "transform", instance_id="")
    after = masks(dataset)
    assert (after[redrawn] == mask).all()
    assert all((after[key] == before[key][:, ::-1]).all() for key in others)


def test_a_label_that_would_leave_the_photo_is_deleted_and_comes_back(dataset):
    far = str(Transform(right=0.99, down=0.99))
    doubt_whole(dataset, replace(MIRRORED, error_type="moved labels", suggested_transform=far))
    before = masks(dataset)
    decide(dataset, photo_of(dataset), "transform", instance_id="")
    assert masks(dataset).keys() < before.keys()
    ask(dataset, "review_undo", reviewer="anna")
    assert masks(dataset).keys() == before.keys()


def test_a_photo_that_is_kept_is_not_asked_about_again_by_another_run_either(dataset):
    decide(dataset, photo_of(dataset), "include", instance_id="")
    assert queue(dataset) == []
    assert counted(dataset) == 0
    doubt_whole(dataset, replace(MIRRORED, error_score=0.7, reason="other figures"))
    assert queue(dataset) == []
    doubt_whole(dataset, ANOTHER)
    assert photo_of(dataset)["kind"] == "labels of another photo"


def test_labels_of_another_photo_are_held_against_what_the_model_sees(dataset):
    doubt_whole(dataset, ANOTHER)
    photo = photo_of(dataset)
    drawn = ask(dataset, "review_outlines", suspects=[photo])["outlines"][photo["id"]]
    seen = {x["label"] for x in drawn["other"]["labels"] if x["rings"]}
    (record,) = dataset.records("labels", ["figure-01"])
    assert seen == {x.category for x in record.instances}
    told = decide(dataset, photo, "transform", instance_id="")
    assert "look again" in told["refused"], "there is nothing that would mend them"
    decide(dataset, photo, "exclude", instance_id="")
    assert dataset.review().excluded == {"figure-01"}


def test_a_photo_that_changed_since_it_was_seen_is_not_mirrored(dataset):
    photo = photo_of(dataset)
    decide(dataset, photo, "include", reviewer="ben", instance_id="")
    told = decide(dataset, photo, "transform", instance_id="")
    assert "not what you saw" in told["refused"]
    assert [d.action for d in dataset.journal.read()] == ["include"]


def test_another_mend_than_was_seen_is_not_taken(dataset):
    photo = photo_of(dataset)
    doubt_whole(
        dataset, replace(MIRRORED, error_type="mirrored labels", suggested_transform="turn")
    )
    told = decide(dataset, photo, "transform", instance_id="")
    assert "not what you saw" in told["refused"]
    assert dataset.journal.read() == []


def test_labels_that_were_decided_on_one_by_one_end_the_doubt(dataset):
    for key in masks(dataset):
        said = {"action": "keep", "image_id": "figure-01", "instance_id": key}
        ask(dataset, "review_decide", reviewer="anna", decisions=[said])
    assert [s for s in queue(dataset) if s["field"] == "photo"] == []
    assert counted(dataset) == 0
