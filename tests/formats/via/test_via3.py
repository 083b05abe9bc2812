import json

import pytest

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import via
from tests.conftest import picture
from tests.formats.via.test_reader import read_all

ATTRIBUTES = {
    "1": {"aname": "style", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "preppy"}},
    "2": {"aname": "note", "anchor_id": "FILE1_Z0_XY1", "type": 1, "options": {}},
    "3": {
        "aname": "kind",
        "anchor_id": "FILE1_Z0_XY1",
        "type": 2,
        "options": {"a": "Shirt ", "b": "Skirt"},
    },
    "4": {"aname": "fit", "anchor_id": "FILE1_Z0_XY1", "type": 3, "options": {"7": "loose"}},
}
SQUARE = [7, 0, 1, 2, 1, 2, 3, 0, 3]


def region(xy=SQUARE, vid="1", **av):
    return {"vid": vid, "flg": 0, "z": [], "xy": xy, "av": av or {"1": "0"}}


def project(*metadata, files=("a.jpg",), **changes):
    """One view for each file, both numbered from 1."""
    numbers = [str(n) for n, _ in enumerate(files, 1)]
    return {
        "project": {"pname": "p", "vid_list": numbers},
        "config": {},
        "attribute": ATTRIBUTES,
        "file": {
            n: {"fid": n, "fname": name, "type": 2, "loc": 1, "src": ""}
            for n, name in zip(numbers, files, strict=True)
        },
        "metadata": {f"1_m{n}": entry for n, entry in enumerate(metadata)},
        "view": {n: {"fid_list": [n]} for n in numbers},
        **changes,
    }


def read(tmp_path, folder, table, attribute="style"):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(table))
    return read_all(via.load(path, folder, attribute))


def test_a_region_becomes_an_instance(tmp_path, images_folder):
    (record,), skips = read(tmp_path, images_folder, project(region()))
    (instance,) = record.instances
    assert (record.image_id, record.height, record.width) == ("a.jpg", 4, 6)
    assert (instance.category, instance.source) == ("preppy", "p.json:metadata/1_m0")
    assert instance.polygons == ((0, 1, 2, 1, 2, 3, 0, 3),)
    expected = picture(
        "......",
        "##....",
        "##....",
        "......",
    )
    assert (rle.decode(instance.mask) == expected).all()
    assert skips == []


@pytest.mark.parametrize(
    ("xy", "expected"),
    [
        ([2, 1, 0, 2, 1], (".##...", "......")),
        ([3, 3, 2, 2], ("..##..", ".####.", ".####.", "..##..")),
        ([4, 3, 2, 2.8, 1], ("......", ".####.", ".####.")),
        ([6, 0, 0, 2, 0, 2, 1, 0, 1], ("##....",)),
        ([8, 3, 1, 1, 2, 5, 2, 3, 3], ("......", ".####.", ".####.")),
        ([9, 1, 2, 5, 2, 3, 0], ("..##..", ".####.", ".####.", "..##..")),
    ],
)
def test_each_shape_is_filled(tmp_path, images_folder, xy, expected):
    (record,), _ = read(tmp_path, images_folder, project(region(xy)))
    rows = [*expected, *["......"] * (4 - len(expected))]
    drawn = ["".join(".#"[int(v)] for v in row) for row in rle.decode(record.instances[0].mask)]
    assert drawn == rows


@pytest.mark.parametrize(
    ("attribute", "av", "category"),
    [
        ("note", {"2": " by hand "}, "by hand"),
        ("kind", {"3": "a"}, "Shirt"),
        ("kind", {"3": "b,"}, "Skirt"),
        ("fit", {"4": "7"}, "loose"),
        ("fit", {"4": 7}, "loose"),
        ("fit", {"4": "9"}, "9"),
        ("5", {"5": "no such attribute"}, "no such attribute"),
    ],
)
def test_each_kind_of_attribute_can_be_the_label(tmp_path, images_folder, attribute, av, category):
    (record,), _ = read(tmp_path, images_folder, project(region(**av)), attribute)
    assert [i.category for i in record.instances] == [category]


@pytest.mark.parametrize(
    ("wrong", "kind", "detail"),
    [
        (region(**{"2": "x"}), "region without a label", "no 'kind'"),
        (region(**{"3": "a,b"}), "region without a label", "2 boxes of 'kind'"),
        (region(**{"3": ""}), "region without a label", "0 boxes of 'kind'"),
        (region(**{"3": ["a"]}), "region without a label", "not a text"),
        ({"vid": 1, "xy": SQUARE, "av": [1]}, "region without a label", "no 'kind'"),
        (region([1, 2, 2], **{"3": "a"}), "region that cannot be drawn", "'point' has no area"),
        (region([5, 0, 0, 3, 4], **{"3": "a"}), "open line", "5 pixels lie between the ends of a"),
        (region([77, 2], **{"3": "a"}), "region that cannot be drawn", "'number 77' has no"),
        (region([[], 2], **{"3": "a"}), "region that cannot be drawn", "no area"),
        (region("text", **{"3": "a"}), "region that cannot be drawn", "no area"),
        (region([2, 1, 1, 2], **{"3": "a"}), "region that cannot be drawn", "not a number"),
        (region([2, 1, 1, 2, "2"], **{"3": "a"}), "region that cannot be drawn", "not a number"),
        (region([7, 1, 1, 2], **{"3": "a"}), "region that cannot be drawn", "matching"),
        (region([8, 1, 1], **{"3": "a"}), "region that cannot be drawn", "1 points, not 4"),
        (region([9, 0, 0, 1, 1, 2, 2], **{"3": "a"}), "region that cannot be drawn", "on a line"),
        (
            region([9, 0, 0, 1, 1, 2, 2 + 1e-9], **{"3": "a"}),
            "region that cannot be drawn",
            "out of all bounds",
        ),
    ],
)
def test_a_wrong_region_is_skipped_counted_and_placed(tmp_path, images_folder, wrong, kind, detail):
    table = project(region(**{"3": "a"}), wrong)
    (record,), (skip,) = read(tmp_path, images_folder, table, "kind")
    assert len(record.instances) == 1
    assert (skip.location, skip.kind) == ("p.json:metadata/1_m1", kind)
    assert detail in skip.detail


def test_a_remark_on_a_whole_image_is_no_region(tmp_path, images_folder):
    table = project(region(), region([]), region([], vid="2"), files=("a.jpg", "b.png"))
    records, skips = read(tmp_path, images_folder, table)
    assert [(r.image_id, len(r.instances)) for r in records] == [("a.jpg", 1), ("b.png", 0)]
    assert skips == []


def test_an_address_or_a_whole_path_is_looked_for_by_its_end(tmp_path, images_folder):
    files = ("https://x.org/photos/a.jpg?v=2", "/home/me/b.png", "file:///C:/mine/c%20d.jpg")
    metadata = [region(vid=str(n)) for n in (1, 2, 3)]
    records, _ = read(tmp_path, images_folder, project(*metadata, files=files))
    assert [r.image_id for r in records] == ["a.jpg", "b.png", "c d.jpg"]


def test_two_addresses_of_one_end_are_not_taken_for_one_photo(tmp_path, images_folder):
    files = ("https://x.org/left/a.jpg", "https://x.org/right/a.jpg", "/home/me/b.png")
    metadata = [region(vid=str(n)) for n in (1, 2, 3)]
    records, told = read(tmp_path, images_folder, project(*metadata, files=files))
    assert [r.image_id for r in records] == ["b.png"]
    assert [t.kind for t in told] == ["photo without a file"] * 2 + ["photo spelled otherwise"]


def test_a_image_in_two_views_is_one_and_one_out_of_the_folder_is_refused(tmp_path, images_folder):
    metadata = [region(vid=str(n)) for n in (1, 2, 3)]
    table = project(*metadata, files=("a.jpg", "../p.json", "a.jpg"))
    (record,), skips = read(tmp_path, images_folder, table)
    assert record.image_id == "a.jpg"
    assert [(s.location, s.kind) for s in skips] == [
        ("p.json:view/1", "listings joined"),
        ("p.json:view/2", "photo refused"),
    ]


def test_a_view_of_several_images_is_refused_only_where_a_region_could_be_on_any(
    tmp_path, images_folder
):
    pair = {"1": {"fid_list": [1, 2]}, "2": {"fid_list": [2]}, "3": {"fid_list": [3]}}
    table = project(region(vid=3), files=("a.jpg", "b.png", "c d.jpg"), view=pair)
    records, (skip,) = read(tmp_path, images_folder, table)
    assert {r.image_id: len(r.instances) for r in records} == {"a.jpg": 0, "b.png": 0, "c d.jpg": 1}
    assert (skip.location, skip.kind) == ("p.json:view/1", "listings joined")
    table["metadata"]["x"] = region()
    with pytest.raises(FormatError, match=r"view/1: 1 region on 2 photos at once.* a view of its"):
        read(tmp_path, images_folder, table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"project": {}, "metadata": {}}, "p.json:attribute: missing"),
        (project(view=[]), "p.json:view: missing, or not a table"),
        (project(files=()), "p.json:view: holds no photos"),
        (project(view={"1": {}}), "view/1: has no fid_list"),
        (project(view={"1": None}), "view/1: has no fid_list"),
        (project(view={"1": {"fid_list": [[]]}}), "view/1: its file '' has no fname"),
        (project(file={"1": {"fname": 1}}), "view/1: its file '1' has no fname"),
        (project(region(vid="9")), "metadata/1_m0: belongs to view '9'"),
        (project(region(vid=[])), "metadata/1_m0: belongs to view ''"),
        (project(None), "metadata/1_m0: belongs to view ''"),
        (project(region(), attribute={"1": {"aname": "x"}, "x": 3}), "2 attributes.* 'x'"),
        (project(region(**{"2": "x"})), r"'style'; there are: note \(1\)"),
    ],
)
def test_a_project_that_is_wrong_as_a_whole_is_one_error(tmp_path, images_folder, table, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, images_folder, table)
