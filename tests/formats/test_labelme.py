"""labelme's folder of JSON files, held against labelme's own encoder and decoder of masks."""

from __future__ import annotations

import base64
import io
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import labelme
from curation.formats.drawn import Bitmap
from tests.conftest import picture

BELT = picture(
    "####",
    "#..#",
    "####",
    "...#",
)
"""A hole, and a strap one pixel wide."""

GREY = (
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAAAAACMmsGiAAAAF0lEQVR4nGNkZGBgYGBkYGBkZGSAAEYAAGgACI2C0+sAAAAA"
    "SUVORK5CYII="
)
BITS = (
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAEAQAAAACBiqPTAAAAEElEQVR4nGP4wLSA4QODAAAMpAKT1S20ZAAAAABJRU5ErkJg"
    "gg=="
)
"""``labelme.utils.img_arr_to_b64`` (labelme 6.3.1) of BELT as bytes of 0 and 1, and as it is; its
``img_b64_to_arr`` gives BELT of both, and its ``shapes_to_label`` lays it from the first point
on."""

SQUARE = [[0, 1], [2, 1], [2, 3], [0, 3]]


def shape(points=SQUARE, kind="polygon", label="shirt", **other):
    return {
        "label": label,
        "points": points,
        "shape_type": kind,
        "flags": {},
        "group_id": None,
    } | other


def mask(png=GREY, points=((1, 0), (4, 3)), **other):
    return shape([list(p) for p in points], "mask", "belt", mask=png, **other)


def write(folder, name, *shapes, photo="a.jpg", **other):
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    size = {"imageHeight": 4, "imageWidth": 6, "imageData": "AAAA", "version": "6.3.1"}
    path.write_text(json.dumps({"imagePath": photo, "shapes": shapes} | size | other), "utf-8")


@pytest.fixture
def labels(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    return folder


def read(labels, images, **options):
    source = labelme.load(labels, images, **options)
    told = []
    return list(source.read(0, len(source.names), told.append)), told


def drawn(instance):
    return ["".join(".#"[int(v)] for v in row) for row in rle.decode(instance.mask)]


def test_a_polygon_becomes_an_instance(labels, images_folder):
    flags = {"torn": True, "wet": False}
    write(labels, "a.json", shape(flags=flags))
    (record,), told = read(labels, images_folder)
    (instance,) = record.instances
    assert (record.image_id, record.height, record.width) == ("a", 4, 6)
    assert (instance.category, instance.source) == ("shirt", "labels/a.json#0")
    assert instance.polygons == ((0, 1, 2, 1, 2, 3, 0, 3),)
    assert instance.attributes == ("torn",)
    assert drawn(instance) == ["......", "##....", "##....", "......"]
    assert told == []


@pytest.mark.parametrize("png", [GREY, BITS], ids=["grey", "bits"])
@pytest.mark.parametrize("moved", [0, 0.7])
def test_what_labelme_keeps_of_a_mask_lies_where_it_lays_it(labels, images_folder, png, moved):
    write(labels, "a.json", mask(png, ((1 + moved, 0), (4 + moved, 3))))
    (record,), told = read(labels, images_folder)
    assert (rle.decode(record.instances[0].mask) == np.pad(BELT, ((0, 0), (1, 1)))).all()
    assert told == []


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(0, 3))
def test_any_mask_comes_back(inside, around):
    file = io.BytesIO()
    Image.fromarray(inside).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    whole = np.pad(inside, around)
    found = Bitmap.of(text, (around, around, *inside.shape)).draw(*whole.shape)
    assert (rle.decode(found) == whole).all()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (shape([[4, 3], [1, 1]], "rectangle"), ["......", ".###..", ".###..", "......"]),
        (shape(SQUARE, "rectangle"), ["......", "##....", "##....", "......"]),
        (shape(SQUARE, None), ["......", "##....", "##....", "......"]),
        (shape([[3, -0.5], [5.5, 2], [3, 4.5], [0.5, 2]], "oriented_rectangle"),
         ["..##..", ".####.", ".####.", "..##.."]),
        (shape([[3, 2], [5, 2]], "circle"), ["..##..", ".####.", ".####.", "..##.."]),
        (shape([[0, 0], [2, 0], [2, 1], [0, 1]], "linestrip"), ["##....", *["......"] * 3]),
    ],
    ids=["box", "box of four corners", "polygon", "turned box", "circle", "line that meets"],
)  # fmt: skip
def test_each_shape_is_filled(labels, images_folder, given, expected):
    write(labels, "a.json", given)
    (record,), _ = read(labels, images_folder)
    assert drawn(record.instances[0]) == expected


def test_a_polygon_is_labelmes_without_the_pixels_of_its_last_edges(labels, images_folder):
    write(labels, "a.json", shape([[1, 1], [4, 1], [4, 3], [1, 3]]))
    (record,), _ = read(labels, images_folder)
    theirs = picture("......", ".####.", ".####.", ".####.")  # utils.shape_to_mask, labelme 6.3.1
    ours = rle.decode(record.instances[0].mask)
    assert ours.tolist() == np.pad(theirs[1:3, 1:4], ((1, 1), (1, 2))).tolist()


def test_a_group_of_one_label_is_one_garment_of_polygons_and_masks(labels, images_folder):
    hem = shape([[5, 0], [6, 0], [6, 1], [5, 1]], label="belt", group_id=0)
    other = shape([[0, 0], [1, 0], [1, 1], [0, 1]], label="shoe", group_id=0)
    write(labels, "a.json", mask(group_id=0), other, hem)
    (record,), _ = read(labels, images_folder)
    assert [i.category for i in record.instances] == ["belt", "shoe"]
    belt = record.instances[0]
    assert drawn(belt) == [".#####", ".#..#.", ".####.", "....#."]
    assert belt.polygons == (), "not all of it is polygons"


def test_a_line_is_skipped_and_counted_or_drawn(labels, images_folder):
    write(labels, "a.json", shape([[0, 2], [6, 2]], "linestrip"))
    _, told = read(labels, images_folder)
    assert told[0].kind == "open line"
    (record,), _ = read(labels, images_folder, line_width=2)
    assert drawn(record.instances[0]) == ["......", "######", "######", "......"]


@pytest.mark.parametrize(
    ("wrong", "kind", "detail"),
    [
        (shape(label=""), "region without a label", "empty"),
        (shape(label=5), "region without a label", "5, not a text"),
        ("no shape", "region without a label", "None, not a text"),
        (shape([[1, 2]], "point"), "region that cannot be drawn", "no area"),
        (shape([[1, 2]]), "region that cannot be drawn", "3 points"),
        (shape([[1, 2]], "circle"), "region that cannot be drawn", "a circle has 2 points, this"),
        (shape([[1, math.nan]] * 3), "region that cannot be drawn", "out of all"),
        (shape([[1, "2"]] * 3), "region that cannot be drawn", "not a number"),
        (shape([[1, 2, 3]]), "region that cannot be drawn", "pairs"),
        (shape(None), "region that cannot be drawn", "pairs"),
        (mask(None), "region that cannot be drawn", "None, not an image"),
        (mask("AAA"), "region that cannot be drawn", "cut off"),
        (mask(GREY[:60]), "region that cannot be drawn", "mask cannot be read"),
        (mask(points=((1, 0), (3, 3))), "region that cannot be drawn", "4x4, not 3x4"),
        (mask(points=((4, 0), (1, 3))), "region that cannot be drawn", "not positive"),
        (mask(points=((3, 0), (6, 3))), "region that cannot be drawn", "leaves the 6x4 photo"),
        (mask(points=((0, 0), (1e6, 1e6))), "region that cannot be drawn", "above"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_skipped_counted_and_placed(labels, images_folder, wrong, kind, detail):
    write(labels, "a.json", shape(), wrong)
    (record,), (told,) = read(labels, images_folder)
    assert len(record.instances) == 1
    assert (told.location, told.kind) == ("labels/a.json#1", kind)
    assert detail in told.detail


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"{", "not JSON"),
        (b"[]", "no imagePath and shapes"),
        (b"[" * 10**5, "not JSON"),
        (b'{"imagePath": "b.png", "shapes": 5}', "no imagePath and shapes"),
        (b'{"images": [], "annotations": []}', "no imagePath and shapes"),
        (b'{"imagePath": "b.png", "shapes": [], "imageHeight": -1}', "-1 high"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b"\xff", "not JSON in UTF-8"),
    ],
)
def test_a_file_that_is_none_of_labelmes_costs_itself(labels, images_folder, content, detail):
    (labels / "b.json").write_bytes(content)
    with pytest.raises(
        FormatError, match=f"no JSON file of labelme's; the first, labels/b.json: .*{detail}"
    ):
        labelme.load(labels, images_folder)
    write(labels, "c.json", shape())
    (record,), (told,) = read(labels, images_folder)
    assert record.image_id == "a"
    assert (told.kind, told.location) == ("annotation file refused", "labels/b.json")
    assert detail in told.detail


def test_a_folder_that_is_none_or_holds_nothing_is_named(labels, images_folder):
    (labels / ".hidden.json").write_text("{}")
    with pytest.raises(FormatError, match=r"labels: holds no JSON file of labelme's$"):
        labelme.load(labels, images_folder)
    with pytest.raises(FormatError, match="gone: no such folder"):
        labelme.load(labels / "gone", images_folder)


def test_a_photo_is_named_from_where_its_file_lies(labels, images_folder):
    (images_folder / "sub").mkdir()
    (images_folder / "b.png").rename(images_folder / "sub" / "b.png")
    write(labels, "a.json", photo="..\\photos\\a.jpg")
    write(labels, "sub/b.json", photo="b.png", imageHeight=None, imageWidth=None)
    write(labels, "sub/c.json", photo="C:\\Users\\me\\c d.jpg", imageHeight=6, imageWidth=4)
    records, told = read(labels, images_folder)
    found = [r.path.relative_to(images_folder).as_posix() for r in records]
    assert found == ["a.jpg", "sub/b.png", "c d.jpg"]
    assert [t.kind for t in told] == ["photo spelled otherwise"] * 2


def test_a_photo_beside_the_folder_of_labels_is_called_by_its_path_in_its_own(
    labels, images_folder
):
    write(labels, "a.json", photo="../photos/a.jpg")
    write(labels, "sub/b.json", photo="../../photos/c d.jpg", imageHeight=6, imageWidth=4)
    records, told = read(labels, images_folder)
    assert ([r.image_id for r in records], told) == (["a", "c d"], [])


def test_a_photo_that_was_exchanged_is_named_with_the_reason(labels, images_folder):
    write(labels, "a.json", shape(), imageHeight=8, imageWidth=12)
    _, (told,) = read(labels, images_folder)
    assert (told.kind, told.location) == ("size mismatch", "labels/a.json")
    assert "a copy scaled by 0.5, 1 region" in told.detail


def test_slices_hold_what_the_whole_holds_also_in_another_process(labels, images_folder):
    for n, name in enumerate(["a.jpg", "b.png", "gone.jpg", "./a.jpg"]):
        write(labels, f"{n}.json", shape(), photo=name, imageHeight=None, imageWidth=None)
    (labels / "x.json").write_text("{")
    source = labelme.load(labels, images_folder)
    whole, parts = [], []
    records = list(source.read(0, 4, whole.append))
    elsewhere = pickle.loads(pickle.dumps(source))
    again = [r for n in range(4) for r in elsewhere.read(n, n + 1, parts.append)]
    assert (again, parts) == (records, whole)
    assert [(r.image_id, len(r.instances)) for r in records] == [("a", 1), ("b", 1)]
    assert {t.kind for t in whole} == {
        "annotation file refused", "photo without a file", "listings joined"
    }  # fmt: skip
