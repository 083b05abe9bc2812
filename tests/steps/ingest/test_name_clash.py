"""Two photos of one name, in two folders: neither's labels are taken for the other's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from curation import store
from curation.cli import main
from curation.core.errors import CurateError
from curation.formats import coco, via
from curation.formats.source import Prefixed
from curation.steps import ingest, remap
from curation.store import image_hashes
from tests.steps.ingest.rows import (
    DRESS,
    LEFT,
    NAME,
    RIGHT,
    ROWS,
    SHOE,
    raw,
    run,
    source_of,
)

OTHERS = [("a", LEFT, SHOE, ""), ("b", RIGHT, DRESS, "")]


@pytest.fixture
def val(images: Path) -> Path:
    """A folder beside ``images`` with other photos a.png and b.png."""
    folder = images.parent / "val"
    folder.mkdir()
    for name in "ab":
        Image.new("RGB", (6, 4), "white").save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize("update", [False, True])
def test_an_import_of_other_photos_of_the_same_names_is_refused(dataset, images, val, update):
    run(ROWS, images)
    before = raw()
    with pytest.raises(CurateError) as refused:
        run(OTHERS, val, update=update)
    said = str(refused.value)
    assert f"a is another photo than the one of this name in {NAME}" in said
    assert f"{val / 'a.png'}, there {images / 'a.png'}, and so is one more" in said
    assert "--prefix val keeps both" in said
    assert raw() == before


def test_with_a_prefix_both_are_kept_and_an_update_finds_its_own(dataset, images, val):
    run(ROWS, images)
    for rows, update in ((OTHERS, False), (OTHERS, False), (OTHERS[:1], True)):
        done = ingest(NAME, Prefixed(source_of(rows, val), "val"), update=update)
    assert (done.added, done.unchanged) == ([], ["val/a"])
    assert sorted(raw()) == ["a", "b", "c", "val/a", "val/b"]
    assert [d["label"] for d in raw()["val/a"]["ground_truth"]["detections"]] == ["shoe"]
    ids = [d["_id"] for x in raw().values() for d in x["ground_truth"]["detections"]]
    assert len(set(ids)) == len(ids)


def test_a_photo_that_another_file_calls_otherwise_is_not_taken_in_twice(dataset, images):
    """A CSV names photos without their suffix, VIA with it."""
    run(ROWS, images)
    before = raw()
    square = {"name": "rect", "x": 0, "y": 0, "width": 2, "height": 2}
    region = {"shape_attributes": square, "region_attributes": {"type": "dress"}}
    table = {f"{name}.png-1": {"filename": f"{name}.png", "size": -1, "regions": [region]}
             for name in "ab"}  # fmt: skip
    (images.parent / "via.json").write_text(json.dumps(table))
    with pytest.raises(CurateError) as refused:
        ingest(NAME, via.load(images.parent / "via.json", images))
    said = f"a.png is in {NAME} already, as a, and so is one more: each would stand there twice"
    assert said in str(refused.value)
    assert raw() == before
    again = Prefixed(via.load(images.parent / "via.json", images), "bea")
    assert ingest(NAME, again).added == ["bea/a.png", "bea/b.png"]


def test_a_photo_that_is_listed_twice_is_imported_again(dataset, images):
    table = {"images": [{"id": n, "file_name": f, "height": 4, "width": 6}
                        for n, f in enumerate(("a.png", "./a.png"))],
             "categories": [{"id": 1, "name": "dress"}],
             "annotations": [{"id": 1, "image_id": 1, "category_id": 1,
                              "segmentation": [[0, 0, 3, 0, 3, 3]]}]}  # fmt: skip
    (images.parent / "c.json").write_text(json.dumps(table))
    for _ in range(2):
        done = ingest(NAME, coco.load(images.parent / "c.json", images))
    assert (done.added, done.unchanged) == ([], ["a"])


def test_photos_that_were_moved_or_copied_are_the_same(dataset, images):
    run(ROWS, images)
    shutil.copytree(images, images.parent / "copied")
    assert len(run(ROWS, images.parent / "copied").unchanged) == 3
    images.rename(images.parent / "moved")
    shutil.rmtree(images.parent / "copied")
    assert len(run(ROWS, images.parent / "moved").unchanged) == 3


def test_of_photos_that_are_gone_the_hash_tells(dataset, images, val):
    run(ROWS, images)
    opened = store.open(NAME)
    remap(opened, "supercategories")
    image_hashes.content_groups(opened)
    shutil.rmtree(images)
    with pytest.raises(CurateError, match="another photo"):
        run(OTHERS, val)


@pytest.mark.parametrize("prefix", ["../val", "/val", "val/", ".", "a//b", "a/../b"])
def test_a_prefix_is_a_name(images, prefix):
    with pytest.raises(CurateError, match="has to be a name"):
        Prefixed(source_of(ROWS, images), prefix)


def test_exports_of_both_name_each_by_its_folder(dataset, images, val):
    run(ROWS, images)
    source_of(OTHERS, val)
    options = ["--annotations", str(val.parent / "train.csv"), "--images", str(val)]
    command = ["import", "imaterialist", NAME, *options, "--prefix", "val"]
    assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    for command in (["remap", NAME, "--taxonomy", "supercategories"],
                    ["export", NAME, str(val.parent / "out"), "--format", "coco"]):  # fmt: skip
        assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    written = json.loads((val.parent / "out" / "instances.json").read_text())
    assert sorted(i["file_name"] for i in written["images"]) == [
        "images/a.png", "images/b.png", "images/c.png", "val/a.png", "val/b.png"
    ]  # fmt: skip
