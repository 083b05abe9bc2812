"""A corrected annotation file into a dataset that people have worked on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from curation import store
from curation.cli import main
from curation.formats import mask_folder, via
from curation.issues.issue import ImageScore, Issue
from curation.steps import audit, ingest
from curation.store import decisions, edits, image_hashes, results
from tests.conftest import decide
from tests.steps.ingest.rows import (
    CORRECTED,
    DRESS,
    LEFT,
    NAME,
    PANTS,
    ROWS,
    SHIRT,
    differing_fields,
    flag,
    labels,
    listed,
    raw,
    remapped,
    run,
)


def test_a_corrected_file_is_named_and_changes_nothing_without_update(images, dataset):
    run(ROWS, images)
    before = raw()
    done = run(CORRECTED, images)
    assert done.differing == ["a"]
    assert "photo that differs, left as it was without --update (1)" in done.summary()
    assert listed()[0] == (
        "kept",
        "a",
        "photo that differs from the dataset",
        "--update takes it",
    )
    assert raw() == before


def test_an_update_changes_the_corrected_image_alone(images, dataset):
    run(ROWS, images)
    remapped()
    before = raw()
    done = run(CORRECTED, images, update=True)
    assert (done.updated, done.unchanged) == (["a"], ["b", "c"])
    after = raw()
    assert [i for i in before if before[i] != after[i]] == ["a"]
    changed = {"ground_truth", "labels", "content_digest", "labels_digest", "labels_fingerprint",
               "updated_by", "update_note"}  # fmt: skip
    assert differing_fields(before["a"], after["a"]) == changed
    assert ("updated", "a", "photo updated", "labels: 1 new, 1 gone, 1 kept") in listed()


def test_what_an_update_leaves_the_same_keeps_its_reviews_and_scores(images, dataset):
    run(ROWS, images)
    opened = remapped()
    flag()
    shirt, dress = labels("a")["shirt, blouse"], labels("b")["dress"]
    decide(opened, "relabel", image_id="b", instance_id=dress.id, category="upper-body")
    decide(opened, "exclude", image_id="c")
    run(CORRECTED, images, update=True)
    assert (labels("a")["shirt, blouse"].id, labels("a")["pants"].error_score) == (shirt.id, None)
    kept = labels("a")["shirt, blouse"]
    assert (kept.error_score, kept.suggested_label, kept.review_status) == (0.9, "feet", "")
    decide(opened, "keep", image_id="a", instance_id=shirt.id)
    again = [*CORRECTED[:1], ("a", "3 2", PANTS, ""), *CORRECTED[2:]]
    run(again, images, update=True)
    assert labels("a")["shirt, blouse"].review_status == "kept"
    assert (labels("b")["dress"].label, labels("b")["dress"].review_status) == (
        "upper-body",
        "relabelled",
    )
    assert store.open(NAME).samples.match({"excluded": True}).values("image_id") == ["c"]
    assert edits.refresh(opened) == []


def test_a_decision_whose_label_is_gone_is_listed_until_it_is_taken_back(images, dataset):
    run(ROWS, images)
    opened = remapped()
    pants = labels("a")["pants"]
    decide(opened, "relabel", image_id="a", instance_id=pants.id, category="feet",
                 reviewer="ann")  # fmt: skip
    run(CORRECTED, images, update=True)
    row = ("updated", "a", "decision without its label", f"relabel feet of {pants.id} by ann")
    assert row in listed()
    assert labels("a")["pants"].label == "lower-body"
    run(CORRECTED, images, update=True)
    assert row in listed(), "an import that was killed and run again lists it, too"
    decisions.undo(opened, "ann")
    run(CORRECTED, images, update=True)
    assert row not in listed()


def test_decisions_on_added_and_missing_garments_have_their_label(images, dataset):
    run(ROWS, images)
    opened = remapped()
    mask = next(opened.records("ground_truth")).instances[0].mask
    gaps = [
        Issue("a", f"{n}" * 24, "run:r1", "", 0.8, "missing", "feet", "", mask=mask) for n in (5, 6)
    ]
    results.write_scores(opened, "r1", [ImageScore("a", 0.7, tuple(gaps))])
    decide(opened, "add", image_id="a", instance_id="5" * 24)
    decide(opened, "relabel", image_id="a", instance_id="5" * 24, category="accessories")
    decide(opened, "delete", image_id="a", instance_id="6" * 24)
    run(CORRECTED, images, update=True)
    assert [row for row in listed() if "decision" in row[2]] == []
    assert labels("a")[""].label == "accessories"


def test_a_image_that_the_file_no_longer_names_is_listed_and_kept(images, dataset):
    run(ROWS, images)
    before = raw()
    done = run(ROWS[:4], images, update=True)
    assert done.absent == ["c"]
    assert "photo of the dataset that the file does not name, kept (1)" in done.summary()
    assert ("kept", "c", "photo of the dataset the file does not name", "") in listed()
    assert raw() == before


def test_of_a_folder_whose_files_are_saved_anew_each_update_lists_its_own(images, dataset):
    masks, classes = images.with_name("masks"), images.with_name("classes.csv")
    masks.mkdir()
    classes.write_text("id,name\n1,shirt\n2,skirt\n")

    def save(name, value):
        Image.new("L", (6, 4), value).save(masks / f"{name}.png")

    def updated():
        ingest(NAME, mask_folder.load(masks, images, str(classes)), update=True)
        return [row[1] for row in listed("masks") if row[0] == "updated"]

    save("a", 1)
    save("b", 1)
    assert updated() == []
    for name in ("a", "b"):
        save(name, 2)
        assert updated() == [name]


def test_attributes_alone_are_a_change(images, dataset):
    run(ROWS, images)
    remapped()
    before = raw()
    changed = [("a", LEFT, SHIRT, "1,3"), *ROWS[1:]]
    assert run(changed, images).differing == ["a"]
    assert raw() == before
    assert run(changed, images, update=True).updated == ["a"]
    assert raw()["a"]["ground_truth"]["detections"][0]["source_attributes"] == ["1", "3"]
    assert labels("a")["shirt, blouse"].source_attributes == ["1", "3"]
    assert [row[:3] for row in listed()][:1] == [("updated", "a", "photo updated")]


def test_rows_inserted_on_top_change_where_labels_are_from_and_nothing_else(images, dataset):
    run(ROWS, images)
    opened = remapped()
    flag()
    decide(opened, "keep", image_id="a", instance_id=labels("a")["shirt, blouse"].id)
    image_hashes.content_groups(opened)
    before = raw()
    done = run([("d", LEFT, SHIRT, ""), *ROWS], images)
    assert (done.added, done.unchanged) == (["d"], ["a", "b", "c"])
    assert listed() == []
    after = raw()
    for image_id in "abc":
        assert differing_fields(before[image_id], after[image_id]) <= {
            "ground_truth",
            "labels",
            "location_digest",
            "photo_hash",  # read again, since the photo may be another
        }
        for field in ("ground_truth", "labels"):
            pairs = zip(before[image_id][field]["detections"],
                        after[image_id][field]["detections"], strict=True)  # fmt: skip
            assert {k for old, new in pairs for k in differing_fields(old, new)} == {"source"}
    assert labels("a")["pants"].source == "train.csv:4"
    assert edits.refresh(opened) == []


def test_what_an_audit_found_outlives_rows_inserted_on_top(images, dataset):
    rows = [*ROWS, ("c", "20 9", DRESS, "")]  # past the end
    run(rows, images)
    remapped()
    assert CliRunner().invoke(main, ["audit", NAME]).exit_code == 0
    before = raw()["c"]
    assert before["n_errors"] > 0
    run([("d", LEFT, SHIRT, ""), *rows], images)
    after = raw()["c"]
    for field in ("ground_truth", "labels"):
        found = [[d.get("faults") for d in doc[field]["detections"]] for doc in (before, after)]
        assert found[0] == found[1]


def test_a_folder_of_images_that_moved_is_followed(images, dataset):
    run(ROWS, images)
    opened = remapped()
    hashes = image_hashes.content_groups(opened)
    before = raw()
    moved = images.rename(images.with_name("elsewhere"))
    done = run(ROWS, moved)
    assert done.unchanged == ["a", "b", "c"]
    after = raw()
    for image_id in "abc":
        assert after[image_id]["filepath"] == str(moved / f"{image_id}.png")
        assert differing_fields(before[image_id], after[image_id]) <= {
            "filepath",
            "location_digest",
            "photo_hash",
        }
    assert image_hashes.content_groups(store.open(NAME)) == hashes


@pytest.mark.parametrize("rows", [CORRECTED, [("d", LEFT, SHIRT, ""), *ROWS]])
def test_edits_made_in_fiftyone_are_journaled_before_their_image_is_replaced(images, dataset, rows):
    run(ROWS, images)
    opened = remapped()
    sample = opened.samples.match({"image_id": "a"}).first()
    sample.labels.detections[0].label = "feet"
    sample.save()
    run(rows, images, update=True)
    assert [(d.action, d.category) for d in opened.journal.read()] == [("relabel", "feet")]
    assert labels("a")["shirt, blouse"].label == "feet"


def test_a_image_replaced_by_another_of_its_size_is_noticed(dataset, images):
    run(ROWS, images)
    image_hashes.content_groups(store.open(dataset))
    before = raw()
    noise = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "a.png")
    done = run(ROWS, images)
    assert (len(done.unchanged), done.updated) == (3, [])
    after = raw()
    assert differing_fields(before["a"], after["a"]) == {
        "metadata",
        "location_digest",
        "photo_hash",
    }
    assert after["b"] == before["b"]


def test_a_image_that_lost_its_last_label_is_a_change(images, dataset):
    entries = {
        name: {"filename": f"{name}.png", "size": -1, "regions": [
            {"shape_attributes": {"name": "rect", "x": 0, "y": 0, "width": 3, "height": 3},
             "region_attributes": {"style": "preppy"}}]}
        for name in "ab"
    }  # fmt: skip
    path = images.parent / "v.json"
    path.write_text(json.dumps(entries))
    ingest(NAME, via.load(path, images))
    entries["a"]["regions"] = []
    path.write_text(json.dumps(entries))
    done = ingest(NAME, via.load(path, images), update=True)
    assert (done.updated, done.unchanged) == (["a.png"], ["b.png"])
    assert raw()["a.png"]["ground_truth"]["detections"] == []


def test_an_update_voids_what_an_audit_said_of_a_image_that_changed(images, dataset):
    run([*ROWS, ("a", LEFT, SHIRT, "1")], images)
    opened = remapped()
    audit(opened)
    before = raw()
    assert "duplicate instance" in before["a"]["faults"]
    run(ROWS, images, update=True)
    after = raw()
    assert (after["a"]["faults"], after["a"]["n_faults"]) == (None, None)
    assert after["b"] == before["b"]
