"""A curator who knows the truth, on a dataset: what is decided, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.errors import DatasetError
from curation.core.records import ImageRecord, Instance
from curation.issues.issue import ImageScore, Issue, PhotoErrorType, PhotoIssue, digest
from curation.store import results
from curation.store.fields import LABELS
from curation.store.labels import remap as remap_labels
from curation.store.write import write as write_records
from tests.conftest import picture

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
MASK = rle.encode(np.ones((8, 8), bool))
WRONG = "p1"


def written(name, records):
    store.delete(name)
    write_records(name, records)
    dataset = store.open(name)
    (dataset.folder / "decisions.csv").unlink(missing_ok=True)
    remap_labels(dataset, TOML, "supercategories")
    return dataset


@pytest.fixture
def both(tmp_path):
    """Four skirts, one of which is called a shoe, and the same four as they should be."""
    right = []
    for number in range(4):
        path = tmp_path / f"p{number}.png"
        Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(path)
        right.append(ImageRecord(path.stem, path, 8, 8, (Instance("skirt", MASK),)))
    wrong = (Instance("shoe", MASK),)
    given = [replace(r, instances=wrong) if r.image_id == WRONG else r for r in right]
    yield written("test-simulated", given), written("test-simulated-truth", right)
    store.delete("test-simulated")
    store.delete("test-simulated-truth")


def ids(dataset):
    return {r.image_id: r.instances[0].instance_id for r in dataset.records()}


def test_labels_are_decided_on_in_the_order_that_is_given(both):
    dataset, truth = both
    order = [ids(dataset)[name] for name in ("p3", WRONG, "p0")]
    made = steps.simulate(dataset, truth, 2, order=order)
    assert [(d.image_id, d.action, d.category) for d in made] == [
        ("p3", "keep", ""),
        (WRONG, "relabel", "lower-body"),
    ]
    (mended,) = next(iter(dataset.records(LABELS, [WRONG]))).instances
    assert mended.category == "lower-body"


def test_labels_that_are_decided_or_gone_are_passed_over(both):
    dataset, truth = both
    order = ["0" * 24, *ids(dataset).values()]
    steps.simulate(dataset, truth, 1, order=order)
    made = steps.simulate(dataset, truth, 9, order=order)
    assert [d.image_id for d in made] == [WRONG, "p2", "p3"]


def test_without_an_order_a_dataset_that_nobody_flagged_has_nothing_to_decide_on(both):
    assert steps.simulate(*both, 9) == []


def test_once_no_suspect_is_left_it_goes_on_with_what_is_less_likely_to_be_wrong(both):
    dataset, truth = both
    doubts = {"p0": 0.9, WRONG: 0.1, "p2": 0.2, "p3": 0.05}
    scores = []
    for record in dataset.records(LABELS):
        (label,) = record.instances
        score = doubts[record.image_id]
        about = (record.image_id, label.instance_id, "", label.category, score)
        issue = Issue(*about, "wrong category", "feet", "why", digest=digest(label))
        scores.append(ImageScore(record.image_id, score, (issue,)))
    results.write_scores(dataset, "r1", scores)
    made = steps.simulate(dataset, truth, 3)
    assert [(d.image_id, d.action) for d in made] == [
        ("p0", "keep"), ("p2", "keep"), (WRONG, "relabel")]  # fmt: skip
    assert [d.image_id for d in steps.simulate(dataset, truth, 3)] == ["p3"]


def test_a_truth_that_lacks_a_photo_is_refused_and_nothing_decided(both):
    dataset, _ = both
    only = written("test-simulated-truth", list(dataset.records("ground_truth"))[:3])
    with pytest.raises(DatasetError, match="lacks a photo that is to be decided on"):
        steps.simulate(dataset, only, 9, order=list(ids(dataset).values()))
    assert dataset.journal.read() == []


@pytest.mark.parametrize("suggested", ["mirror", ""])
def test_a_photo_that_is_doubted_as_a_whole_is_mended_or_left_out(tmp_path, suggested):
    """Its labels are mirrored; where nobody says so, they belong to no garment in it."""
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    left, right = (rle.encode(picture(*[row] * 8)) for row in ("##......", "......##"))
    truth = ImageRecord("p", tmp_path / "p.png", 8, 8, (Instance("skirt", left),))
    given = replace(truth, instances=(Instance("skirt", right),))
    dataset = written("test-simulated", [given])
    (label,) = next(iter(dataset.records(LABELS))).instances
    whole = PhotoIssue(0.9, str(PhotoErrorType.MIRRORED), "why", suggested)
    about = ("p", label.instance_id, "", label.category, 0.1)
    doubt = Issue(*about, "spurious", "", "why", digest=digest(label))
    results.write_scores(dataset, "r1", [ImageScore("p", 0.9, (doubt,), whole)])
    made = steps.simulate(dataset, written("test-simulated-truth", [truth]), 1)
    assert [d.action for d in made] == ["redraw" if suggested else "exclude"]
    (now,) = next(iter(dataset.records(LABELS))).instances
    assert now.mask == (left if suggested else right)
    store.delete("test-simulated")
    store.delete("test-simulated-truth")
