"""Annotation files into a dataset: once, twice, corrected, moved and killed."""

from __future__ import annotations

import fcntl
import json
import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from curation import store
from curation.cli import main
from curation.core import parallel
from curation.core.errors import CurateError, DatasetError, FormatError
from curation.formats import imaterialist, via
from curation.formats.imaterialist import DEFAULT_LABELS
from curation.steps import ingest
from curation.store import bulk, database, edits
from curation.store.labels import remap as remap_labels
from tests.conftest import decide
from tests.steps.ingest.rows import (
    CORRECTED,
    DRESS,
    LEFT,
    NAME,
    ROWS,
    SHIRT,
    SHOE,
    TOML,
    TOP,
    flag,
    labels,
    listed,
    raw,
    remapped,
    run,
    source_of,
    write,
)


def test_a_new_dataset_has_all_images_and_labels(images, dataset):
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


def test_a_image_that_the_file_names_and_that_is_skipped_is_not_called_unnamed(images, dataset):
    run(ROWS, images)
    (images / "c.png").unlink()
    done = run(ROWS, images, update=True)
    assert done.absent == []
    assert [row[:3] for row in listed() if row[1] != "d.png"] == [
        ("skipped", "train.csv:6", "photo without a file")
    ]


def test_new_images_of_a_dataset_with_a_taxonomy_have_their_labels(images, dataset):
    run(ROWS, images)
    opened = remapped()
    run([*ROWS, ("d", LEFT, SHOE, "")], images)
    assert labels("d")["shoe"].label == "feet"
    assert raw()["d"].keys() == raw()["a"].keys()
    assert opened.count_unmapped() == 0


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
    opened = store.open(NAME)
    toml = write_taxonomy(images.parent / "t.toml").read_text()
    remap_labels(opened, toml, "t.toml")
    before = raw()
    done = run([*rows, ("c", LEFT, SHOE, ""), ("d", LEFT, SHIRT, "")], images)
    assert done.unmapped == {"shoe": 1}
    assert {i: d for i, d in raw().items() if i in before} == before
    assert store.open(NAME).count_unmapped() == 1
    assert labels("d")["shirt, blouse"].label == "top"
    remap_labels(opened, TOML, "supercategories.toml")
    assert (labels("c")["shoe"].label, labels("d")["shirt, blouse"].label) == ("feet", "upper-body")


def test_images_that_wait_for_a_remap_stop_no_other_verb(images, dataset):
    run(ROWS[:2], images)
    opened = store.open(NAME)
    toml = write_taxonomy(images.parent / "t.toml").read_text()
    remap_labels(opened, toml, "t.toml")
    run(ROWS, images)
    assert CliRunner().invoke(main, ["audit", NAME]).exit_code == 0
    assert edits.refresh(opened) == []
    with pytest.raises(DatasetError, match=r"labels that t does not speak of.*curate remap"):
        decide(opened, "exclude", image_id="c")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("d", "5 x", SHOE, ""), "train.csv:7: row that cannot be decoded: .*strict"),
        (("d", "20 9", SHOE, ""), "train.csv:7: run past the end: shoe .*strict"),
        (("e", LEFT, SHOE, ""), "train.csv:7: photo without a file: .*strict"),
    ],
)
def test_strict_refuses_what_is_skipped_or_repaired_and_leaves_no_dataset(
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
    assert [row[2] for row in listed() if row[0] == "skipped"] == [
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
        ("skipped", "train.csv:8", "row that cannot be decoded"),
        ("skipped", "train.csv:9", "row that cannot be decoded"),
        ("skipped", "train.csv:7", "photo without a file"),
        ("repaired", "train.csv:10", "run past the end"),
        ("kept", "d", "photo of the dataset the file does not name"),
        ("updated", "a", "photo updated"),
        ("updated", "c", "photo updated"),
        ("not named", "d.png", "photo the file does not name"),
        ("not named", "e.png", "photo the file does not name"),
    ]
    assert done.summary() == (
        "6 instances in 3 photos (0 new, 1 unchanged, 2 updated); repaired: run past the "
        "end (1); skipped: row that cannot be decoded (2), photo without a file (1); photo of the "
        "dataset that the file does not name, kept (1); photo of the folder that the file does "
        f"not name (2); all listed in {done.listed}"
    )
    run(CORRECTED, images)
    assert {row[0] for row in listed()} == {"not named", "kept"}


def test_a_image_whose_name_is_no_text_is_listed(images, dataset):
    Path(os.fsdecode(os.fsencode(images) + b"/\xff.png")).hardlink_to(images / "d.png")
    run(ROWS, images)
    assert [row[1] for row in listed()] == ["d.png", "\\udcff.png"]


def test_a_image_that_the_file_names_in_other_composition_is_named(images, dataset):
    (images / "d.png").rename(images / "e\N{COMBINING ACUTE ACCENT}.png")  # as on macOS
    done = run([*ROWS, ("\N{LATIN SMALL LETTER E WITH ACUTE}", LEFT, SHOE, "")], images)
    assert (done.skips, done.unlisted) == ([], [])


def test_a_photo_that_the_file_names_by_its_whole_path_is_called_and_counted_as_any(
    images, dataset
):
    done = run([(str(images / name), *row) for name, *row in ROWS], images)
    assert (done.added, done.unlisted) == (["a", "b", "c"], ["d.png"])
    assert run(ROWS, images).unchanged == ["a", "b", "c"]


def test_a_file_that_changes_while_workers_read_it_says_so(images, dataset, monkeypatch):
    monkeypatch.setattr(parallel, "FEW", 0)
    path = write(images.parent / "train.csv", ROWS)
    source = imaterialist.load(path, images, DEFAULT_LABELS)
    write(path, CORRECTED)
    with pytest.raises(FormatError, match=r"train\.csv: was changed while it was read"):
        ingest(NAME, source)


def test_a_folder_of_photos_that_goes_away_in_between_is_said_and_what_came_in_stays(
    images, dataset, monkeypatch
):
    monkeypatch.setattr(import_module("curation.steps.ingest"), "SLICE", 1)
    away = images.with_name("away")

    def unplug(task, done, total):
        if done == 2:
            images.rename(away)

    source = source_of(ROWS, images)
    with pytest.raises(FormatError, match="2 photos of it are in the dataset: once it is there"):
        ingest(NAME, source, progress=unplug)
    away.rename(images)
    done = ingest(NAME, source)
    assert (done.added, done.unchanged, done.skips) == (["c"], ["a", "b"], [])


def test_workers_import_what_this_process_imports(images, dataset, monkeypatch):
    run(ROWS, images)
    here = {i: bulk.comparable(d) for i, d in raw().items()}
    store.delete(NAME)
    monkeypatch.setattr(parallel, "FEW", 0)
    monkeypatch.setattr(import_module("curation.steps.ingest"), "SLICE", 1)
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
        return ingest(NAME, via.load(path, images, "style"), update=update)

    assert take(0).added == ["a.png"]
    assert take(0).unchanged == ["a.png"]
    assert take(1).differing == ["a.png"]
    assert take(1, update=True).updated == ["a.png"]
    assert np.allclose(raw()["a.png"]["ground_truth"]["detections"][0]["polygons"][0][0], 1)
    assert take(1).absent == []


def test_listings_that_were_joined_are_repaired_not_skipped_and_refused_if_strict(images, dataset):
    rows = [*ROWS, ("a.png", TOP, SHOE, "")]
    with pytest.raises(CurateError, match=r"train.csv:2: listings joined: 'a': 2 rows and 1 row"):
        run(rows, images, strict=True)
    done = run(rows, images)
    assert (done.instances, done.skips) == (6, [])
    told = ("repaired", "train.csv:2", "listings joined", "'a': 2 rows and 1 row")
    assert told in listed()
    assert [d["source"] for d in raw()["a"]["ground_truth"]["detections"]][-1] == "train.csv:7"


def test_an_import_of_nothing_names_the_first_reason(images, dataset):
    reason = r"photo without a file \(1\)\); the first, train.csv:2: no photo 'gone'.*; see /"
    with pytest.raises(FormatError, match=reason):
        run([("gone", LEFT, SHOE, "")], images)


def test_two_imports_into_one_dataset_wait_for_each_other(dataset, images):
    path = database.folder(dataset) / "import.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CurateError, match="is being imported into by another process"):
            run(ROWS, images)
    assert not store.exists(dataset)
    assert run(ROWS, images).instances == 5


def test_lists_of_files_that_a_corrected_one_replaces_go(images, dataset):
    run([*ROWS, ("b", "5 x", SHOE, "")], images)
    assert any(row[0] == "skipped" for row in listed())
    write(images.parent / "corrected.csv", CORRECTED)
    source = imaterialist.load(images.parent / "corrected.csv", images, DEFAULT_LABELS)
    ingest(NAME, source, update=True)
    assert listed() == []
    assert not any(row[0] == "skipped" for row in listed("corrected"))
