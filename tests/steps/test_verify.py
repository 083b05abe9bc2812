"""``curate export --verify``: faults of an export that lies in a folder, in a sentence each."""

from __future__ import annotations

import json
import os
from hashlib import sha256

import pytest
from click.testing import CliRunner

from curation.cli import main
from curation.core import taxonomy
from curation.core.errors import CurateError
from curation.formats import export
from curation.steps import verify
from tests.steps.scenes import photo, record

TAXONOMY = taxonomy.load("supercategories")


def write(tmp_path, format_="tfrecord", splits=("train", "train", "val", "test"), seeds=range(4)):
    """Photos a, b, c and d, with one label each, in these splits."""
    names = "abcd"
    records = {
        name: record(photo(tmp_path / f"{name}.jpg", seed, 95 - n), name, "lower-body")
        for n, (name, seed) in enumerate(zip(names, seeds, strict=True))
    }
    dealt = dict(zip(names, splits, strict=True))
    groups = {name: f"{n:032x}" for n, name in enumerate(names)}
    about = export.About({"shares": {"train": 0.5, "val": 0.25, "test": 0.25}}, {"group": groups})
    out = tmp_path / "out"
    export.write(out, format_, records, TAXONOMY, dealt, groups, 64, about=about)
    return out


def rewrite(folder, name, old, new):
    """Changes a file so that its hash in the manifest fits."""
    path = folder / name
    path.write_text(path.read_text().replace(old, new))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("format_", ["tfrecord", "coco", "masks", "via"])
def test_what_was_exported_has_no_fault_and_its_classes_are_counted(tmp_path, format_):
    found = verify(write(tmp_path, format_))
    assert found.faults == ()
    assert found.photos == {"train": 2, "val": 1, "test": 1}
    assert found.labels["train"]["lower-body"] == 2
    missing = "upper-body; whole-body; feet; accessories"
    assert found.notes == tuple(
        f"No label in {name} is of {missing}." for name in ("train", "val", "test")
    )


def test_a_file_that_is_gone_or_another_one_is_named(tmp_path):
    folder = write(tmp_path, "masks")
    (folder / "masks" / "a.png").unlink()
    (folder / "masks" / "b.png").write_bytes((folder / "masks" / "c.png").read_bytes() + b" ")
    os.mkfifo(folder / "masks" / "x")
    assert verify(folder).faults == (
        "masks/a.png is not there.",
        "masks/b.png is not what was exported: its bytes are others.",
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (f"{3:032x},d.jpg", f"{0:032x},d.jpg", "a in train and d in test are one photo"),
        (f"d.jpg,{3:032x}", f"d.jpg,{1:032x}", "b in train and d in test go together"),
    ],
)
def test_a_photo_of_two_splits_and_a_group_of_two_splits_leak(tmp_path, old, new, fault):
    folder = write(tmp_path, "coco")
    rewrite(folder, "splits.csv", old, new)
    learned = "a model would be tested on what it learned from."
    assert verify(folder).faults == (f"{fault}: {learned}",)


def test_photos_that_look_alike_are_seen_in_the_records(tmp_path):
    folder = write(tmp_path, seeds=(0, 1, 2, 0))
    (fault,) = verify(folder).faults
    assert fault.startswith("a in train and d in test look alike")


def test_a_frozen_photo_outside_the_test_set_is_a_fault(tmp_path):
    folder = write(tmp_path, "coco")
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | {"frozen": {"photo_hashes": [f"{0:032x}"]}}
    path.write_text(json.dumps(manifest))
    assert verify(folder).faults == ("a is of the frozen test set, and in train.",)


def test_another_number_of_photos_and_a_split_without_any_are_said(tmp_path):
    folder = write(tmp_path, "via", ("train", "train", "test", "test"))
    rewrite(folder, "splits.csv", f"d,test,{3:032x},d.jpg,{3:032x}\n", "")
    found = verify(folder)
    assert found.faults == ("manifest.json says 2 photos in test, splits.csv 1.",)
    assert "No photo is in val." in found.notes


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "holds no export: there is no manifest.json"),
        ("", "no manifest of an export"),
        ("[" * 10**5, "no manifest of an export"),
        ('{"format": "coco", "written_by": "somebody"}', "it is of something else"),
        ('{"format": "coco", "written_by": "curate", "files": []}', "an earlier curate wrote it"),
        ('{"format": "coco", "written_by": "curate", "files": {"../a": ""}}', "is no file of an"),
        ('{"format": "coco", "written_by": "curate", "files": {"/etc/a": ""}}', "is no file of"),
        ('{"format": "coco", "written_by": "curate", "files": {}, "splits": 1}', "no manifest"),
    ],
)
def test_a_folder_that_is_no_export_is_one_sentence(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(CurateError, match=reason):
        verify(tmp_path)


def test_damaged_splits_are_one_sentence(tmp_path):
    folder = write(tmp_path, "coco")
    rewrite(folder, "splits.csv", "test", "tset")
    with pytest.raises(CurateError, match=r"splits.csv: is not what was exported \(row 5 is no"):
        verify(folder)


def test_the_command_needs_no_dataset_and_ends_with_one_where_there_is_a_fault(tmp_path):
    folder = write(tmp_path, seeds=(0, 1, 2, 0))
    result = CliRunner().invoke(main, ["export", "--verify", str(folder)])
    assert result.exit_code == 1
    assert "a in train and d in test look alike" in result.output
    assert "2 (100.0%)" in result.output
    assert "1 fault." in result.output
    result = CliRunner().invoke(main, ["export", "--verify", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no export" in result.output
