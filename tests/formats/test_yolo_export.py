"""An export for Ultralytics: what its loader makes of the files, done here as it does it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis.extra import numpy as hnp
from PIL import Image

from curation.core import rle, taxonomy
from curation.core.errors import CurateError
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.demo import run as demo
from curation.formats import export, imaterialist, yolo
from tests.conftest import picture

TAXONOMY = taxonomy.load("supercategories")
NAMES = [c.name for c in TAXONOMY.classes]
TOP = picture("##....", "##....", "......", "......")


def photo(folder, name, *drawn, form="PNG", size=(6, 4)):
    """A photo, each mask of it another class."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, form)
    labels = [Instance(NAMES[i], rle.encode(m), f"t.csv:{i}") for i, m in enumerate(drawn)]
    return ImageRecord(name, path, size[1], size[0], tuple(labels))


def write(folder, *records, split="train", known=TAXONOMY):
    by_id = {r.image_id: r for r in records}
    every, told = dict.fromkeys(by_id, split), []
    manifest = export.write(folder, "yolo-seg", by_id, known, every, every, on_finding=told.append)
    return manifest, told


def copies(folder):
    with (folder / "photos.csv").open(newline="") as file:
        return {row["image_id"]: row["photo"] for row in csv.DictReader(file)}


def read(image: Path, to_pixels=np.trunc):
    """The labels of a photo as Ultralytics reads and draws them: class indices and masks.

    Args:
        to_pixels: what becomes of fractions of a pixel; Ultralytics cuts them off
    """
    width, height = Image.open(image).size
    file = Path("/labels/".join(str(image).rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt")
    found = []
    for line in file.read_text().splitlines():
        index, *numbers = line.split()
        assert len(numbers) >= 6
        points = np.array(numbers, np.float32).reshape(-1, 2)
        assert points.min() >= 0
        assert points.max() <= 1
        drawn = np.zeros((height, width), np.uint8)
        pixels = to_pixels(points * [width, height]).astype(np.int32)
        found.append((int(index), cv2.fillPoly(drawn, [pixels], 1).astype(bool)))
    return found


@pytest.mark.parametrize(
    "drawn",
    [
        TOP,
        picture("......", "...#..", "......", "......"),
        picture("......", "...##.", "......", "......"),
        picture("######", "######", "######", "######"),
        picture("....#.", "...#..", "..#...", ".#...."),
    ],
)
def test_a_mask_in_one_piece_comes_back_to_the_pixel(tmp_path, drawn):
    _, told = write(tmp_path / "out", photo(tmp_path / "p", "a.png", drawn))
    ((index, again),) = read(tmp_path / "out" / copies(tmp_path / "out")["a.png"])
    assert (again == drawn).all()
    assert (index, told) == (0, [])


@pytest.mark.parametrize("size", [(6, 4), (1333, 2000), (6000, 4000)])
def test_who_rounds_and_who_cuts_off_draws_the_same_pixels(tmp_path, size):
    """Supervision and FiftyOne round: at a pixel's centre, half of all points came to the next."""
    width, height = size
    drawn = np.zeros((height, width), bool)
    drawn[height // 2 :, width - 1] = drawn[height // 2, width // 2 :] = True  # a strap of a pixel
    write(tmp_path / "out", photo(tmp_path / "p", "a.png", drawn, size=size))
    for to_pixels in (np.trunc, np.round):
        ((_, again),) = read(tmp_path / "out" / "images" / "train" / "a.png", to_pixels)
        assert (again == drawn).all()


def test_parts_are_one_polygon_joined_where_they_are_nearest(tmp_path):
    parts = picture("##....", "##....", "....##", "....##")
    write(tmp_path / "out", photo(tmp_path / "p", "a.png", parts))
    ((_, again),) = read(tmp_path / "out" / "images" / "train" / "a.png")
    assert again[parts].all()
    assert (again ^ parts).sum() <= 2, "a line between them"


@pytest.mark.parametrize(
    "drawn",
    [
        picture("#####.", "#...#.", "#...#.", "#####."),
        picture("######", "#.##.#", "#.##.#", "######"),
        picture("#####.", "#.#.#.", ".####.", "......"),  # two holes that share a pixel at an edge
        picture(".#....", "#.#...", ".#.#..", "..#..."),  # held together by corners alone
    ],
)
def test_a_hole_stays_open(tmp_path, drawn):
    _, told = write(tmp_path / "out", photo(tmp_path / "p", "a.png", drawn))
    ((_, again),) = read(tmp_path / "out" / "images" / "train" / "a.png")
    assert (again == drawn).all()
    assert told == []


@settings(deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_any_mask_in_one_piece_is_drawn_as_it_is_whatever_holes_it_has(mask):
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    drawn = parts == 1
    assume(drawn.any())
    again = cv2.fillPoly(np.zeros(drawn.shape, np.uint8), [yolo.polygon(rle.encode(drawn))], 1)
    assert (again == drawn).all()


def test_an_island_in_a_hole_is_joined_by_a_line_through_it(tmp_path):
    island = picture("#####.", "#...#.", "#.#.#.", "#...#.", "#####.")
    write(tmp_path / "out", photo(tmp_path / "p", "a.png", island, size=(6, 5)))
    ((_, again),) = read(tmp_path / "out" / "images" / "train" / "a.png")
    assert again[island].all()
    assert (again ^ island).sum() == 1


def test_garments_are_drawn_again_nearly_to_the_pixel(tmp_path):
    demo.draw(tmp_path, 12)
    source = imaterialist.load(tmp_path / "train.csv", tmp_path / "photos")
    records = {}
    for record in source.read(0, 12, pytest.fail):
        labels = ((TAXONOMY.target(x.category), x) for x in record.instances)
        kept = tuple(replace(x, category=target) for target, x in labels if target)
        records[record.image_id] = replace(record, instances=kept)
    write(tmp_path / "out", *records.values())
    overlaps = []
    for image_id, file in copies(tmp_path / "out").items():
        again = read(tmp_path / "out" / file)
        drawn = records[image_id].instances
        assert [NAMES[index] for index, _ in again] == [i.category for i in drawn]
        overlaps += [rle.iou(rle.encode(mask), i.mask) for (_, mask), i in zip(again, drawn)]  # noqa: B905
    assert len(overlaps) > 30
    assert np.quantile(overlaps, 0.1) >= 0.95
    assert np.median(overlaps) >= 0.99


def test_data_yaml_names_the_classes_and_the_splits_from_where_it_lies(tmp_path):
    write(tmp_path / "one", photo(tmp_path / "p", "a.png", TOP))
    lines = (tmp_path / "one" / "data.yaml").read_text().splitlines()
    assert lines[:3] == ["train: images/train", "val: images/val", "names:"]
    assert lines[3:] == [f'  {i}: "{name}"' for i, name in enumerate(NAMES)]
    write(tmp_path / "two", photo(tmp_path / "p", "a.png", TOP), split="test")
    assert "test: images/test" in (tmp_path / "two" / "data.yaml").read_text()


def test_data_yaml_is_ascii_and_gives_any_class_name_back(tmp_path):
    """Of JSON's escapes, YAML makes two halves of what lies beyond 16 bits."""
    names = ['say "hat"', "back\\slash", "Röcke: 1 # 2", "靴", "\U0001f457 dress"]
    classes = tuple(taxonomy.Class(i, name, "#000000") for i, name in enumerate(names, 1))
    odd = taxonomy.Taxonomy("odd", classes, {}, tuple(names))
    record = photo(tmp_path / "p", "a.png")
    write(tmp_path / "out", record, known=odd)
    text = (tmp_path / "out" / "data.yaml").read_bytes().decode("ascii")
    assert list(yaml.safe_load(text)["names"].values()) == names


def test_photos_of_any_names_have_labels_of_their_own(tmp_path):
    names = ["a.jpg", "a.png", "images/a.jpg", "images__a.jpg", ".b.jpg", "A.jpg", "c.d.jpg"]
    masks = [np.eye(4, 6, k) > 0 for k in range(-3, 4)]
    drawn = dict(zip(names, masks, strict=True))
    records = [photo(tmp_path / "p", n, m, form="JPEG") for n, m in drawn.items()]
    write(tmp_path / "out", *records)
    found = copies(tmp_path / "out")
    assert len({file.casefold() for file in found.values()}) == len(names)
    assert not [file for file in found.values() if "/." in file or file.count("/") > 2]
    for name, file in found.items():
        ((_, again),) = read(tmp_path / "out" / file)
        assert (again == drawn[name]).all()


def test_a_jpeg_is_copied_and_anything_else_saved_as_curate_sees_it(tmp_path):
    jpeg = photo(tmp_path / "p", "a.jfif", TOP, form="JPEG")
    turned = photo(tmp_path / "p", "b.webp", TOP)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 6), "red").save(turned.path, "WEBP", exif=exif)
    write(tmp_path / "out", jpeg, turned)
    images = tmp_path / "out" / "images" / "train"
    assert (images / "a.jpg").read_bytes() == jpeg.path.read_bytes()
    assert not (images / "a.jpg").is_symlink()
    assert Image.open(images / "b.png").size == (6, 4)


def test_a_photo_that_cannot_be_read_is_left_out_and_told(tmp_path):
    there, gone = (photo(tmp_path / "p", name, TOP) for name in ("a.png", "b.png"))
    gone.path.write_bytes(b"GIF89a")
    manifest, told = write(tmp_path / "out", there, gone)
    assert [(f.kind, f.location) for f in told] == [(FindingKind.UNREADABLE, "b.png")]
    assert manifest["splits"]["train"]["photos"] == 1
    assert "b.png" not in (tmp_path / "out" / "splits.csv").read_text()


def test_what_training_leaves_in_an_export_is_no_obstacle(tmp_path):
    one = photo(tmp_path / "p", "a.png", TOP)
    write(tmp_path / "out", one)
    (tmp_path / "out" / "labels" / "train.cache").touch()
    write(tmp_path / "out", one)
    assert not (tmp_path / "out" / "labels" / "train.cache").exists()
    (tmp_path / "out" / "labels" / "notes.txt").touch()
    with pytest.raises(CurateError, match=r"notes.txt: is not part"):
        write(tmp_path / "out", one)
