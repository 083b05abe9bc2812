import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.core import rle, taxonomy
from curation.core.errors import CurateError
from curation.core.records import ImageRecord, Instance
from curation.formats import tfrecord


@pytest.fixture
def records(tmp_path):
    """Three photos of 40x60 whose left half is upper-body, the middle one with a void corner."""
    result = {}
    for name in ("a", "b,2", "c"):
        path = tmp_path / f"{name}.jpg"
        Image.new("RGB", (60, 40), "teal").save(path)
        left, corner = np.zeros((2, 40, 60), bool)
        left[:, :30] = True
        corner[:10, 50:] = True
        instances = [Instance("upper-body", rle.encode(left))]
        if name == "b,2":
            instances.append(Instance("ignore", rle.encode(corner)))
        result[name] = ImageRecord(name, path, 40, 60, tuple(instances))
    return result


def write(folder, records, **changes):
    values = {
        "taxonomy": taxonomy.load("supercategories"),
        "splits": {"a": "train", "b,2": "train", "c": "test"},
        "groups": {"a": "h1", "b,2": "h0", "c": "h2"},
        "size": 16,
    }
    return tfrecord.write(folder, records, **{**values, **changes})


def test_images_and_label_maps_come_back(tmp_path, records):
    write(tmp_path / "out", records)
    train = {
        name: (image, labels) for name, image, labels in tfrecord.read(tmp_path / "out", "train")
    }
    assert list(train) == ["b,2", "a"]  # in the order of their hashes
    image, labels = train["a"]
    assert image.shape == (16, 16, 3)
    assert np.abs(image.astype(int) - [0, 128, 128]).max() <= 4  # JPEG
    assert (labels[:, :8] == 1).all()
    assert (labels[:, 8:] == 0).all()
    assert (train["b,2"][1][:4, 14:] == 255).all()


def test_the_manifest_counts_images_and_pixels(tmp_path, records):
    manifest = write(tmp_path / "out", records)
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text()) | {
        "classes": manifest["classes"]
    }
    train = manifest["splits"]["train"]
    assert train["photos"] == 2
    assert train["pixels"]["upper-body"] == 2 * 128
    assert train["pixels"]["ignore"] > 0
    assert manifest["splits"]["val"]["photos"] == 0
    splits = (tmp_path / "out" / "splits.csv").read_text().splitlines()
    assert splits[2] == '"b,2",train,h0'


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path, records):
    write(tmp_path / "out", records)
    write(tmp_path / "out", {"a": records["a"]})
    assert [name for name, *_ in tfrecord.read(tmp_path / "out", "train")] == ["a"]
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".jpg") == ["out"]


def test_a_folder_that_is_no_export_is_left_as_it_is(tmp_path, records):
    """The rest that protects a folder is tested in test_export.py: it is one function."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(CurateError, match="not an earlier export of tfrecord"):
        write(tmp_path / "out", records)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_a_list_of_skips_goes_with_its_export(tmp_path, records):
    write(tmp_path / "out", records)
    (tmp_path / "out" / "skipped.csv").touch()
    write(tmp_path / "out", records)
    assert not (tmp_path / "out" / "skipped.csv").exists()


def test_the_current_folder_can_be_exported_to(tmp_path, records, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(Path(), records)
    assert (tmp_path / "here" / "manifest.json").is_file()


def test_what_a_kill_left_behind_is_no_obstacle_and_the_users_folders_stay(
    tmp_path, records, monkeypatch
):
    (tmp_path / "out.old").mkdir()
    (tmp_path / "out.old" / "mine.txt").touch()
    write(tmp_path / "out", records)
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)  # killed before it cleared up
        write(tmp_path / "out", records)
    write(tmp_path / "out", records)
    left = sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".jpg")
    assert left == ["out", "out.old"]
    assert (tmp_path / "out.old" / "mine.txt").exists()


def test_a_image_that_cannot_be_read_is_told_and_left_out(tmp_path, records):
    records["a"].path.write_bytes(b"gone bad")
    skips = []
    manifest = write(tmp_path / "out", records, on_finding=skips.append)
    assert [s.location for s in skips] == ["a"]
    assert manifest["splits"]["train"]["photos"] == 1


def test_the_same_records_give_the_same_bytes(tmp_path, records):
    write(tmp_path / "one", records)
    write(tmp_path / "two", dict(reversed(records.items())))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
