"""Documents written past FiftyOne's public way are those that the public way writes."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import bson
import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import console, masks, rle, taxonomy
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.store import bulk, documents, edits
from curation.store.labels import remap as remap_labels
from curation.store.write import write as write_records
from tests.conftest import decide, picture

HEIGHT, WIDTH = 12, 16
L_SHAPE = rle.encode(np.pad(picture("#..", "#..", "###"), ((8, 1), (2, 11))))
EMPTY = rle.encode(np.zeros((HEIGHT, WIDTH), bool))
FULL = rle.encode(np.ones((HEIGHT, WIDTH), bool))
PIXEL = rle.from_pairs("192 1", HEIGHT, WIDTH)  # the last one, at the bottom right
RING = (1.5, 8.0, 5.0, 8.0, 5.0, 11.25)
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")

INSTANCES = {
    "plain": (Instance("shoe", L_SHAPE, "t.csv:2"),),
    "attributes": (Instance("shoe", L_SHAPE, "t.csv:2", ("high", "red")),),
    "polygons": (Instance("shoe", L_SHAPE, "v.json:k#0", polygons=(RING, RING[::-1])),),
    "repaired": (Instance("shoe", L_SHAPE, "t.csv:2", repaired=(FindingKind.OVERLAPPING_RUNS,)),),
    "no place": (Instance("shoe", L_SHAPE),),
    "empty mask": (Instance("shoe", EMPTY, "t.csv:2"),),
    "one pixel": (Instance("shoe", PIXEL, "t.csv:2"),),
    "full photo": (Instance("shoe", FULL, "t.csv:2"),),
    "twins": (Instance("shoe", L_SHAPE, "t.csv:2"), Instance("shoe", L_SHAPE, "t.csv:3")),
    "no label": (),
    "not ASCII": (Instance("Schuh é 靴", L_SHAPE, "t.csv:2", ("grün",)),),
}


def image(folder: Path, name: str, instances: tuple[Instance, ...]) -> ImageRecord:
    path = folder / f"{name}.png"
    Image.new("L", (WIDTH, HEIGHT)).save(path)
    return ImageRecord(name, path, HEIGHT, WIDTH, instances)


@pytest.fixture
def records(tmp_path):
    """One photo of each kind above, and one that is larger than what is drawn."""
    side = 2 * documents.DRAWN + 31
    large = np.zeros((side, 40), bool)
    large[300:1400, 5:36] = True
    path = tmp_path / "large.png"
    Image.new("L", large.shape[::-1]).save(path)
    shoes = (Instance("shoe", rle.encode(large), "t.csv:9"),)
    small = [image(tmp_path, name, instances) for name, instances in INSTANCES.items()]
    return [*small, ImageRecord("large", path, *large.shape, shoes)]


@pytest.fixture
def new():
    """Makes empty datasets."""
    numbers = count()

    def make() -> fo.Dataset:
        names.append(f"test-bulk-{next(numbers)}")
        store.delete(names[-1])
        return store.open_or_create(names[-1]).samples

    names: list[str] = []
    yield make
    for name in names:
        store.delete(name)


def packed(dataset, records):
    return [bson.encode(documents.sample(r, bulk.dataset_id(dataset))) for r in records]


def publicly(dataset, records):
    """Adds records in the way that FiftyOne documents."""
    made = [documents.sample(record, bulk.dataset_id(dataset)) for record in records]
    dataset.add_samples([bulk.to_sample(document) for document in made])
    return dataset


def privately(dataset, records):
    bulk.insert(dataset, packed(dataset, records))
    return dataset


def raw(dataset):
    return list(bulk.collection(dataset).find().sort("image_id", 1))


def stored(dataset):
    return {d["image_id"]: bulk.comparable(d) for d in raw(dataset)}


def as_samples(dataset):
    """Each photo through FiftyOne's classes, with its masks as lists."""
    dataset.reload()
    result = {}
    for sample in dataset:
        fields = {k: v for k, v in sample.to_dict(include_private=True).items() if k != "id"}
        drawn = [d.mask for d in sample.ground_truth.detections]
        fields = {k: v for k, v in fields.items() if k not in bulk._OURS}
        for detection in fields["ground_truth"]["detections"]:
            detection.pop("mask", None)
        result[sample.image_id] = fields, [m if m is None else m.tolist() for m in drawn]
    return result


def schema(dataset):
    return {path: str(f) for path, f in dataset.get_field_schema(flat=True).items()}


def test_this_fiftyone_is_written_to_directly():
    """Should another version fail here, the import works, but at a tenth of the speed."""
    assert bulk.holds()


def test_images_are_stored_as_fiftyone_itself_stores_them(records, new):
    ours, theirs = privately(new(), records), publicly(new(), records)
    assert stored(ours).keys() == {r.image_id for r in records}
    assert stored(ours) == stored(theirs)
    for mine, yours in zip(raw(ours), raw(theirs), strict=True):
        by_probability = ("_id", "_rand", "created_at", "last_modified_at")
        assert mine.keys() >= set(by_probability)
        assert [type(mine[k]) for k in by_probability] == [type(yours[k]) for k in by_probability]
        assert mine["_dataset_id"] == bulk.dataset_id(ours)
        assert yours["_dataset_id"] == bulk.dataset_id(theirs)
        assert 0 <= mine["_rand"] <= 1


def test_images_are_read_by_fiftyone_as_its_own(records, new):
    ours, theirs = privately(new(), records), publicly(new(), records)
    assert as_samples(ours) == as_samples(theirs)
    assert schema(ours) == schema(theirs)
    assert (len(ours), ours.media_type) == (len(records), "image")


def test_what_was_written_directly_is_read_as_it_was_and_drawn_as_it_is(records, new):
    ours = privately(new(), records)
    assert list(store.wrap(ours).records("ground_truth")) == sorted(
        records, key=lambda r: r.image_id
    )
    by_id = {r.image_id: r for r in records}
    for sample in ours:
        for detection, instance in zip(
            sample.ground_truth.detections, by_id[sample.image_id].instances, strict=True
        ):
            piece, _ = masks.crop(instance.mask, documents.DRAWN)
            drawn = np.zeros((0, 0), bool) if detection.mask is None else detection.mask
            assert (drawn == piece).all()
            assert drawn.shape == piece.shape
    assert ours.match({"image_id": "large"}).first().ground_truth.detections[0].mask.shape[0] < 768


def test_images_written_directly_can_be_changed_and_saved_by_fiftyone(records, new):
    ours = privately(new(), records)
    sample = ours.match({"image_id": "full photo"}).first()
    sample.ground_truth.detections[0].label = "boot"
    sample.tags.append("seen")
    sample.save()
    ours.reload()
    assert ours.count_values("tags") == {"seen": 1}
    assert ours.count_values("ground_truth.detections.label")["boot"] == 1


def changes(records):
    """Other labels for each photo: each has those of the next; and some fields without value."""
    turned = [*records[1:-1], records[0]]
    result = {}
    for old, other in zip(records[:-1], turned, strict=True):
        fields = documents.source(replace(old, instances=other.instances))
        result[old.image_id] = {**fields, "photo_hash": None, "labels_fingerprint": ["x", "y"]}
    return result


def test_an_update_stores_what_set_values_stores(records, new):
    ours, theirs = privately(new(), records), privately(new(), records)
    changed = changes(records)
    bulk.update(ours, changed)
    for name in next(iter(changed.values())):
        values = {i: bulk.to_value(fields[name]) for i, fields in changed.items()}
        theirs.set_values(name, values, key_field="image_id")
    assert stored(ours) == stored(theirs)
    assert as_samples(ours) == as_samples(theirs)
    assert schema(ours) == schema(theirs)


def test_an_update_changes_the_images_it_names_alone_and_their_time(records, new):
    ours = privately(new(), records)
    before = {d["image_id"]: d for d in raw(ours)}
    changed = dict([changes(records).popitem()])
    bulk.update(ours, changed)
    after = {d["image_id"]: d for d in raw(ours)}
    assert [i for i in before if before[i] != after[i]] == list(changed)
    (name,) = changed
    assert after[name]["last_modified_at"] > before[name]["last_modified_at"]
    assert after[name]["created_at"] == before[name]["created_at"]


def test_an_update_of_a_image_that_is_in_memory_is_seen_there(records, new):
    ours = privately(new(), records)
    sample = ours.first()
    bulk.update(ours, {sample.image_id: {"split": "val"}})
    assert sample.split == "val"


@pytest.fixture
def another_fiftyone(monkeypatch):
    """A FiftyOne that keeps a field more than we know of; and what is said on the terminal."""
    said: list[tuple[str, str]] = []
    known = documents.sample
    monkeypatch.setattr(documents, "sample", lambda *a: known(*a) | {"_new_in_2": True})
    monkeypatch.setattr(console, "say", lambda *a: said.append(a))
    bulk.holds.cache_clear()
    yield said
    bulk.holds.cache_clear()


def whole_import(name, records):
    """Import, remap, correct, decide."""
    store.delete(name)
    (store.open_or_create(name).folder / "decisions.csv").unlink(missing_ok=True)
    write_records(name, records)
    opened = store.open(name)
    dataset = opened.samples
    remap_labels(opened, TOML, "supercategories.toml")
    shoe = dataset.match({"image_id": "attributes"}).first().labels.detections[0]
    decide(opened, "relabel", image_id="attributes", instance_id=shoe.id, category="ignore")
    decide(opened, "exclude", image_id="one pixel")
    corrected = [
        replace(r, instances=(*r.instances, Instance("shoe", PIXEL, "t.csv:99")))
        for r in records
        if r.image_id in ("attributes", "polygons", "no label")
    ]
    write_records(name, corrected, update=True)
    return store.open(name).samples


def decided(dataset):
    """Documents without the decisions' ids, which are by chance, and the hash of packed masks."""
    result = stored(dataset)
    for document in result.values():
        document["labels_fingerprint"][1:] = ["some decision"] * (
            len(document["labels_fingerprint"]) - 1
        )
        assert document.pop("labels_digest")
    return result


def test_another_fiftyone_gets_the_same_dataset_through_its_public_way(
    records, another_fiftyone, monkeypatch
):
    records = [r for r in records if r.image_id != "not ASCII"]  # no label of that taxonomy
    slow = whole_import("test-bulk-slow", records)
    assert [(text.split(" keeps")[0], style) for text, style in another_fiftyone] == [
        (f"FiftyOne {fo.__version__}", "yellow")
    ]
    monkeypatch.undo()
    bulk.holds.cache_clear()
    fast = whole_import("test-bulk-fast", records)
    assert bulk.holds()
    assert decided(slow) == decided(fast)
    assert schema(slow) == schema(fast)
    assert edits.refresh(store.wrap(slow)) == edits.refresh(store.wrap(fast)) == []
    for dataset in (slow, fast):
        store.delete(dataset.name)
