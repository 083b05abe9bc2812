"""Photos taken into a dataset that people work on, and what a crash in between leaves."""

from __future__ import annotations

from dataclasses import replace

import fiftyone as fo
import numpy as np
import pytest

from curation import store
from curation.core import rle
from curation.core.errors import DatasetError
from curation.core.records import Instance
from curation.steps.import_report import Imported
from curation.store import bulk, edits, intake
from curation.store.prepare import (
    MAX_DOCUMENT,
    Target,
    first_finding,
    prepare,
    prepare_slice,
)
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
    return {d["image_id"]: d for d in bulk.collection(dataset).find()}


def corrected(record):
    """The record with its second label drawn anew."""
    first, second = record.instances
    mask = rle.encode(np.ones((4, 6), bool))
    return replace(record, instances=(first, replace(second, mask=mask, instance_id="")))


def indexes(dataset):  # noqa: F811
    return {
        (name, tuple(about["key"]), about.get("unique", False))
        for name, about in bulk.collection(dataset).index_information().items()
    }


def test_what_was_written_is_told_image_by_image(dataset, records):  # noqa: F811
    one, two = records
    new = replace(one, image_id="c")
    moved = replace(one, instances=one.instances[::-1])
    batch = [moved, corrected(two), new]
    written = store.write(dataset.name, batch)
    assert (written.added, written.unchanged, written.differing) == (["c"], ["a"], ["b"])
    written = store.write(dataset.name, batch, update=True)
    assert (written.unchanged, written.updated) == (["a", "c"], ["b"])


def test_a_image_is_replaced_at_once_or_not_at_all(dataset, records, monkeypatch):  # noqa: F811
    """Between old and new labels there is no photo with a half of each."""
    seen = []
    original = bulk.Collection.bulk_write

    def watched(self, *args, **values):
        before = raw(dataset)["a"]
        result = original(self, *args, **values)
        after = raw(dataset)["a"]
        seen.append({k for k in after if after[k] != before.get(k)})
        return result

    monkeypatch.setattr(bulk.Collection, "bulk_write", watched)
    target = store.target(dataset, True)
    image = prepare(corrected(records[0]), target)
    store.take(dataset, [image], "v2", Imported())
    assert [fields >= {"ground_truth", "content_digest", "labels"} for fields in seen] == [True]


def test_labels_of_a_image_that_was_replaced_are_computed_by_whoever_comes_next(
    dataset,  # noqa: F811
    records,  # noqa: F811
    monkeypatch,
):
    shirt = labels(dataset)["shirt, blouse"]
    store.decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="feet")
    monkeypatch.setattr(intake, "complete", killed)
    with pytest.raises(Killed):
        store.write(dataset.name, [corrected(records[0])], update=True)
    assert store.count_unmapped(dataset) == 1
    monkeypatch.undo()
    store.write(dataset.name, [corrected(records[0])], update=True)
    assert labels(dataset)["shirt, blouse"].label == "feet"


def edit(dataset, category):  # noqa: F811
    """Somebody gives the shirt of photo a another class, in FiftyOne."""
    sample = dataset.match({"image_id": "a"}).first()
    sample.labels.detections[0].label = category
    sample.save()


def test_an_edit_is_journaled_once_though_a_crash_came_between(
    dataset,  # noqa: F811
    records,  # noqa: F811
    monkeypatch,
):
    edit(dataset, "feet")
    drawn = fo.Detection(label="feet", bounding_box=[4 / 6, 0, 2 / 6, 2 / 4], mask=np.ones((2, 2)))
    sample = dataset.match({"image_id": "a"}).first()
    sample.labels.detections.append(drawn)
    sample.save()
    monkeypatch.setattr(edits, "rebuild", killed)
    with pytest.raises(Killed):
        store.write(dataset.name, [corrected(records[0])], update=True)
    monkeypatch.undo()
    assert len(store.decisions(dataset)) == 2
    store.write(dataset.name, [corrected(records[0])], update=True)
    assert [d.action for d in store.decisions(dataset)] == ["relabel", "add"]
    assert labels(dataset)["shirt, blouse"].label == "feet"
    assert (rle.decode(added(dataset)) == CORNER).all()


def added(dataset):  # noqa: F811
    record = next(r for r, _ in store.read(dataset, "labels") if r.image_id == "a")
    return record.instances[-1].mask


def test_an_edit_that_says_again_what_an_older_decision_said_counts(dataset):  # noqa: F811
    for category in ("feet", "whole-body", "feet"):
        edit(dataset, category)
        store.refresh(dataset)
    assert [d.category for d in store.decisions(dataset)] == ["feet", "whole-body", "feet"]
    assert labels(dataset)["shirt, blouse"].label == "feet"


def test_an_edit_that_cannot_be_journaled_stops_an_update_and_stays(dataset, records):  # noqa: F811
    edit(dataset, "hat")
    before = raw(dataset)
    with pytest.raises(DatasetError, match="'hat', which is no class of supercategories"):
        store.write(dataset.name, [corrected(records[0])], update=True)
    assert raw(dataset) == before


@pytest.mark.parametrize("place", ["declare_detections", "fo.Dataset.save", "rebuild"])
def test_a_dataset_whose_remap_was_killed_is_imported_into(records, monkeypatch, place):  # noqa: F811
    store.delete("cut-short")
    store.write("cut-short", records[:1])
    cut = store.open_dataset("cut-short")
    monkeypatch.setattr(f"curation.store.labels.{place}", killed)
    with pytest.raises(Killed):
        store.remap(cut, TOML, "supercategories.toml")
    monkeypatch.undo()
    cut.reload()
    store.write("cut-short", records)
    assert len([sample.image_id for sample in cut]) == 2  # FiftyOne can read them
    store.remap(cut, TOML, "supercategories.toml")
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
    store.decide(dataset, "exclude", image_id="b")
    store.decide(dataset, "delete", image_id="a", instance_id=missing.instance_id)
    store.decide(dataset, "keep", image_id="a", instance_id=shirt.id, reviewer="ann")
    assert store.orphans(dataset) == []
    less = replace(records[0], instances=records[0].instances[1:])
    store.write(dataset.name, [less], update=True)
    (orphan,) = store.orphans(dataset)
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

    shared = Source(), Target(bulk.dataset_id(dataset), {}, True)
    images, skips, _ = prepare_slice(shared, range(0, 2))
    assert [(s.location, s.kind) for s in skips] == [("v.json:k#0", "photo with too much to keep")]
    assert "large" in skips[0].detail
    assert first_finding(Source(), range(0, 2)) == skips[0]
    store.take(dataset, images, "v2", Imported())
    assert store.complete(dataset) == {}
    assert "c" in raw(dataset)


def test_a_image_at_that_bound_can_be_kept_with_its_labels(dataset, records):  # noqa: F811
    ring = tuple(float(v) for v in range(100_000))
    dress = Instance("dress", records[0].instances[0].mask, polygons=(ring,))
    large = replace(records[0], image_id="large", instances=(dress,) * 4)
    image = prepare(large, store.target(dataset, False))
    assert MAX_DOCUMENT * 0.8 < len(image.document) <= MAX_DOCUMENT
    store.take(dataset, [image], "", Imported())
    assert store.complete(dataset) == {}
    assert len(raw(dataset)["large"]["labels"]["detections"]) == 4
