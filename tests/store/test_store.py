"""Records through a real FiftyOne dataset on its real MongoDB and back."""

from __future__ import annotations

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import rle, taxonomy
from curation.core.errors import DatasetError, TaxonomyError
from curation.core.records import ImageRecord, Instance
from curation.issues.issue import ImageScore, Issue, digest
from curation.steps import import_decisions
from curation.store import decisions, image_hashes, results
from curation.store import write as writing
from curation.store.labels import remap as remap_labels
from curation.store.write import write as write_records
from tests.conftest import decide, picture

L_SHAPE = picture(
    "......",
    "#.....",
    "#.....",
    "###...",
)
CORNER = picture(
    "....##",
    "....##",
    "......",
    "......",
)

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")


@pytest.fixture
def records(tmp_path):
    """Two photos: a with a shirt and a sleeve, b with a skirt and a shoe; all masks asymmetric."""
    result = []
    for name, labels in {"a": ("shirt, blouse", "sleeve"), "b": ("skirt", "shoe")}.items():
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (6, 4), (name == "a" and "red") or "blue").save(path)
        instances = tuple(
            Instance(label, rle.encode(mask), f"t.csv:{line}", ("plain",))
            for line, (label, mask) in enumerate(zip(labels, (L_SHAPE, CORNER), strict=True), 2)
        )
        result.append(ImageRecord(name, path, 4, 6, instances))
    return result


@pytest.fixture
def dataset(records):
    name = "test-store"
    store.delete(name)
    write_records(name, records)
    opened = store.open(name)
    (opened.folder / "decisions.csv").unlink(missing_ok=True)
    remap_labels(opened, TOML, "supercategories.toml")
    yield opened
    store.delete(name)


def labels(dataset, image_id="a"):
    """The working copy of a photo, by what the annotation file calls each."""
    sample = dataset.samples.match({"image_id": image_id}).first()
    imported = {d.id: d.label for d in sample.ground_truth.detections}
    return {imported.get(d.id, d.label): d for d in sample.labels.detections}


def test_records_come_back_identical(dataset, records):
    assert list(dataset.records("ground_truth")) == records


def test_what_the_app_draws_is_the_mask(dataset):
    detection = dataset.samples.match({"image_id": "a"}).first().ground_truth.detections[0]
    assert detection.bounding_box == [0, 1 / 4, 3 / 6, 3 / 4]
    assert (detection.mask == L_SHAPE[1:, :3]).all()
    assert detection.source == "t.csv:2"
    assert detection.source_attributes == ["plain"]


def test_importing_twice_changes_nothing(dataset, records):
    before = [s.to_dict() for s in dataset.samples]
    written = write_records(dataset.name, records)
    assert (written.added, written.unchanged) == ([], ["a", "b"])
    dataset.samples.reload()
    assert [s.to_dict() for s in dataset.samples] == before


def test_a_image_that_differs_is_named_and_left_alone(dataset, records):
    changed = ImageRecord("a", records[0].path, 4, 6, records[0].instances[:1])
    written = write_records(dataset.name, [changed])
    assert written.differing == ["a"]
    assert len(dataset.samples.match({"image_id": "a"}).first().ground_truth.detections) == 2


def test_the_order_of_rows_is_no_difference(dataset, records):
    turned = ImageRecord("a", records[0].path, 4, 6, records[0].instances[::-1])
    assert write_records(dataset.name, [turned]).unchanged == ["a"]


def test_a_corrected_image_is_taken_over_and_keeps_its_reviews(dataset, records):
    shirt = labels(dataset)["shirt, blouse"]
    decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="feet")
    changed = ImageRecord("a", records[0].path, 4, 6, records[0].instances[:1])
    written = write_records(dataset.name, [changed], update=True)
    assert written.updated == ["a"]
    assert [(c.kind, c.detail) for c in writing.update_notes(dataset, "records")] == [
        ("photo updated", "labels: 0 new, 1 gone, 1 kept")
    ]
    assert labels(dataset)["shirt, blouse"].label == "feet"
    assert len(dataset.samples.match({"image_id": "a"}).first().ground_truth.detections) == 1


def test_images_that_moved_are_found_after_an_import_from_their_new_place(dataset, records):
    moved = records[0].path.rename(records[0].path.with_name("moved.png"))
    with pytest.raises(DatasetError, match=r"a.png cannot be read .*new --images"):
        image_hashes.content_groups(dataset)
    write_records(dataset.name, [ImageRecord("a", moved, 4, 6, records[0].instances)])
    assert len(image_hashes.content_groups(dataset)) == 2


def test_somebody_elses_dataset_is_never_written_to(records):
    theirs = fo.Dataset("not-curates")
    theirs.add_sample(fo.Sample(filepath=str(records[0].path)))
    with pytest.raises(DatasetError, match="import under another name"):
        write_records("not-curates", records)
    assert len(theirs) == 1
    theirs.delete()


def test_an_import_killed_before_its_first_image_goes_on(records):
    fo.Dataset("cut-short")
    assert write_records("cut-short", records).added == ["a", "b"]
    store.delete("cut-short")


def test_remap_keeps_both_vocabularies(dataset):
    sample = dataset.samples.match({"image_id": "a"}).first()
    assert [d.label for d in sample.ground_truth.detections] == ["shirt, blouse", "sleeve"]
    assert [(d.label, d.source_label) for d in sample.labels.detections] == [
        ("upper-body", "shirt, blouse")
    ]


def test_a_dry_remap_changes_nothing(dataset):
    toml = TOML.replace('"upper-body"', '"top half"')
    done = remap_labels(dataset, toml, "x.toml", dry_run=True)
    assert done.targets["shirt, blouse"] == "top half"
    assert labels(dataset)["shirt, blouse"].label == "upper-body"


def test_an_unmapped_label_stops_the_remap_with_its_count(dataset):
    toml = TOML.replace('  "sleeve",\n', "").replace('  "shoe",\n', "")
    with pytest.raises(TaxonomyError, match=r"2 labels .* 'shoe' \(1\), 'sleeve' \(1\)"):
        remap_labels(dataset, toml, "x.toml")
    assert labels(dataset)["shirt, blouse"].label == "upper-body"


def test_a_decision_changes_the_working_copy_and_undo_brings_it_back(dataset):
    shirt = labels(dataset)["shirt, blouse"]
    before = list(dataset.records("labels"))
    decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="whole-body")
    changed = labels(dataset)["shirt, blouse"]
    assert (changed.label, changed.review_status) == ("whole-body", "relabelled")
    assert dataset.samples.match({"review_status": "decided"}).values("image_id") == ["a"]
    decide(dataset, "delete", image_id="a", instance_id=shirt.id)
    assert labels(dataset) == {}
    decisions.undo(dataset)
    decisions.undo(dataset)
    assert list(dataset.records("labels")) == before
    assert decisions.undo(dataset) == []
    truth = dataset.samples.match({"image_id": "a"}).first().ground_truth.detections
    assert [d.label for d in truth] == ["shirt, blouse", "sleeve"]


def test_a_tag_on_a_label_outlives_decisions_and_a_remap(dataset):
    shirt = labels(dataset)["shirt, blouse"]
    tagged = dataset.samples.select_labels(ids=[shirt.id], fields="labels")
    tagged.tag_labels("ask anna", label_fields="labels")
    decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="whole-body")
    remap_labels(dataset, TOML, "supercategories.toml")
    assert dataset.samples.count_label_tags() == {"ask anna": 1}
    tagged.untag_labels("ask anna", label_fields="labels")
    decisions.undo(dataset)
    assert dataset.samples.count_label_tags() == {}


def test_decisions_outlive_a_remap_and_a_lost_database(dataset, records):
    shirt = labels(dataset)["shirt, blouse"]
    decide(dataset, "delete", image_id="a", instance_id=shirt.id)
    decide(dataset, "exclude", image_id="b")
    name = dataset.name
    store.delete(name)
    write_records(name, records)
    again = store.open(name)
    remap_labels(again, TOML, "supercategories.toml")
    assert labels(again) == {}
    assert again.samples.match({"excluded": True}).values("image_id") == ["b"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"action": "exclude", "image_id": "z"}, "no such photo"),
        ({"action": "keep", "image_id": "a", "instance_id": "f" * 24}, "has no instance"),
        ({"action": "add", "image_id": "a", "instance_id": "f" * 24}, "no missing garment"),
    ],
)
def test_a_decision_on_what_is_not_there_is_refused_and_not_recorded(dataset, values, reason):
    with pytest.raises(DatasetError, match=reason):
        decide(dataset, **values)
    assert dataset.journal.read() == []


def test_a_category_of_no_class_is_refused(dataset):
    shirt = labels(dataset)["shirt, blouse"]
    with pytest.raises(DatasetError, match="'hat' is not a class of supercategories"):
        decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="hat")


def score(dataset) -> Issue:
    """Flags photo a: its shirt is suspect, and a shoe is missing at the right edge."""
    shirt = labels(dataset)["shirt, blouse"]
    record, *_ = dataset.records("labels", ["a"])
    (label,) = (i for i in record.instances if i.category == shirt.label)
    said = (0.9, "wrong category", "feet", "why")
    issue = Issue("a", shirt.id, "t.csv:2", shirt.label, *said, digest=digest(label),
                  source_label="shirt, blouse", source_error_score=0.7,
                  suggested_source_label="jacket")  # fmt: skip
    gap = rle.encode(np.fliplr(L_SHAPE))
    missing = Issue("a", "5" * 24, "run:r1", "", 0.8, "missing", "feet", "why", mask=gap)
    scores = [ImageScore("a", 0.7, (issue, missing)), ImageScore("b", 0.1, ())]
    results.write_scores(dataset, "r1", scores)
    return missing


def test_a_file_with_a_dismissal_can_be_applied_again(dataset, tmp_path):
    missing = score(dataset)
    path = tmp_path / "decisions.csv"
    path.write_text(f"action,image_id,instance_id\ndelete,a,{missing.instance_id}\n")
    assert len(import_decisions(dataset, path)) == 1
    results.write_scores(dataset, "r1", [ImageScore("a", 0.0, ())])
    assert import_decisions(dataset, path) == []


def test_flagged_images_are_saved_worst_first_and_leave_when_decided(dataset):
    missing = score(dataset)
    view = dataset.samples.load_saved_view("suspects, worst first")
    assert view.values("image_id") == ["a"]
    assert view.values("n_suspect") == [2]
    shirt = labels(dataset)["shirt, blouse"]
    assert (shirt.error_score, shirt.suggested_label) == (0.9, "feet")
    decide(dataset, "keep", image_id="a", instance_id=shirt.id)
    decide(dataset, "delete", image_id="a", instance_id=missing.instance_id)
    assert dataset.samples.load_saved_view("suspects, worst first").values("image_id") == []
    decisions.undo(dataset)
    assert dataset.samples.load_saved_view("suspects, worst first").values("n_suspect") == [1]


def test_a_new_label_is_not_suspect_until_scored_again(dataset):
    score(dataset)
    shirt = labels(dataset)["shirt, blouse"]
    decide(dataset, "relabel", image_id="a", instance_id=shirt.id, category="feet")
    assert labels(dataset)["shirt, blouse"].error_score is None
    decisions.undo(dataset)
    assert labels(dataset)["shirt, blouse"].label == "upper-body"
    assert labels(dataset)["shirt, blouse"].error_score == 0.9
    assert dataset.samples.load_saved_view("suspects, worst first").values("n_suspect") == [2]


def test_a_remap_to_the_same_vocabulary_keeps_the_suspects(dataset):
    score(dataset)
    remap_labels(dataset, TOML, "supercategories.toml")
    assert labels(dataset)["shirt, blouse"].error_score == 0.9


def test_an_added_garment_that_is_relabelled_is_missing_no_more(dataset):
    missing = score(dataset)
    for action, category in (("add", ""), ("relabel", "accessories")):
        decide(dataset, action, image_id="a", instance_id=missing.instance_id, category=category)
    assert dataset.samples.load_saved_view("suspects, worst first").values("n_suspect") == [1]


def test_a_missing_garment_is_added_with_its_mask_and_never_by_itself(dataset):
    missing = score(dataset)
    assert len(labels(dataset)) == 1
    decide(dataset, "add", image_id="a", instance_id=missing.instance_id)
    record = next(r for r in dataset.records("labels") if r.image_id == "a")
    assert record.instances[-1].category == "feet"
    assert record.instances[-1].mask == missing.mask


def test_a_file_of_decisions_is_taken_whole_or_not_at_all(dataset, tmp_path):
    shirt = labels(dataset)["shirt, blouse"]
    path = tmp_path / "d.csv"
    path.write_text(f"action,image_id,instance_id\nkeep,a,{shirt.id}\nburn,a,{shirt.id}\n")
    with pytest.raises(Exception, match=r"d.csv:3: a: 'burn'"):
        import_decisions(dataset, path)
    assert dataset.journal.read() == []
    path.write_text(f"action,image_id,instance_id\nkeep,a,{shirt.id}\nexclude,b,\n")
    assert len(import_decisions(dataset, path)) == 2


def test_a_dataset_that_is_not_ours_is_refused():
    theirs = fo.Dataset("theirs")
    with pytest.raises(DatasetError, match="not imported by curate"):
        store.open("theirs")
    theirs.delete()


def test_a_missing_dataset_lists_those_there_are(dataset):
    with pytest.raises(DatasetError, match="test-store"):
        store.open("no such")


def test_copies_of_a_image_share_a_group(dataset, records, tmp_path):
    twin = tmp_path / "twin.png"
    twin.write_bytes(records[0].path.read_bytes())
    write_records(dataset.name, [ImageRecord("c", twin, 4, 6, records[0].instances)])
    groups = image_hashes.content_groups(dataset)
    assert groups["c"] == groups["a"] != groups["b"]
