"""What people change in FiftyOne itself is neither lost nor silently replaced."""

from __future__ import annotations

import fiftyone as fo
import numpy as np
import pytest

from curation.core import rle, taxonomy
from curation.core.errors import DatasetError
from curation.review import journal
from curation.store import decisions, edits
from tests.conftest import decide
from tests.store.test_store import CORNER, dataset, labels, records  # noqa: F401 - fixtures


def sample_a(dataset):  # noqa: F811
    return dataset.samples.match({"image_id": "a"}).first()


def current(dataset):  # noqa: F811
    return next(r for r in dataset.records("labels") if r.image_id == "a").instances


def test_nothing_is_taken_where_nothing_was_edited(dataset):  # noqa: F811
    decide(dataset, "keep", image_id="a", instance_id=labels(dataset)["shirt, blouse"].id)
    assert edits.refresh(dataset) == []


def test_a_label_changed_in_fiftyone_outlives_a_decision_of_ours(dataset):  # noqa: F811
    sample = sample_a(dataset)
    sample.labels.detections[0].label = "feet"
    sample.save()
    decide(dataset, "exclude", image_id="a")
    assert [i.category for i in current(dataset)] == ["feet"]
    assert [d.action for d in dataset.journal.read()] == ["relabel", "exclude"]
    decisions.undo(dataset)
    decisions.undo(dataset)
    assert [i.category for i in current(dataset)] == ["upper-body"]


def test_a_label_deleted_in_fiftyone_stays_deleted(dataset):  # noqa: F811
    sample = sample_a(dataset)
    sample.labels.detections = []
    sample.save()
    (decision,) = edits.refresh(dataset)
    assert decision.action == "delete"
    assert current(dataset) == ()


def test_a_mask_drawn_in_fiftyone_is_the_mask(dataset):  # noqa: F811
    sample = sample_a(dataset)
    drawn = fo.Detection(label="feet", bounding_box=[4 / 6, 0, 2 / 6, 2 / 4], mask=np.ones((2, 2)))
    sample.labels.detections.append(drawn)
    sample.save()
    (decision,) = edits.refresh(dataset)
    assert decision.action == "add"
    assert (rle.decode(current(dataset)[-1].mask) == CORNER).all()


def test_a_mask_changed_in_fiftyone_replaces_ours(dataset):  # noqa: F811
    sample = sample_a(dataset)
    sample.labels.detections[0].mask = np.ones((3, 3), bool)
    sample.save()
    (decision,) = edits.refresh(dataset)
    assert (decision.action, decision.before) == ("redraw", "upper-body")
    (instance,) = current(dataset)
    assert rle.area(instance.mask) == 9
    assert (instance.category, instance.source_label) == ("upper-body", "shirt, blouse")


def test_an_edit_of_class_and_mask_is_taken_back_as_one(dataset):  # noqa: F811
    before = current(dataset)
    sample = sample_a(dataset)
    sample.labels.detections[0].mask = np.ones((3, 3), bool)
    sample.labels.detections[0].label = "feet"
    sample.save()
    with dataset.journal.locked():
        made = edits.adopt(dataset, ["a"], "bea")
    assert [(d.action, d.reviewer) for d in made] == [("relabel", "bea"), ("redraw", "bea")]
    assert [i.category for i in current(dataset)] == ["feet"]
    assert len(decisions.undo(dataset, "bea")) == 2
    assert current(dataset) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"label": "hat"}, "'hat', which is no class"), ({"mask": None}, "box without a mask")],
)
def test_an_edit_that_is_no_label_is_said(dataset, change, reason):  # noqa: F811
    values = {"label": "feet", "bounding_box": [0, 0, 0.5, 0.5], "mask": np.ones((2, 3))}
    sample = sample_a(dataset)
    sample.labels.detections.append(fo.Detection(**(values | change)))
    sample.save()
    with pytest.raises(DatasetError, match=reason):
        edits.refresh(dataset)
    assert dataset.journal.read() == []


def test_what_a_crash_left_undone_is_done_and_is_no_edit(dataset):  # noqa: F811
    """The journal has a decision, the labels do not: killed between the two."""
    shirt = labels(dataset)["shirt, blouse"]
    decision = journal.decision("delete", "a", instance_id=shirt.id)
    dataset.journal.append([decision])
    sample = sample_a(dataset)
    sample.labels.detections[0].label = "feet"  # and somebody edits what still stands there
    sample.save()
    edits.refresh(dataset)
    actions = [d.action for d in dataset.journal.read()]
    assert actions == ["delete", "relabel"]  # the delete is not journaled back
    decisions.undo(dataset)
    assert current(dataset) == ()


def test_a_killed_remap_is_finished_by_whoever_works_next(dataset):  # noqa: F811
    toml = dataset.taxonomy_toml.replace('"upper-body"', '"top half"')
    dataset.set_taxonomy(taxonomy.parse(toml, "new.toml"), toml, "new.toml")
    edits.refresh(dataset)
    assert [i.category for i in current(dataset)] == ["top half"]
    assert dataset.journal.read() == []


def test_labels_built_with_another_journal_are_refused(dataset):  # noqa: F811
    decide(dataset, "exclude", image_id="a")
    dataset.journal.path.unlink()
    with pytest.raises(DatasetError, match="share one CURATE_HOME"):
        edits.refresh(dataset)


def test_a_label_that_is_dragged_keeps_its_mask_to_the_pixel(dataset):  # noqa: F811
    sample = sample_a(dataset)
    before = rle.decode(current(dataset)[0].mask)
    left, top, wide, high = sample.labels.detections[0].bounding_box
    sample.labels.detections[0].bounding_box = [left + 4 / 6, top, wide, high]
    sample.save()
    edits.refresh(dataset)
    after = rle.decode(current(dataset)[0].mask)
    assert (after[:, 4:] == before[:, :2]).all()  # what is out of the photo is cut off
    assert not after[:, :4].any()


@pytest.mark.parametrize(
    "change",
    [{"mask": np.ones((2, 2, 3))}, {"mask": np.ones((0, 0))}, {"bounding_box": [np.nan, 0, 1, 1]}],
)
def test_an_edit_that_cannot_be_drawn_is_said(dataset, change):  # noqa: F811
    sample = sample_a(dataset)
    for name, value in change.items():
        sample.labels.detections[0][name] = value
    sample.save()
    with pytest.raises(DatasetError, match="cannot be drawn"):
        edits.refresh(dataset)
    assert dataset.journal.read() == []
