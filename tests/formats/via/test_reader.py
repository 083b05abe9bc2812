import json
import math
import pickle

import numpy as np
import pytest
from PIL import Image

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.formats import via
from curation.formats.via import reader
from tests.conftest import picture

SQUARE = {"name": "polygon", "all_points_x": [0, 2, 2, 0], "all_points_y": [1, 1, 3, 3]}


def region(shape=SQUARE, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes or {"style": "preppy"}}


def entry(*regions, filename="a.jpg"):
    return {"filename": filename, "size": -1, "regions": list(regions), "file_attributes": {}}


def read(tmp_path, folder, table, attribute="style"):
    path = tmp_path / "via.json"
    path.write_text(json.dumps(table), "utf-8")
    return read_all(via.load(path, folder, attribute))


def read_all(source):
    skips = []
    return list(source.read(0, len(source.names), skips.append)), skips


def test_a_polygon_becomes_an_instance(tmp_path, images_folder):
    (record,), skips = read(tmp_path, images_folder, {"a.jpg-1": entry(region())})
    (instance,) = record.instances
    assert (record.image_id, record.height, record.width) == ("a.jpg", 4, 6)
    assert instance.category == "preppy"
    assert instance.source == "via.json:a.jpg-1#0"
    assert instance.polygons == ((0, 1, 2, 1, 2, 3, 0, 3),)
    expected = picture(
        "......",
        "##....",
        "##....",
        "......",
    )
    assert (rle.decode(instance.mask) == expected).all()
    assert skips == []


def test_a_project_a_flat_export_and_via_1_read_alike(tmp_path, images_folder):
    flat = {"any key": entry(region())}
    project = {"_via_settings": {}, "_via_img_metadata": flat}
    old = {"any key": entry() | {"regions": {"0": region()}, "fileref": "", "base64_img_data": ""}}
    results = [read(tmp_path, images_folder, table)[0] for table in (flat, project, old)]
    assert results[0] == results[1] == results[2]
    assert len(results[0][0].instances) == 1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"name": "rect", "x": 1, "y": 0, "width": 2, "height": 1}, (".##...", "......")),
        ({"name": "circle", "cx": 3, "cy": 2, "r": 1}, ("......", "..##..", "..##..")),
        (
            {"name": "ellipse", "cx": 3, "cy": 2, "rx": 3, "ry": 1},
            ("......", ".####.", ".####."),
        ),
        (
            {"name": "ellipse", "cx": 2, "cy": 2, "rx": 2, "ry": 1, "theta": 1.5707963},
            (".##...", ".##...", ".##...", ".##..."),
        ),
        (
            {"name": "polyline", "all_points_x": [0, 2, 2, 0], "all_points_y": [0, 0, 1, 1]},
            ("##....",),
        ),
    ],
)
def test_each_shape_is_filled(tmp_path, images_folder, shape, expected):
    (record,), _ = read(tmp_path, images_folder, {"k": entry(region(shape))})
    rows = [*expected, *["......"] * (4 - len(expected))]
    inside = rle.decode(record.instances[0].mask)
    drawn = ["".join(".#"[int(v)] for v in row) for row in inside]
    if shape["name"] in ("circle", "ellipse"):  # a rounded edge may miss its corner pixels
        assert np.logical_xor(inside, picture(*rows)).sum() <= 4
        assert inside.any()
    else:
        assert drawn == rows


def test_an_ellipse_turns_clockwise(tmp_path, images_folder):
    shape = {"name": "ellipse", "cx": 2, "cy": 2, "rx": 2.5, "ry": 0.6, "theta": math.pi / 4}
    (record,), _ = read(tmp_path, images_folder, {"k": entry(region(shape))})
    inside = rle.decode(record.instances[0].mask)
    assert inside[range(4), range(4)].all()  # from the top left to the bottom right
    assert not inside[[0, 0, 3, 3], [2, 3, 0, 1]].any()


@pytest.mark.parametrize(
    ("wrong", "kind", "detail"),
    [
        (region(other="x"), "region without a label", "no 'style'"),
        (region(style="  "), "region without a label", "empty"),
        (region(style=None), "region without a label", "None, not a text"),
        (region(style=["a"]), "region without a label", "not a text"),
        (region(style=True), "region without a label", "not a text"),
        (region(style="a\nb"), "region without a label", "cannot be printed"),
        (region(style={"a\x1b[2J": True}), "region without a label", "cannot be printed"),
        (region(style={"preppy": True, "bohemian": True}), "region without a label", "2 boxes"),
        ({"shape_attributes": SQUARE, "region_attributes": []}, "region without a label", "no"),
        (region({"name": "point", "cx": 1, "cy": 1}), "region that cannot be drawn", "no area"),
        (region({"name": "rect", "x": 10**400}), "region that cannot be drawn", "out of all"),
        (region({"name": "rect", "x": math.nan}), "region that cannot be drawn", "out of all"),
        (region({"name": "rect", "x": [[]]}), "region that cannot be drawn", "not a number"),
        (region({"name": "rect", "x": "1"}), "region that cannot be drawn", "not a number"),
        (region({}), "region that cannot be drawn", "no area"),
        (
            region({"name": "polygon", "all_points_x": [1], "all_points_y": [1, 2]}),
            "region that cannot be drawn",
            "matching",
        ),
        ("no region", "region without a label", "no 'style'"),
    ],
)
def test_a_wrong_region_is_skipped_counted_and_placed(tmp_path, images_folder, wrong, kind, detail):
    (record,), (skip,) = read(tmp_path, images_folder, {"k": entry(region(), wrong)})
    assert len(record.instances) == 1
    assert (skip.location, skip.kind) == ("via.json:k#1", kind)
    assert detail in skip.detail


def test_labels_lose_outer_spaces_and_a_single_ticked_box_counts(tmp_path, images_folder):
    table = {"k": entry(region(style=" preppy "), region(style={"boho": True, "preppy": False}))}
    (record,), _ = read(tmp_path, images_folder, table)
    assert [i.category for i in record.instances] == ["preppy", "boho"]


@pytest.mark.parametrize(
    ("filename", "kind"),
    [("gone.jpg", "photo without a file"), ("../via.json", "photo refused")],
)
def test_a_image_that_is_not_there_or_not_ours_is_skipped(tmp_path, images_folder, filename, kind):
    table = {"k": entry(region()), "x": entry(region(), filename=filename)}
    records, skips = read(tmp_path, images_folder, table)
    assert len(records) == 1
    assert [s.kind for s in skips] == [kind]


def test_the_attribute_that_no_region_has_is_an_error_that_lists_those_there_are(
    tmp_path, images_folder
):
    with pytest.raises(FormatError, match=r"'kind'; there are: style \(1\)"):
        read(tmp_path, images_folder, {"k": entry(region())}, "kind")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "via.json:1: not JSON"),
        ("[]", "holds no photos"),
        ("{}", "holds no photos"),
        ("", "neither JSON nor a CSV"),
        ("some text", "neither JSON nor a CSV"),
        ('{"k": {"regions": []}}', "k: has no filename"),
        ("[" * 10**5, "not JSON"),
        ('{"a.jpg9": {"filename": "a.jpg"}, "a.jpg9": {}}', "the key 'a.jpg9' twice"),
        ('{"k": {"filename": "a.jpg", "size": ' + "9" * 5000 + "}}", "not JSON text"),
        (b"\xff", "not UTF-8 text"),
        ('{"\\ud800": {}}', r"via.json:\\ud800: has no filename"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_error(tmp_path, content, message):
    path = tmp_path / "via.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FormatError, match=message):
        via.load(path, tmp_path, "style")


def test_a_file_that_would_eat_the_memory_is_refused(tmp_path):
    path = tmp_path / "via.json"
    with path.open("wb") as file:
        file.truncate(reader.MAX_FILE + 1)
    with pytest.raises(FormatError, match="larger than 1 GiB"):
        via.load(path, tmp_path, "style")


@pytest.mark.parametrize("regions", [5, True, False, "abc", None])
def test_regions_that_are_no_list_are_not_taken_for_none(tmp_path, images_folder, regions):
    wrong = entry(filename="b.png") | {"regions": regions}
    with pytest.raises(FormatError, match=r"via.json:b: its regions are .*: no list"):
        read(tmp_path, images_folder, {"a": entry(region()), "b": wrong})


@pytest.mark.parametrize("regions", [{"regions": []}, {"regions": {}}, {}])
def test_a_image_without_a_region_is_a_record_without_instances(tmp_path, images_folder, regions):
    records, skips = read(
        tmp_path, images_folder, {"a": entry(region()), "b": {"filename": "b.png", **regions}}
    )
    assert {r.image_id: len(r.instances) for r in records} == {"a.jpg": 1, "b.png": 0}
    assert skips == []


def test_a_image_of_which_no_region_could_be_used_is_skipped(tmp_path, images_folder):
    wrong = entry(region(style=""), filename="b.png")
    (record,), skips = read(tmp_path, images_folder, {"a": entry(region()), "b": wrong})
    assert record.image_id == "a.jpg"
    assert [(s.location, s.kind) for s in skips] == [
        ("via.json:b#0", "region without a label"),
        ("via.json:b", "photo without a usable region"),
    ]


@pytest.mark.parametrize(
    ("xs", "ys", "repaired"),
    [
        ([0, 2, 2, 0], [1, 1, 3, 3], ()),
        ([0, 4, 4, 0], [0, 4, 0, 4], ("self-intersecting polygon",)),
        ([2, 9, 9, 2], [0, 0, 3, 3], ("out-of-frame polygon",)),
        ([0, 9, 9, 0], [0, 4, 0, 4], ("self-intersecting polygon", "out-of-frame polygon")),
    ],
)
def test_a_polygon_that_was_repaired_says_so(tmp_path, images_folder, xs, ys, repaired):
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    (record,), _ = read(tmp_path, images_folder, {"k": entry(region(shape))})
    assert record.instances[0].repaired == repaired


HALF = "\ud800"
"""Half a character: JSON may hold it, and no file and no database may."""


def test_half_a_character_is_skipped_and_every_skip_can_be_written(tmp_path, images_folder):
    table = {
        "a": entry(region(), region(style=HALF), region({"name": HALF}), region(**{HALF: 1})),
        f"b{HALF}": entry(region(), filename="b.png") | {"regions": {HALF: "x", "0": region()}},
        "c": entry(region(), filename=f"c{HALF}"),
        f"d{HALF}": entry(region(), filename=f"c{HALF}"),
    }
    records, skips = read(tmp_path, images_folder, table)
    assert [len(r.instances) for r in records] == [1, 1]
    assert len(skips) == 6
    for skip in skips:
        f"{skip.location} {skip.kind} {skip.detail}".encode()
    with pytest.raises(FormatError) as error:
        read(tmp_path, images_folder, table, "kind")
    str(error.value).encode()


def test_numbers_are_labels_too(tmp_path, images_folder):
    (record,), _ = read(tmp_path, images_folder, {"k": entry(region(style=3), region(style=1.5))})
    assert [i.category for i in record.instances] == ["3", "1.5"]


def test_slices_hold_what_the_whole_holds_also_in_another_process(tmp_path, images_folder):
    path = tmp_path / "via.json"
    listed = ["a.jpg", "b.png", "gone.jpg", "a.jpg ", "c d.jpg"]
    table = {str(n): entry(region(), filename=name) for n, name in enumerate(listed)}
    path.write_text(json.dumps(table))
    source = via.load(path, images_folder, "style")
    assert source.names == ("a.jpg", "b.png", "gone.jpg", "a.jpg", "c d.jpg")
    whole = read_all(source)
    elsewhere = pickle.loads(pickle.dumps(source))
    assert elsewhere == source
    records, skips = [], []
    for start in (3, 0):
        records += elsewhere.read(start, start + 3, skips.append)
    assert sorted(r.image_id for r in records) == ["a.jpg", "b.png", "c d.jpg"]
    assert sorted(map(str, records)) == sorted(map(str, whole[0]))
    assert sorted(map(str, skips)) == sorted(map(str, whole[1]))


@pytest.mark.parametrize("regions", [(0, 2), (2, 0), (1, 1)])
def test_a_photo_that_was_added_again_has_the_regions_of_all_its_listings(
    tmp_path, images_folder, regions
):
    path = tmp_path / "via.json"
    drawn = iter([region(style="boho"), region(style="x")])
    table = {f"a.jpg{n}": entry(*(next(drawn) for _ in range(n))) for n in regions if n != 1}
    if regions == (1, 1):
        table = {"a.jpg1": entry(next(drawn)), "a.jpg9": entry(next(drawn))}
    path.write_text(json.dumps(table))
    source = via.load(path, images_folder, "style")
    told = []
    (record,) = source.read(0, 1, told.append)
    assert [i.category for i in record.instances] == ["boho", "x"]
    (first, *_) = table
    detail = "'a.jpg': " + " and ".join(f"{n} region{'s' * (n != 1)}" for n in regions)
    assert told == [Finding(FindingKind.LISTINGS_JOINED, f"via.json:{first}", detail)]
    assert list(source.read(1, 2, told.append)) == []
    assert len(told) == 1


def test_a_photo_of_which_no_listing_has_a_usable_region_is_skipped(tmp_path, images_folder):
    table = {"k1": entry(), "k2": entry(region(other="x"))}
    table["b"] = entry(region(), filename="b.png")
    records, skips = read(tmp_path, images_folder, table)
    assert [r.image_id for r in records] == ["b.png"]
    assert [(s.location, s.kind) for s in skips] == [
        ("via.json:k2#0", "region without a label"),
        ("via.json:k1", "photo without a usable region"),
    ]


@pytest.mark.parametrize("again", ["p1", "./p1.jpg", "x/../p1.jpg", "p1.jpg"])
@pytest.mark.parametrize("turned", [False, True])
def test_two_ways_to_spell_one_file_are_one_image(tmp_path, images_folder, again, turned):
    (images_folder / "a.jpg").rename(images_folder / "p1.jpg")
    names = ["p1.jpg", again][:: -1 if turned else 1]
    table = {f"k{n}": entry(region(), filename=name) for n, name in enumerate(names)}
    (record,), (told,) = read(tmp_path, images_folder, table)
    assert (record.image_id, len(record.instances)) == (names[0], 1)
    assert (told.location, told.kind) == ("via.json:k0", "listings joined")


def test_images_that_differ_in_their_suffix_are_two(tmp_path, images_folder):
    Image.new("RGB", (6, 4)).save(images_folder / "a.png")
    names = ["a.png", "a.jpg", "a.gif"]
    table = {name: entry(region(), filename=name) for name in names}
    records, (skip,) = read(tmp_path, images_folder, table)
    assert [(r.image_id, r.path.name) for r in records] == [(n, n) for n in names[:2]]
    assert (skip.location, skip.kind) == ("via.json:a.gif", "photo without a file")


def test_a_name_without_a_file_takes_no_image_from_another(tmp_path, images_folder):
    table = {n: entry(region(), filename=n) for n in ("a.png", "a.jpg")}
    (record,), (skip,) = read(tmp_path, images_folder, table)
    assert (record.image_id, skip.kind) == ("a.jpg", "photo without a file")


WILD = "\x1b[2J\n" + "x" * 10**4
"""What clears a terminal, a line break, and no end."""


def test_whatever_the_file_says_a_message_is_one_bounded_line(tmp_path, images_folder):
    table = {
        f"a{WILD}": entry(
            region(),
            region(style=WILD),
            region({"name": WILD}),
            region({"name": "rect", "x": WILD}),
            region(style={WILD: {WILD: [WILD] * 99}, "x": 1}),
            region(style=[[[[WILD] * 9] * 9] * 9] * 9),
            region(**{WILD: 1}),
        ),
        f"b{WILD}": entry(region(style=""), filename="b.png"),
        "c": entry(region(), filename=WILD),
    }
    records, skips = read(tmp_path, images_folder, table)
    assert [len(r.instances) for r in records] == [1]
    assert len(skips) == 9
    for text in (t for s in skips for t in (s.location, s.detail)):
        assert text.isprintable()
        assert len(text) < 500 + len(str(tmp_path))
    with pytest.raises(FormatError) as error:
        read(
            tmp_path,
            images_folder,
            {"k": entry(*(region(**{f"{n}{WILD}": 1}) for n in "a" * 99))},
            "kind",
        )
    assert str(error.value).isprintable()
    with pytest.raises(FormatError) as error:
        read(
            tmp_path,
            images_folder,
            {"k": entry(*(region(**{f"{n}": 1}) for n in range(99)))},
            "kind",
        )
    assert str(error.value).endswith("9 (1), 89 more")
