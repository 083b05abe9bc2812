"""Annotation files into a dataset: once, twice, corrected, moved and killed."""

from __future__ import annotations

import csv
import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from curation import auditor, console, database, importer, parallel, store, taxonomy
from curation.cli import main
from curation.errors import CurateError, DatasetError, FormatError
from curation.formats import imaterialist, via
from curation.formats.imaterialist import DEFAULT_LABELS
from curation.issues.scoring import Issue, PhotoScore
from curation.store import bulk

NAME = "test-importer"
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
SHIRT, PANTS, DRESS, SHOE, UMBRELLA, SLEEVE = 0, 6, 10, 23, 26, 31
LEFT, RIGHT, TOP = "1 8", "17 8", "1 2 5 2 9 2"
"""Masks on a photo 6 wide and 4 high."""


@pytest.fixture
def dataset():
    """The name of a dataset that is not there, nor its folder's files."""
    store.delete(NAME)
    for file in database.folder(NAME).glob("*"):
        file.unlink()
    yield NAME
    store.delete(NAME)


@pytest.fixture
def images(tmp_path):
    """Photos a.png to d.png, 6 wide and 4 high."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, name in enumerate("abcd"):
        Image.new("RGB", (6, 4), (60 * number, 0, 0)).save(folder / f"{name}.png")
    return folder


ROWS = [("a", LEFT, SHIRT, "1"), ("a", RIGHT, PANTS, ""), ("b", LEFT, DRESS, ""),
        ("b", TOP, SHOE, ""), ("c", RIGHT, SHOE, "2")]  # fmt: skip


def write(path: Path, rows) -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*imaterialist.COLUMNS, "AttributesIds"])
        out.writerows((name, pairs, 4, 6, label, fine) for name, pairs, label, fine in rows)
    return path


def run(rows, images, update=False, strict=False):
    path = write(images.parent / "train.csv", rows)
    source = imaterialist.load(path, images, DEFAULT_LABELS)
    return importer.run(NAME, source, strict, update, console.progress())


def remapped():
    dataset = store.open_dataset(NAME)
    store.remap(dataset, TOML, "supercategories.toml")
    return dataset


def raw():
    documents = bulk.collection(store.open_dataset(NAME)).find()
    return {d["image_id"]: d for d in documents}


def labels(image_id):
    """The working copy of a photo, by source label."""
    sample = store.open_dataset(NAME).match({"image_id": image_id}).first()
    assert sample.labels is not None, "no labels"
    return {d.source_label: d for d in sample.labels.detections}


def listed(stem="train"):
    paths = list(database.folder(NAME).glob(f"imported-*-{stem}.csv"))
    if not paths:
        return []
    (path,) = paths
    with path.open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["what", "where", "kind", "detail"]
        return [tuple(row) for row in csv.reader(file)]


def differing_fields(before, after):
    """The fields by which two documents of a photo differ."""
    keys = before.keys() | after.keys()
    return {k for k in keys if before.get(k) != after.get(k)} - {"last_modified_at"}


def flag():
    """A run that doubts the shirt of a, and misses a shoe there."""
    dataset = store.open_dataset(NAME)
    shirt = labels("a")["shirt, blouse"]
    issues = (
        Issue("a", shirt.id, "t", "upper-body", 0.9, "wrong category", "feet", "why"),
        Issue("a", labels("a")["pants"].id, "t", "lower-body", 0.2, "", "", "fine"),
    )
    store.write_scores(
        dataset,
        "r1",
        [PhotoScore("a", 0.7, issues), PhotoScore("b", 0.1, ()), PhotoScore("c", 0.1, ())],
    )


def test_a_new_dataset_has_all_photos_and_labels(images, dataset):
    done = run(ROWS, images)
    assert done.summary() == (
        "5 instances in 3 photos (3 new, 0 unchanged); "
        f"photo of the folder that the file does not name (1); all listed in {done.listed}"
    )
    assert listed() == [("not named", "d.png", "photo the file does not name", "")]
    truth = raw()["a"]["ground_truth"]["detections"]
    assert [(d["label"], d["source"]) for d in truth] == [
        ("shirt, blouse", "train.csv:2"),
        ("pants", "train.csv:3"),
    ]
    assert done.unmapped == {}


@pytest.mark.parametrize("update", [False, True])
@pytest.mark.parametrize("steps", [(), (remapped,), (remapped, flag)], ids=len)
def test_the_same_file_again_changes_nothing_at_all(images, dataset, update, steps):
    run(ROWS, images)
    for step in steps:
        step()
    before, rows = raw(), listed()
    done = run(ROWS, images, update=update)
    assert done.unchanged == ["a", "b", "c"]
    assert raw() == before
    assert listed() == rows


CORRECTED = [*ROWS[:1], ("a", TOP, PANTS, ""), *ROWS[2:]]
"""The pants of a were drawn anew."""


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


def test_an_update_changes_the_corrected_photo_alone(images, dataset):
    run(ROWS, images)
    remapped()
    before = raw()
    done = run(CORRECTED, images, update=True)
    assert (done.updated, done.unchanged) == (["a"], ["b", "c"])
    after = raw()
    assert [i for i in before if before[i] != after[i]] == ["a"]
    changed = {"ground_truth", "labels", "content_digest", "labels_digest", "labels_basis",
               "updated_by", "update_note"}  # fmt: skip
    assert differing_fields(before["a"], after["a"]) == changed
    assert ("updated", "a", "photo updated", "labels: 1 new, 1 gone, 1 kept") in listed()


def test_what_an_update_leaves_the_same_keeps_its_reviews_and_scores(images, dataset):
    run(ROWS, images)
    opened = remapped()
    flag()
    shirt, dress = labels("a")["shirt, blouse"], labels("b")["dress"]
    store.decide(opened, "relabel", image_id="b", instance_id=dress.id, category="upper-body")
    store.decide(opened, "exclude", image_id="c")
    run(CORRECTED, images, update=True)
    assert (labels("a")["shirt, blouse"].id, labels("a")["pants"].error_score) == (shirt.id, None)
    kept = labels("a")["shirt, blouse"]
    assert (kept.error_score, kept.suggested_label, kept.review_status) == (0.9, "feet", "")
    store.decide(opened, "keep", image_id="a", instance_id=shirt.id)
    again = [*CORRECTED[:1], ("a", "3 2", PANTS, ""), *CORRECTED[2:]]
    run(again, images, update=True)
    assert labels("a")["shirt, blouse"].review_status == "kept"
    assert (labels("b")["dress"].label, labels("b")["dress"].review_status) == (
        "upper-body",
        "relabelled",
    )
    assert store.open_dataset(NAME).match({"excluded": True}).values("image_id") == ["c"]
    assert store.refresh(opened) == []


def test_a_decision_whose_label_is_gone_is_listed_until_it_is_taken_back(images, dataset):
    run(ROWS, images)
    opened = remapped()
    pants = labels("a")["pants"]
    store.decide(opened, "relabel", image_id="a", instance_id=pants.id, category="feet",
                 reviewer="ann")  # fmt: skip
    run(CORRECTED, images, update=True)
    row = ("updated", "a", "decision without its label", f"relabel feet of {pants.id} by ann")
    assert row in listed()
    assert labels("a")["pants"].label == "lower-body"
    run(CORRECTED, images, update=True)
    assert row in listed(), "an import that was killed and run again lists it, too"
    store.undo(opened, "ann")
    run(CORRECTED, images, update=True)
    assert row not in listed()


def test_decisions_on_added_and_missing_garments_have_their_label(images, dataset):
    run(ROWS, images)
    opened = remapped()
    mask = next(r for r, _ in store.read(opened, "ground_truth")).instances[0].mask
    gaps = [Issue("a", f"{n}" * 24, "run:r1", "", 0.8, "missing", "feet", "", mask) for n in (5, 6)]
    store.write_scores(opened, "r1", [PhotoScore("a", 0.7, tuple(gaps))])
    store.decide(opened, "add", image_id="a", instance_id="5" * 24)
    store.decide(opened, "relabel", image_id="a", instance_id="5" * 24, category="accessories")
    store.decide(opened, "delete", image_id="a", instance_id="6" * 24)
    run(CORRECTED, images, update=True)
    assert [row for row in listed() if "decision" in row[2]] == []
    assert labels("a")[""].label == "accessories"


def test_a_photo_that_the_file_no_longer_names_is_listed_and_kept(images, dataset):
    run(ROWS, images)
    before = raw()
    done = run(ROWS[:4], images, update=True)
    assert done.absent == ["c"]
    assert "photo of the dataset that the file does not name, kept (1)" in done.summary()
    assert ("kept", "c", "photo of the dataset the file does not name", "") in listed()
    assert raw() == before


def test_a_photo_that_the_file_names_and_that_is_skipped_is_not_called_unnamed(images, dataset):
    run(ROWS, images)
    (images / "c.png").unlink()
    done = run(ROWS, images, update=True)
    assert done.absent == []
    assert [row[:3] for row in listed() if row[1] != "d.png"] == [
        ("left out", "train.csv:6", "photo without a file")
    ]


def test_attributes_alone_are_a_change(images, dataset):
    run(ROWS, images)
    remapped()
    before = raw()
    changed = [("a", LEFT, SHIRT, "1,3"), *ROWS[1:]]
    assert run(changed, images).differing == ["a"]
    assert raw() == before
    assert run(changed, images, update=True).updated == ["a"]
    assert raw()["a"]["ground_truth"]["detections"][0]["fine"] == ["1", "3"]
    assert labels("a")["shirt, blouse"].fine == ["1", "3"]
    assert [row[:3] for row in listed()][:1] == [("updated", "a", "photo updated")]


def test_rows_inserted_on_top_change_where_labels_are_from_and_nothing_else(images, dataset):
    run(ROWS, images)
    opened = remapped()
    flag()
    store.decide(opened, "keep", image_id="a", instance_id=labels("a")["shirt, blouse"].id)
    store.photo_groups(opened)
    before = raw()
    done = run([("d", LEFT, SHIRT, ""), *ROWS], images)
    assert (done.added, done.unchanged) == (["d"], ["a", "b", "c"])
    assert listed() == []
    after = raw()
    for image_id in "abc":
        assert differing_fields(before[image_id], after[image_id]) <= {
            "ground_truth",
            "labels",
            "place_digest",
            "photo_hash",  # read again, since the photo may be another
        }
        for field in ("ground_truth", "labels"):
            pairs = zip(before[image_id][field]["detections"],
                        after[image_id][field]["detections"], strict=True)  # fmt: skip
            assert {k for old, new in pairs for k in differing_fields(old, new)} == {"source"}
    assert labels("a")["pants"].source == "train.csv:4"
    assert store.refresh(opened) == []


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
    hashes = store.photo_groups(opened)
    before = raw()
    moved = images.rename(images.with_name("elsewhere"))
    done = run(ROWS, moved)
    assert done.unchanged == ["a", "b", "c"]
    after = raw()
    for image_id in "abc":
        assert after[image_id]["filepath"] == str(moved / f"{image_id}.png")
        assert differing_fields(before[image_id], after[image_id]) <= {
            "filepath",
            "place_digest",
            "photo_hash",
        }
    assert store.photo_groups(store.open_dataset(NAME)) == hashes


@pytest.mark.parametrize("rows", [CORRECTED, [("d", LEFT, SHIRT, ""), *ROWS]])
def test_edits_made_in_fiftyone_are_journaled_before_their_photo_is_replaced(images, dataset, rows):
    run(ROWS, images)
    opened = remapped()
    sample = opened.match({"image_id": "a"}).first()
    sample.labels.detections[0].label = "feet"
    sample.save()
    run(rows, images, update=True)
    assert [(d.action, d.category) for d in store.decisions(opened)] == [("relabel", "feet")]
    assert labels("a")["shirt, blouse"].label == "feet"


def test_new_photos_of_a_dataset_with_a_taxonomy_have_their_labels(images, dataset):
    run(ROWS, images)
    opened = remapped()
    run([*ROWS, ("d", LEFT, SHOE, "")], images)
    assert labels("d")["shoe"].label == "feet"
    assert raw()["d"].keys() == raw()["a"].keys()
    assert store.count_unmapped(opened) == 0


def write_taxonomy(path: Path) -> Path:
    """One that does not speak of skirts and shoes."""
    path.write_text(
        'name = "t"\n[[classes]]\nid = 1\nname = "top"\ncolor = "#112233"\n'
        'from = ["shirt, blouse", "dress", "pants"]\n'
    )
    return path


def test_a_label_that_the_taxonomy_does_not_know_is_said_and_waits(images, dataset):
    rows = [row for row in ROWS if row[2] != SHOE]
    run(rows, images)
    opened = store.open_dataset(NAME)
    toml = write_taxonomy(images.parent / "t.toml").read_text()
    store.remap(opened, toml, "t.toml")
    before = raw()
    done = run([*rows, ("c", LEFT, SHOE, ""), ("d", LEFT, SHIRT, "")], images)
    assert done.unmapped == {"shoe": 1}
    assert {i: d for i, d in raw().items() if i in before} == before
    assert store.count_unmapped(store.open_dataset(NAME)) == 1
    assert labels("d")["shirt, blouse"].label == "top"
    store.remap(opened, TOML, "supercategories.toml")
    assert (labels("c")["shoe"].label, labels("d")["shirt, blouse"].label) == ("feet", "upper-body")


def test_photos_that_wait_for_a_remap_stop_no_other_verb(images, dataset):
    run(ROWS[:2], images)
    opened = store.open_dataset(NAME)
    toml = write_taxonomy(images.parent / "t.toml").read_text()
    store.remap(opened, toml, "t.toml")
    run(ROWS, images)
    assert CliRunner().invoke(main, ["audit", NAME]).exit_code == 0
    assert store.refresh(opened) == []
    with pytest.raises(DatasetError, match=r"labels that t does not speak of.*curate remap"):
        store.decide(opened, "exclude", image_id="c")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("d", "5 x", SHOE, ""), "train.csv:7: row that cannot be decoded: .*strict"),
        (("d", "20 9", SHOE, ""), "train.csv:7: label mended: run past the end: shoe .*strict"),
        (("e", LEFT, SHOE, ""), "train.csv:7: photo without a file: .*strict"),
    ],
)
def test_strict_refuses_what_is_skipped_or_mended_and_leaves_no_dataset(
    images, dataset, row, reason
):
    with pytest.raises(CurateError, match=reason):
        run([*ROWS, row], images, strict=True)
    assert not store.exists(NAME)
    run(ROWS, images, strict=True)
    before = raw()
    with pytest.raises(CurateError, match=reason):
        run([*CORRECTED, row], images, strict=True, update=True)
    assert raw() == before


def test_a_file_of_which_nothing_can_be_imported_leaves_no_dataset(images, dataset):
    rows = [("gone", LEFT, SHOE, ""), ("a", "5 x", SHOE, "")]
    reason = (
        r"no photo of it could be imported \(photo without a file \(1\), row .*imported-.*-train"
    )
    with pytest.raises(FormatError, match=reason):
        run(rows, images)
    assert not store.exists(NAME)
    assert [row[2] for row in listed() if row[0] == "left out"] == [
        "photo without a file",
        "row that cannot be decoded",
        "photo without a usable row",
    ]
    run(ROWS, images)
    before = raw()
    with pytest.raises(FormatError, match=reason):
        run(rows, images)
    assert raw() == before


def test_an_import_that_was_killed_and_goes_on_with_a_useless_file_leaves_no_dataset(
    images, dataset
):
    store.open_or_create(NAME)
    with pytest.raises(FormatError):
        run([("gone", LEFT, SHOE, "")], images)
    assert not store.exists(NAME)


def test_everything_that_is_not_simply_imported_is_listed(images, dataset):
    run([*ROWS, ("d", LEFT, SHOE, "")], images)
    rows = [
        *CORRECTED,
        ("gone", LEFT, SHOE, ""),
        ("b", "5 x", SHOE, ""),
        ("b", LEFT, 99, ""),
        ("c", "20 9", DRESS, ""),
    ]
    Image.new("RGB", (6, 4)).save(images / "e.png")
    done = run(rows, images, update=True)
    assert [row[:3] for row in listed()] == [
        ("left out", "train.csv:8", "row that cannot be decoded"),
        ("left out", "train.csv:9", "row that cannot be decoded"),
        ("left out", "train.csv:7", "photo without a file"),
        ("mended", "train.csv:10", "label mended: run past the end"),
        ("kept", "d", "photo of the dataset the file does not name"),
        ("updated", "a", "photo updated"),
        ("updated", "c", "photo updated"),
        ("not named", "d.png", "photo the file does not name"),
        ("not named", "e.png", "photo the file does not name"),
    ]
    assert done.summary() == (
        "6 instances in 3 photos (0 new, 1 unchanged, 2 updated); label mended: run past the "
        "end (1); left out: row that cannot be decoded (2), photo without a file (1); photo of the "
        "dataset that the file does not name, kept (1); photo of the folder that the file does "
        f"not name (2); all listed in {done.listed}"
    )
    run(CORRECTED, images)
    assert {row[0] for row in listed()} == {"not named", "kept"}


def test_a_photo_whose_name_is_no_text_is_listed(images, dataset):
    Path(os.fsdecode(os.fsencode(images) + b"/\xff.png")).hardlink_to(images / "d.png")
    run(ROWS, images)
    assert [row[1] for row in listed()] == ["d.png", "\\udcff.png"]


def test_a_photo_that_the_file_names_in_other_composition_is_named(images, dataset):
    (images / "d.png").rename(images / "e\N{COMBINING ACUTE ACCENT}.png")  # as on macOS
    done = run([*ROWS, ("\N{LATIN SMALL LETTER E WITH ACUTE}", LEFT, SHOE, "")], images)
    assert (done.skips, done.unlisted) == ([], [])


def test_a_file_that_changes_while_workers_read_it_says_so(images, dataset, monkeypatch):
    monkeypatch.setattr(parallel, "FEW", 0)
    path = write(images.parent / "train.csv", ROWS)
    source = imaterialist.load(path, images, DEFAULT_LABELS)
    write(path, CORRECTED)
    with pytest.raises(FormatError, match=r"train\.csv: was changed while it was read"):
        importer.run(NAME, source, False, False, console.progress())


def test_workers_import_what_this_process_imports(images, dataset, monkeypatch):
    run(ROWS, images)
    here = {i: bulk.comparable(d) for i, d in raw().items()}
    store.delete(NAME)
    monkeypatch.setattr(parallel, "FEW", 0)
    monkeypatch.setattr(importer, "SLICE", 1)
    done = run(ROWS, images)
    assert (done.added, done.instances) == (["a", "b", "c"], 5)
    assert {i: bulk.comparable(d) for i, d in raw().items()} == here


def test_the_command_line_updates_and_says_what_it_did(images, dataset):
    path = write(images.parent / "train.csv", ROWS)
    args = ["import", "imaterialist", NAME, "--annotations", str(path), "--images", str(images)]
    said = [CliRunner().invoke(main, args).stderr]
    remapped()
    write(path, CORRECTED)
    said += [CliRunner().invoke(main, [*args, *more]).stderr for more in ([], ["--update"])]
    assert "5 instances in 3 photos (3 new, 0 unchanged)" in said[0]
    assert "(0 new, 2 unchanged); photo that differs, left as it was" in said[1]
    assert "(0 new, 2 unchanged, 1 updated)" in said[2]
    assert labels("a")["pants"].label == "lower-body"


def test_a_via_file_is_taken_in_and_corrected_the_same_way(images, dataset):
    def take(x, update=False):
        shape = {"name": "rect", "x": x, "y": 1, "width": 2, "height": 2}
        region = {"shape_attributes": shape, "region_attributes": {"style": "boho"}}
        path = images.parent / "v.json"
        path.write_text(json.dumps({"k": {"filename": "a.png", "size": -1, "regions": [region]}}))
        return importer.run(
            NAME, via.load(path, images, "style"), False, update, console.progress()
        )

    assert take(0).added == ["a.png"]
    assert take(0).unchanged == ["a.png"]
    assert take(1).differing == ["a.png"]
    assert take(1, update=True).updated == ["a.png"]
    assert np.allclose(raw()["a.png"]["ground_truth"]["detections"][0]["polygons"][0][0], 1)
    assert take(1).absent == []


def test_a_photo_replaced_by_another_of_its_size_is_noticed(dataset, images):
    run(ROWS, images)
    store.photo_groups(store.open_dataset(dataset))
    before = raw()
    noise = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "a.png")
    done = run(ROWS, images)
    assert (len(done.unchanged), done.updated) == (3, [])
    after = raw()
    assert differing_fields(before["a"], after["a"]) == {"metadata", "place_digest", "photo_hash"}
    assert after["b"] == before["b"]


def test_two_imports_into_one_dataset_wait_for_each_other(dataset, images):
    path = database.folder(dataset) / "import.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CurateError, match="another import into it is running"):
            run(ROWS, images)
    assert not store.exists(dataset)
    assert run(ROWS, images).instances == 5


def test_a_photo_that_lost_its_last_label_is_a_change(images, dataset):
    entries = {
        name: {"filename": f"{name}.png", "size": -1, "regions": [
            {"shape_attributes": {"name": "rect", "x": 0, "y": 0, "width": 3, "height": 3},
             "region_attributes": {"style": "preppy"}}]}
        for name in "ab"
    }  # fmt: skip
    path = images.parent / "v.json"
    path.write_text(json.dumps(entries))
    importer.run(NAME, via.load(path, images), False, False, console.progress())
    entries["a"]["regions"] = []
    path.write_text(json.dumps(entries))
    done = importer.run(NAME, via.load(path, images), False, True, console.progress())
    assert (done.updated, done.unchanged) == (["a.png"], ["b.png"])
    assert raw()["a.png"]["ground_truth"]["detections"] == []


def test_lists_of_files_that_a_corrected_one_replaces_go(images, dataset):
    run([*ROWS, ("b", "5 x", SHOE, "")], images)
    assert any(row[0] == "left out" for row in listed())
    write(images.parent / "corrected.csv", CORRECTED)
    source = imaterialist.load(images.parent / "corrected.csv", images, DEFAULT_LABELS)
    importer.run(NAME, source, False, True, console.progress())
    assert listed() == []
    assert not any(row[0] == "left out" for row in listed("corrected"))


def test_an_update_voids_what_an_audit_said_of_a_photo_that_changed(images, dataset):
    run([*ROWS, ("a", LEFT, SHIRT, "1")], images)
    opened = remapped()
    auditor.run(opened, console.progress())
    before = raw()
    assert "duplicate instance" in before["a"]["faults"]
    run(ROWS, images, update=True)
    after = raw()
    assert (after["a"]["faults"], after["a"]["n_faults"]) == (None, None)
    assert after["b"] == before["b"]
