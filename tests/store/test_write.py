"""Photos taken into a dataset that people work on, and what a crash in between leaves."""

from __future__ import annotations

from dataclasses import replace

import fiftyone as fo
import numpy as np
import pytest
from pymongo.collection import Collection

from curation import store
from curation.core import rle
from curation.core.errors import DatasetError
from curation.core.records import Instance
from curation.store import bulk, decisions, edits
from curation.store import write as writing
from curation.store.import_report import Imported
from curation.store.labels import remap as remap_labels
from curation.store.prepare import (
    MAX_DOCUMENT,
    Target,
    first_finding,
    prepare,
    prepare_slice,
)
from curation.store.write import write as write_records
from tests.conftest import decide
from tests.store.test_store import (  # noqa: F401 - fixtures
    CORNER,
    TOML,
    dataset,
    labels,
    records,
    score,
)


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


def killed(*_args, **_values):
    raise Killed


def raw(dataset):  # noqa: F811
    return {d["image_id"]: d for d in bulk.collection(dataset.samples).find()}


def corrected(record):
    """The record with its second label drawn anew."""
    first, second = record.instances
    mask = rle.encode(np.ones((4, 6), bool))
    return replace(record, instances=(first, replace(second, mask=mask, instance_id="")))


def indexes(dataset):  # noqa: F811
    return {
        (name, tuple(about["key"]), about.get("unique", False))
        for name, about in bulk.collection(dataset.samples).index_information().items()
    }


def test_what_was_written_is_told_image_by_image(dataset, records):  # noqa: F811
    one, two = records
    new = replace(one, image_id="c")
    moved = replace(one, instances=one.instances[::-1])
    batch = [moved, corrected(two), new]
    written = write_records(dataset.name, batch)
    assert (written.added, written.unchanged, written.differing) == (["c"], ["a"], ["b"])
    written = write_records(dataset.name, batch, update=True)
    assert (written.unchanged, written.updated) == (["a", "c"], ["b"])


def test_a_image_is_replaced_at_once_or_not_at_all(dataset, records, monkeypatch):  # noqa: F811
    """Between old and new labels there is no photo with a half of each."""
    seen = []
    original = Collection.bulk_write

    def watched(self, *args, **values):
        before = raw(dataset)["a"]
        result = original(self, *args, **values)
        after = raw(dataset)["a"]
        seen.append({k for k in after if after[k] != before.get(k)})
        return result

    monkeypatch.setattr(Collection, "bulk_write", watched)
    target = writing.target(dataset, True)
    image = prepare(corrected(records[0]), target)
    writing.write_batch(dataset, [image], "v2", Imported())
    assert [fields >= {"ground_truth", "content_digest", "labels"} for fields in seen] == [True]


def test_labels_of_a_image_that_was_replaced_are_computed_by_whoever_comes_next(
    dataset,  # noqa: F811
    records,  # noqa: F811
    monkeypatch,
):
    shirt = labels(dataset)["shirt, blouse"]
    decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="feet")
    monkeypatch.setattr(writing, "fill_labels", killed)
    with pytest.raises(Killed):
        write_records(dataset.name, [corrected(records[0])], update=True)
    assert dataset.count_unmapped() == 1
    monkeypatch.undo()
    write_records(dataset.name, [corrected(records[0])], update=True)
    assert labels(dataset)["shirt, blouse"].label == "feet"


def edit(dataset, category):  # noqa: F811
    """Somebody gives the shirt of photo a another class, in FiftyOne."""
    sample = dataset.samples.match({"image_id": "a"}).first()
    sample.labels.detections[0].label = category
    sample.save()


def test_an_edit_is_journaled_once_though_a_crash_came_between(
    dataset,  # noqa: F811
    records,  # noqa: F811
    monkeypatch,
):
    edit(dataset, "feet")
    drawn = fo.Detection(label="feet", bounding_box=[4 / 6, 0, 2 / 6, 2 / 4], mask=np.ones((2, 2)))
    sample = dataset.samples.match({"image_id": "a"}).first()
    sample.labels.detections.append(drawn)
    sample.save()
    monkeypatch.setattr("curation.store.labels.store_labels", killed)
    with pytest.raises(Killed):
        write_records(dataset.name, [corrected(records[0])], update=True)
    monkeypatch.undo()
    assert len(dataset.journal.read()) == 2
    write_records(dataset.name, [corrected(records[0])], update=True)
    assert [d.action for d in dataset.journal.read()] == ["relabel", "add"]
    assert labels(dataset)["shirt, blouse"].label == "feet"
    assert (rle.decode(added(dataset)) == CORNER).all()


def added(dataset):  # noqa: F811
    record = next(r for r in dataset.records("labels") if r.image_id == "a")
    return record.instances[-1].mask


def test_an_edit_that_says_again_what_an_older_decision_said_counts(dataset):  # noqa: F811
    for category in ("feet", "whole-body", "feet"):
        edit(dataset, category)
        edits.refresh(dataset)
    assert [d.category for d in dataset.journal.read()] == ["feet", "whole-body", "feet"]
    assert labels(dataset)["shirt, blouse"].label == "feet"


def test_an_edit_that_cannot_be_journaled_stops_an_update_and_stays(dataset, records):  # noqa: F811
    edit(dataset, "hat")
    before = raw(dataset)
    with pytest.raises(DatasetError, match="'hat', which is no class of supercategories"):
        write_records(dataset.name, [corrected(records[0])], update=True)
    assert raw(dataset) == before


@pytest.mark.parametrize(
    "place",
    [
        "curation.store.dataset.declare_detections",
        "fiftyone.Dataset.save",
        "curation.store.labels.rebuild",
    ],
)
def test_a_dataset_whose_remap_was_killed_is_imported_into(records, monkeypatch, place):  # noqa: F811
    store.delete("cut-short")
    write_records("cut-short", records[:1])
    cut = store.open("cut-short")
    monkeypatch.setattr(place, killed)
    with pytest.raises(Killed):
        remap_labels(cut, TOML, "supercategories.toml")
    monkeypatch.undo()
    cut.samples.reload()
    write_records("cut-short", records)
    assert len([sample.image_id for sample in cut.samples]) == 2  # FiftyOne can read them
    remap_labels(cut, TOML, "supercategories.toml")
    assert labels(cut).keys() | labels(cut, "b").keys() == {"shirt, blouse", "skirt", "shoe"}
    store.delete("cut-short")


def test_a_dataset_whose_creation_was_killed_gets_all_indexes(monkeypatch):
    for name in ("cut-short", "whole"):
        store.delete(name)
    monkeypatch.setattr("fiftyone.core.dataset._create_indexes", killed)
    with pytest.raises(Killed):
        store.open_or_create("cut-short")
    monkeypatch.undo()
    assert indexes(store.open_or_create("cut-short")) == indexes(store.open_or_create("whole"))
    for name in ("cut-short", "whole"):
        store.delete(name)


def test_orphans_are_the_decisions_whose_label_is_gone(dataset, records):  # noqa: F811
    missing = score(dataset)
    shirt = labels(dataset)["shirt, blouse"]
    decide(dataset, "exclude", image_id="b")
    decide(dataset, "delete", image_id="a", instance_id=missing.instance_id)
    decide(dataset, "keep", image_id="a", instance_id=shirt.id, reviewer="ann")
    assert decisions.orphans(dataset) == []
    less = replace(records[0], instances=records[0].instances[1:])
    write_records(dataset.name, [less], update=True)
    (orphan,) = decisions.orphans(dataset)
    assert (orphan.location, orphan.kind) == ("a", "decision without its label")
    assert orphan.detail == f"keep of {shirt.id} by ann"


def test_a_image_that_the_database_could_not_keep_is_left_out_and_said(
    dataset,  # noqa: F811
    records,  # noqa: F811
):
    """MongoDB refuses a document of more than 16 MiB, and ``labels`` repeats the labels."""
    huge = tuple(float(v) for v in range(1_000_000))
    instance = Instance("dress", records[0].instances[0].mask, "v.json:k#0", polygons=(huge,))
    large = replace(records[0], image_id="large", instances=(instance,))

    class Source:
        def read(self, start, stop, on_finding):
            return [replace(records[1], image_id="c"), large][start:stop]

    shared = Source(), Target(bulk.dataset_id(dataset.samples), {}, True)
    images, skips, *_ = prepare_slice(shared, range(0, 2))
    assert [(s.location, s.kind) for s in skips] == [("v.json:k#0", "photo with too much to keep")]
    assert "large" in skips[0].detail
    assert first_finding(Source(), range(0, 2)) == skips[0]
    writing.write_batch(dataset, images, "v2", Imported())
    assert writing.fill_labels(dataset) == {}
    assert "c" in raw(dataset)


def test_a_image_at_that_bound_can_be_kept_with_its_labels(dataset, records):  # noqa: F811
    ring = tuple(float(v) for v in range(100_000))
    dress = Instance("dress", records[0].instances[0].mask, polygons=(ring,))
    large = replace(records[0], image_id="large", instances=(dress,) * 4)
    image = prepare(large, writing.target(dataset, False))
    assert MAX_DOCUMENT * 0.8 < len(image.document) <= MAX_DOCUMENT
    writing.write_batch(dataset, [image], "", Imported())
    assert writing.fill_labels(dataset) == {}
    assert len(raw(dataset)["large"]["labels"]["detections"]) == 4
