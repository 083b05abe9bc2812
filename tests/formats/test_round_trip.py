"""What an export of labels says is what an import of it reads, whatever photos are called."""

import json
import shutil
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.core import image_io, rle, taxonomy
from curation.core.image_names import in_one_folder
from curation.core.records import ImageRecord, Instance
from curation.formats import coco, export, registry

TAXONOMY = taxonomy.load("supercategories")
CLASSES = [c.name for c in TAXONOMY.classes]
FORMATS = {
    "coco": "instances.json",
    "via": "via.json",
    "cvat": "annotations.xml",
    "masks": "masks",
    "imaterialist": "train.csv",
    "imaterialist-2019": "train.csv",
}
READERS = {f.name: f for f in registry.readers()}

stems = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="/") | st.sampled_from(". _-%#é"),
    min_size=1,
    max_size=4,
)
suffixes = st.sampled_from(
    [".jpg", ".JPG", ".png", ".jfif", ".jpe", ".jpg.jpg", ".png.jpg", "_mask.png", "", ".tar"]
)
folders = st.sampled_from(["", "train/", "val/", "a b/ü/"])
names = st.builds("{}{}{}".format, folders, stems, suffixes).filter(
    lambda name: Path(name).name.strip() not in ("", ".", "..") and "/._" not in f"/{name}"
)


def fits_a_disk(listed: list[str]) -> bool:
    """No two names are one file, and none is a folder of another."""
    alike = {normalize("NFC", name) for name in listed}
    above = {p.as_posix() for name in alike for p in Path(name).parents}
    return len(alike) == len(listed) and not alike & above


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("round")


def photos(folder: Path, listed: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name in listed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3)).save(path, "PNG")


def mask(number: int) -> rle.Rle:
    """Another one for each of 12 photos."""
    piece = np.zeros((3, 4), bool)
    piece.flat[: number + 1] = True  # in one piece: of several VIA makes several labels
    return rle.encode(piece)


@settings(max_examples=80)
@given(st.lists(names, min_size=1, max_size=6).filter(fits_a_disk))
@example(["b.jpg", "b.png.jpg", "b.png"])
@example(["c.png", "c.jpg", "c.jpg.jpg", "c.jpg.jpg.jpg"])
@example(["train/a.jpg", "val/a.jpg", "a.jpg", "train/a.png"])
@example([" a.jpg", "a.jpg", "a .jpg", "a\\b.jpg", ".a.jpg"])
@example(["train/.GIF", ".gif"])
@example(["train/0.jpg.jpg", "train/0.JPG"])
@example(["x.jpg", "x_mask.png", "x_mask.jpg", "seg_x.jpg"])
def test_each_photo_has_its_own_masks_back_from_each_format(place, listed):
    folder = place / "photos"
    photos(folder, listed)
    drawn = {}
    for number, name in enumerate(listed):
        one = Instance(CLASSES[number % len(CLASSES)], mask(number))
        drawn[name] = ImageRecord(name, image_io.find(folder, name), 3, 4, (one,))
    expected = {r.path: [(i.category, i.mask) for i in r.instances] for r in drawn.values()}
    for format_, file in FORMATS.items():
        out = place / format_
        every = dict.fromkeys(drawn, "train")
        export.write(out, format_, drawn, TAXONOMY, every, every, on_finding=pytest.fail)
        reader = READERS[format_.removesuffix("-2019")]
        options = {}
        if format_ == "masks":
            options = {"classes": str(out / "classes.csv")}
        elif reader.name == "imaterialist":
            options = {"labels": out / "label_descriptions.json"}
        source = reader.load(out / file, folder, **options)
        found = list(source.read(0, len(source.names), pytest.fail))
        assert {r.path: [(i.category, i.mask) for i in r.instances] for r in found} == expected
        assert len({r.image_id for r in found}) == len(found)


def test_an_export_names_photos_of_two_folders_from_the_one_above(tmp_path):
    paths = {"a": "train/a.jpg", "shop/a": "shop/new/a.png", "b.jpg": "train/b.jpg.jpg"}
    folder, named = in_one_folder({i: tmp_path / path for i, path in paths.items()})
    assert folder == tmp_path
    assert named == paths


def test_an_export_names_photos_from_the_folder_they_were_imported_from(tmp_path):
    paths = {"sub/a": "sub/a.jpg", "sub/cafe\u0301": "sub/café.JPG", "sub/b.jpg": "sub/b.jpg"}
    folder, named = in_one_folder({i: tmp_path / path for i, path in paths.items()})
    assert folder == tmp_path
    assert named == paths


def test_what_came_in_by_a_short_name_goes_out_with_its_suffix(tmp_path):
    photos(tmp_path / "photos", ["a.jfif", "sub/b.png.jpg"])
    images = [{"id": i, "file_name": n} for i, n in enumerate(["a", "sub/b.png"])]
    box = {"category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}
    annotations = [{"id": i, "image_id": i, **box} for i in (0, 1)]
    categories = [{"id": 1, "name": CLASSES[0]}]
    (tmp_path / "a.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    source = coco.load(tmp_path / "a.json", tmp_path / "photos")
    records = {r.image_id: r for r in source.read(0, 2, pytest.fail)}
    every = dict.fromkeys(records, "train")
    export.write(tmp_path / "out", "coco", records, TAXONOMY, every, every)
    written = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert [i["file_name"] for i in written["images"]] == ["a.jfif", "sub/b.png.jpg"]
    rows = (tmp_path / "out" / "splits.csv").read_text().splitlines()
    assert rows[0].split(",")[-1] == "file_name"
    assert [row.split(",")[-1] for row in rows[1:]] == ["a.jfif", "sub/b.png.jpg"]
