"""CVAT for images 1.1, held against CVAT's own encoder and decoder of masks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import cvat
from tests.conftest import picture

SQUARE = '<polygon label="shirt" points="0,1;2,1;2.0,3;0,3" z_order="0"/>'

BELT = picture(
    "......",
    ".####.",
    ".#..#.",
    "....#.",
)
"""A strap one pixel wide."""

BELT_RUNS = "0, 5, 2, 1, 3, 1"
"""``cvat_sdk.masks.encode_mask(BELT)`` (cvat-sdk 2.80.0) is ``[0, 5, 2, 1, 3, 1, 1, 1, 4, 3]``: the
runs, then left, top, right and bottom of the box; its ``decode_mask`` gives BELT."""


def mask(runs=BELT_RUNS, left=1, top=1, width=4, height=3):
    place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    return f'<mask label="belt" rle="{runs}" {place} z_order="1"></mask>'


def image(*shapes, name="a.jpg", size='width="6" height="4"'):
    return f'<image id="0" name="{name}" {size}>\n' + "\n".join(shapes) + "\n</image>"


def load(tmp_path, images, *photos, **options):
    path = tmp_path / "annotations.xml"
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
    path.write_text(head + "\n".join(photos) + "\n</annotations>", "utf-8")
    return cvat.load(path, images, **options)


def read(tmp_path, images, *photos, **options):
    source = load(tmp_path, images, *photos, **options)
    told = []
    return list(source.read(0, len(source.names), told.append)), told


def drawn(instance):
    return ["".join(".#"[int(v)] for v in row) for row in rle.decode(instance.mask)]


def test_a_polygon_becomes_an_instance(tmp_path, images_folder):
    (record,), told = read(tmp_path, images_folder, image(SQUARE))
    (instance,) = record.instances
    assert (record.image_id, record.height, record.width) == ("a", 4, 6)
    assert (instance.category, instance.source) == ("shirt", "annotations.xml:5")
    assert instance.polygons == ((0, 1, 2, 1, 2, 3, 0, 3),)
    assert drawn(instance) == ["......", "##....", "##....", "......"]
    assert told == []


def test_a_mask_is_exact_and_cuts_nothing_below_it(tmp_path, images_folder):
    (record,), told = read(tmp_path, images_folder, image(SQUARE, mask()))
    shirt, belt = record.instances
    assert (rle.decode(belt.mask) == BELT).all()
    assert rle.area(shirt.mask) == 4
    assert belt.polygons == ()
    assert told == []


def test_cvats_own_decoder_says_the_same():
    reason = "cvat-sdk is not installed: pip install cvat-sdk"
    theirs = pytest.importorskip("cvat_sdk.masks", reason=reason)
    encoded = [*map(int, BELT_RUNS.split(",")), 1, 1, 4, 3]
    assert theirs.encode_mask(BELT) == encoded
    assert (theirs.decode_mask(encoded, image_width=6, image_height=4) == BELT).all()


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(0, 3))
def test_any_mask_comes_back(inside, around):
    whole = np.pad(inside, around)
    runs, value = [0], False
    for pixel in inside.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    found = cvat.RowRuns(", ".join(map(str, runs)), around, around, *inside.shape)
    assert (rle.decode(found.draw(*whole.shape)) == whole).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ('<box label="a" xtl="1" ytl="0" xbr="3" ybr="1"/>', [".##...", "......"]),
        # Clockwise about its centre, 3, 2.
        ('<box label="a" xtl="1" ytl="1" xbr="5" ybr="3" rotation="90.0"/>',
         ["..##..", "..##..", "..##..", "..##.."]),
        ('<ellipse label="a" cx="3" cy="2" rx="3" ry="1"/>', ["......", "######", "######"]),
        ('<ellipse label="a" cx="3" cy="2" rx="2" ry="1" rotation="270"/>',
         ["..##..", "..##..", "..##..", "..##.."]),
        ('<polyline label="a" points="0,0;2,0;2,1;0,1"/>', ["##....", "......"]),
    ],
)  # fmt: skip
def test_each_shape_is_filled(tmp_path, images_folder, shape, expected):
    (record,), _ = read(tmp_path, images_folder, image(shape))
    assert drawn(record.instances[0]) == [*expected, *["......"] * (4 - len(expected))]


def test_a_turned_box_turns_clockwise(tmp_path, images_folder):
    shape = '<box label="a" xtl="0" ytl="1.5" xbr="6" ybr="2.5" rotation="33.7"/>'
    (record,), _ = read(tmp_path, images_folder, image(shape))
    (instance,) = record.instances
    inside = rle.decode(instance.mask)
    assert inside[0, 0] == inside[3, 5]
    assert inside[[1, 2], [1, 4]].all(), "from the top left to the bottom right"
    assert not inside[[0, 0, 3, 3], [4, 5, 0, 1]].any()


def test_a_line_is_skipped_and_counted_or_drawn(tmp_path, images_folder):
    strap = image('<polyline label="strap" points="0,2;6,2"/>')
    _, told = read(tmp_path, images_folder, strap)
    assert told[0].kind == "open line"
    (record,), _ = read(tmp_path, images_folder, strap, line_width=2)
    assert drawn(record.instances[0]) == ["......", "######", "######", "......"]


def test_attributes_are_kept_and_one_of_them_may_be_the_label(tmp_path, images_folder):
    shape = SQUARE.replace(
        "/>",
        '><attribute name="style">preppy &amp; co</attribute>'
        '<attribute name="torn">false</attribute><attribute name="note"></attribute></polygon>',
    )
    (record,), _ = read(tmp_path, images_folder, image(shape))
    assert record.instances[0].attributes == ("style: preppy & co", "torn: false")
    (record,), _ = read(tmp_path, images_folder, image(shape), label_attribute="style")
    (instance,) = record.instances
    assert (instance.category, instance.attributes) == (
        "preppy & co", ("torn: false", "label: shirt")
    )  # fmt: skip
    why = r"no shape has the attribute 'Style' \('style' may be meant\); there are: style \(1\)"
    with pytest.raises(FormatError, match=why):
        load(tmp_path, images_folder, image(shape), label_attribute="Style")


def test_a_group_of_one_label_is_one_garment(tmp_path, images_folder):
    parts = [
        f'<box label="{label}" xtl="{x}" ytl="0" xbr="{x + 1}" ybr="1" group_id="{group}"/>'
        for label, x, group in (("top", 0, 1), ("skirt", 1, 1), ("top", 2, 1), ("top", 4, 0))
    ]
    (record,), _ = read(tmp_path, images_folder, image(*parts))
    assert [(i.category, drawn(i)[0]) for i in record.instances] == [
        ("top", "#.#..."), ("skirt", ".#...."), ("top", "....#.")
    ]  # fmt: skip
    assert record.instances[0].polygons == ((0, 0, 1, 0, 1, 1, 0, 1), (2, 0, 3, 0, 3, 1, 2, 1))


def test_a_tag_is_of_the_photo_and_no_shape(tmp_path, images_folder):
    (record,), told = read(tmp_path, images_folder, image('<tag label="indoor"></tag>'))
    assert (record.instances, told) == ((), [])


@pytest.mark.parametrize(
    ("wrong", "kind", "detail"),
    [
        ('<box xtl="0" ytl="0" xbr="1" ybr="1"/>', "region without a label", "empty"),
        ('<box label="a" xtl="0" ytl="0" xbr="1"/>', "region that cannot be drawn", "no ybr"),
        ('<box label="a" xtl="0" ytl="0" xbr="x" ybr="1"/>', "region that cannot be drawn",
         "not a number"),
        ('<ellipse label="a" cx="nan" cy="0" rx="1" ry="1"/>', "region that cannot be drawn",
         "out of all"),
        ('<polygon label="a" points="1,inf;2,3;3,3"/>', "region that cannot be drawn",
         "out of all"),
        ('<polygon label="a"/>', "region that cannot be drawn", "pairs"),
        ('<polygon label="a" points="1,2;3,4"/>', "region that cannot be drawn", "3 points"),
        ('<points label="a" points="1,2"/>', "region that cannot be drawn", "no area"),
        ('<skeleton label="a"><points label="b" points="1,2"/></skeleton>',
         "region that cannot be drawn", "no area"),
        (mask("0, 5, 2"), "region that cannot be drawn", "fill its box of 4x3"),
        (mask("0, 13, -1"), "region that cannot be drawn", "fill its box"),
        (mask("1" + "0" * 30), "region that cannot be drawn", "fill its box"),
        (mask("1" * 5000), "region that cannot be drawn", "no list of whole"),
        (mask("a"), "region that cannot be drawn", "no list of whole"),
        (mask(""), "region that cannot be drawn", "no list of whole"),
        (mask(left=3), "region that cannot be drawn", "leaves the 6x4"),
        (mask(top=-1), "region that cannot be drawn", "leaves the 6x4"),
        (mask("0, 10000000000", width=10**5, height=10**5), "region that cannot be drawn",
         "is no photo's"),
        (mask(left="1.5"), "region that cannot be drawn", "left is '1.5', not a whole number"),
        (mask("12"), "region that cannot be drawn", "no pixel"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_skipped_counted_and_placed(tmp_path, images_folder, wrong, kind, detail):
    (record,), (told,) = read(tmp_path, images_folder, image(SQUARE, wrong))
    assert len(record.instances) == 1
    assert (told.location, told.kind) == ("annotations.xml:6", kind)
    assert detail in told.detail


def test_labels_of_another_size_are_named_with_the_reason(tmp_path, images_folder):
    _, (told,) = read(tmp_path, images_folder, image(SQUARE, size='width="4" height="6"'))
    assert (told.kind, told.location) == ("size mismatch", "annotations.xml:4")
    assert "turned by 90 degrees, 1 region" in told.detail


BOMB = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>
<annotations><image name="&b;&c;"/></annotations>"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "1: not XML: no element found"),
        ("<annotations>", "1: not XML"),
        ("<annotations/>", "holds no images"),
        ("<annotations><image/></annotations>", "1: an image without a name"),
        ('<annotations><image name="a" width="-1" height="2"/></annotations>', "no photo is '-1'"),
        ("<annotation>\n</annotation>", "1: begins with <annotation>, not with <annotations>"),
        ('<annotations>\n<track id="0"/></annotations>', "2: has tracks.*CVAT for images 1.1"),
        (BOMB, "2: has a DOCTYPE"),
        ('<annotations><image name="&a;"/></annotations>', "undefined entity"),
        ("{}", "not XML"),
        (b"PK\x03\x04", "zip file"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_error(tmp_path, images_folder, content, message):
    path = tmp_path / "annotations.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FormatError, match=message):
        cvat.load(path, images_folder)


def test_slices_hold_what_the_whole_holds_also_in_another_process(tmp_path, images_folder):
    names = ["a.jpg", "b.png", "gone.jpg", "C:\\photos\\a.jpg"]
    sizes = ['width="6" height="4"', "", "", ""]
    photos = [image(SQUARE, name=n, size=s) for n, s in zip(names, sizes, strict=True)]
    source = load(tmp_path, images_folder, *photos)
    whole, parts = [], []
    records = list(source.read(0, 4, whole.append))
    elsewhere = pickle.loads(pickle.dumps(source))
    again = [r for n in range(4) for r in elsewhere.read(n, n + 1, parts.append)]
    assert (again, parts) == (records, whole)
    assert [r.image_id for r in records] == ["a", "b"]
    assert "photo without a file" in {t.kind for t in whole}
