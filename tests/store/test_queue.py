"""What comes after the suspects: labels that are less likely to be wrong, best first."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

import fiftyone as fo
import numpy as np
import pytest

from curation import store
from curation.issues.issue import SUSPECT, ImageScore, Issue, digest
from curation.store import bulk, decisions, queue, results, suspects
from curation.store.decisions import Request
from tests.app.dataset import RUN, build

WRONG = "wrong category"


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    """Labels whose scores are drawn, most of them low; a photo's is that anything is wrong."""
    name = f"queue-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path, images=12, suspects=0)
    dice, scores = random.Random(4), []
    for record in dataset.records("labels"):
        issues = [
            Issue(record.image_id, x.instance_id, x.source, x.category, dice.random() ** 3, WRONG,
                  "dress", "why", digest=digest(x))
            for x in record.instances
        ]  # fmt: skip
        right = 1.0
        for issue in issues:
            right *= 1 - issue.error_score
        scores.append(ImageScore(record.image_id, 1 - right, tuple(issues)))
    results.write_scores(dataset, RUN, scores)
    yield dataset
    store.delete(name)


def undecided(dataset: store.Dataset) -> list[tuple[float, str]]:
    """Scores and ids of labels that are no suspects, highest first, by reading all of them."""
    photos = bulk.read(dataset.samples, dataset.image_ids(), ["labels", "excluded"])
    labels = (d for p in photos if not p.get("excluded") for d in bulk.detections(p, "labels"))
    return sorted(
        ((d["error_score"], str(d["_id"])) for d in labels
         if d["error_score"] < SUSPECT and not d["review_status"]),
        reverse=True,
    )  # fmt: skip


@pytest.mark.parametrize("more", [1, 3, 10, 1000])
def test_the_next_ones_are_those_with_the_highest_scores(dataset, more):
    found = suspects.read(dataset)
    asked = queue.go_on(dataset, found, len(found) + more)
    assert asked[: len(found)] == found
    rest = asked[len(found) :]
    assert [(s.score, s.id) for s in rest] == undecided(dataset)[:more]
    assert not any(s.doubted for s in rest)
    assert {s.reason for s in rest} == {"why"}


def test_what_is_decided_or_excluded_does_not_come_and_what_was_not_moves_up(dataset):
    found = suspects.read(dataset)
    first, second = queue.go_on(dataset, found, len(found) + 2)[-2:]
    decisions.decide(dataset, [Request("keep", first.image_id, first.id)])
    assert queue.go_on(dataset, found, len(found) + 1)[-1].id == second.id
    decisions.decide(dataset, [Request("exclude", second.image_id)])
    rest = queue.go_on(dataset, [], 1000)
    assert second.image_id not in {s.image_id for s in rest}
    assert [(s.score, s.id) for s in rest] == undecided(dataset)


def test_few_photos_are_read_where_few_labels_are_wanted(dataset, monkeypatch):
    read = []
    photos = queue._photos

    def watched(*args, **values):
        found = photos(*args, **values)
        read.append(len(found))
        return found

    monkeypatch.setattr(queue, "_photos", watched)
    monkeypatch.setattr(queue, "_MORE", 2)
    queue.go_on(dataset, [], 1)
    assert read[0] == 2
    twice = [min(2 ** (i + 1), len(dataset)) for i in range(len(read))]
    assert read == twice, "more only where they do not tell"
    read.clear()
    enough = suspects.read(dataset)
    assert queue.go_on(dataset, enough, len(enough)) == enough
    assert read == []


def test_of_some_photos_all_of_their_labels_and_no_others_come(dataset):
    (one, *_) = dataset.image_ids()
    asked = queue.read(dataset, image_ids=[one])
    assert {s.image_id for s in asked} == {one}
    (record,) = dataset.records("labels", [one])
    assert {s.id for s in asked} == {x.instance_id for x in record.instances}
    assert [s.doubted for s in asked] == [s.score >= SUSPECT for s in asked]


def test_a_label_that_was_just_drawn_in_fiftyones_editor_does_not_stop_the_queue(dataset):
    dataset.write_column("photo_hash", {i: f"hash of {i}" for i in dataset.image_ids()})
    hashes = {f"hash of {i}": i for i in dataset.image_ids()}
    before = suspects.of_test_set(dataset, hashes)
    sample = dataset.samples.match({"image_id": dataset.image_ids()[0]}).first()
    box, mask = [0.1, 0.1, 0.2, 0.2], np.ones((4, 4), bool)
    sample.labels.detections.append(fo.Detection(label="feet", bounding_box=box, mask=mask))
    sample.save()
    assert suspects.of_test_set(dataset, hashes) == before
