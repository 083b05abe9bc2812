import csv
import io
import json

import pytest

from curation.core.errors import FormatError
from curation.formats import via
from tests.formats.via.test_reader import read_all

# As VIA 2 writes it: five shapes over two photos, and one photo without a region.
VIA_2 = """filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,\
region_attributes
a.jpg,1200,"{""caption"":""x""}",2,0,"{""name"":""polygon"",""all_points_x"":[0,2,2,0],\
""all_points_y"":[1,1,3,3]}","{""style"":""preppy ""}"
a.jpg,1200,"{""caption"":""x""}",2,1,"{""name"":""rect"",""x"":1,""y"":0,""width"":2,\
""height"":1}","{""style"":{""boho"":true}}"
c d.jpg,-1,"{}",1,0,"{""name"":""point"",""cx"":1,""cy"":1}","{""style"":""preppy""}"
b.png,300,"{}",0,0,"{}","{}"
"""

# As VIA 3 writes it.
VIA_3 = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# Notes:
# - spatial_coordinates of [2,10,20,50,80] denotes a rectangle (shape_id=2) of size 50x80 placed
# SHAPE_ID = {"POINT":1,"RECTANGLE":2}
# FLAG_ID = {"RESERVED_FOR_FUTURE":1}
# ATTRIBUTE = {"1":{"aname":"style","anchor_id":"FILE1_Z0_XY1","type":4,"desc":"",\
"options":{"0":"preppy","1":"boho"},"default_option_id":""}}
# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
"1_j5sJvB9h","[""a.jpg""]",0,"[]","[7,0,1,2,1,2,3,0,3]","{""1"":""0""}"
"2_zYQJk2sM","[""https://x.org/b.png""]",0,"[]","[2,1,0,2,1]","{""1"":""1""}"
"1_vL68gsEX","[""a.jpg""]",0,"[]","[2,1,0,2,1]","{""1"":""1""}"
"3_Qw8vbnMj","[""c d.jpg""]",0,"[]","[]","{""1"":""1""}"
"""


def read(tmp_path, folder, text, attribute="style"):
    path = tmp_path / "via.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_all(via.load(path, folder, attribute))


def said(records):
    return {
        r.image_id: [(i.category, i.source, i.polygons[0]) for i in r.instances] for r in records
    }


SQUARE, STRIPE = (0, 1, 2, 1, 2, 3, 0, 3), (1, 0, 3, 0, 3, 1, 1, 1)


def test_an_export_of_via_2(tmp_path, images_folder):
    records, skips = read(tmp_path, images_folder, VIA_2)
    assert said(records) == {
        "a.jpg": [("preppy", "via.csv:2", SQUARE), ("boho", "via.csv:3", STRIPE)],
        "b.png": [],
    }
    assert [(s.location, s.kind) for s in skips] == [
        ("via.csv:4", "region that cannot be drawn"),
        ("via.csv:4", "photo without a usable region"),
    ]


def test_an_export_of_via_3(tmp_path, images_folder):
    records, skips = read(tmp_path, images_folder, VIA_3)
    assert said(records) == {
        "a.jpg": [("preppy", "via.csv:8", SQUARE), ("boho", "via.csv:10", STRIPE)],
        "b.png": [("boho", "via.csv:9", STRIPE)],
        "c d.jpg": [],
    }
    assert [(s.location, s.kind) for s in skips] == [("via.csv:9", "photo spelled otherwise")]


@pytest.mark.parametrize(
    "text",
    [
        "#" + VIA_2,  # VIA 1.0
        "# by hand\n" + VIA_2,
        VIA_2.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + VIA_2.encode(),
        VIA_2.replace("\n", ",,\n"),  # a spreadsheet's empty cells
        VIA_2 + "\n,,,,,,\n",
        VIA_3.replace("metadata\n", "metadata,,\n"),
        VIA_3.replace("# ATTRIBUTE =", "#ATTRIBUTE ="),
    ],
)
def test_what_other_versions_and_programs_make_of_it_reads_alike(tmp_path, images_folder, text):
    plain = (
        VIA_3 if b"ATTRIBUTE =" in (text if isinstance(text, bytes) else text.encode()) else VIA_2
    )
    expected, _ = read(tmp_path, images_folder, plain)
    records, _ = read(tmp_path, images_folder, text)
    assert [[i.mask for i in r.instances] for r in records] == [
        [i.mask for i in r.instances] for r in expected
    ]


def test_names_alone_for_attributes_as_in_the_first_exports_of_via_3(tmp_path, images_folder):
    start = VIA_3.index("# ATTRIBUTE")
    text = VIA_3[:start] + '# ATTRIBUTES = {"1":"style"}\n' + VIA_3[VIA_3.index("# CSV") :]
    records, _ = read(tmp_path, images_folder, text)
    assert [i.category for r in records for i in r.instances] == ["0", "1", "1"]


def test_json_and_csv_of_one_project_read_alike(tmp_path, images_folder):
    shapes = [
        {"name": "circle", "cx": 3, "cy": 2, "r": 1.5},
        {"name": "ellipse", "cx": 3, "cy": 2, "rx": 2.5, "ry": 1.5, "theta": 0.3},
        {"name": "polyline", "all_points_x": [0, 2.5, 2.5, 0], "all_points_y": [0, 0, 1.5, 0.5]},
    ]
    regions = [{"shape_attributes": s, "region_attributes": {"style": 'a "b", c'}} for s in shapes]
    path = tmp_path / "via.json"
    path.write_text(json.dumps({"a.jpg-1": {"filename": "a.jpg", "size": -1, "regions": regions}}))
    expected, _ = read_all(via.load(path, images_folder, "style"))
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(VIA_2.partition("\n")[0].split(","))
    for number, each in enumerate(regions):
        cells = (json.dumps(each[f"{k}_attributes"]) for k in ("shape", "region"))
        rows.writerow(["a.jpg", -1, "{}", len(regions), number, *cells])
    records, _ = read(tmp_path, images_folder, out.getvalue())
    assert len(records[0].instances) == 3
    assert [(i.category, i.mask, i.polygons) for i in records[0].instances] == [
        (i.category, i.mask, i.polygons) for i in expected[0].instances
    ]


def test_images_of_one_name_and_two_sizes_are_one_image(tmp_path, images_folder):
    rect = '""rect"",""x"":4,""y"":0,""width"":2,""height"":2'
    text = VIA_2.replace("c d.jpg", "a.jpg").replace('""point"",""cx"":1,""cy"":1', rect)
    records, told = read(tmp_path, images_folder, text)
    assert [len(r.instances) for r in records] == [3, 0]
    assert (told[0].location, told[0].kind) == ("via.csv:2", "listings joined")


def test_a_row_without_a_shape_that_counts_as_a_region_is_told(tmp_path, images_folder):
    _, skips = read(tmp_path, images_folder, VIA_2 + 'a.jpg,1200,{},3,2,{},"{""style"":""x""}"\n')
    assert ("via.csv:6", "region that cannot be drawn") in [(s.location, s.kind) for s in skips]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,region_count\n", "neither JSON nor a CSV of VIA"),
        ("# only a comment\n", "neither JSON nor a CSV of VIA"),
        (VIA_2.partition("\n")[0].replace(",", ";"), "its columns are separated by semicolons"),
        (VIA_2.partition("\n")[0], "holds no photos"),
        (VIA_3[: VIA_3.index('"1_j5')], "holds no photos"),
        (VIA_2 + 'a.jpg,1,"{}\n', "via.csv:6: not a CSV: unexpected end"),
        (VIA_2.partition("\n")[0] + "\na.jpg,1\n", "no row can be read; the first: 2 cells under"),
        (
            VIA_2.replace('"{""name', '"[""name'),
            "no region can be read; the first: region_shape_attributes is",
        ),
        (VIA_3 + '"x","[""a"",""b""]",0,[],[3],{}\n', "via.csv:12: 1 region on 2 photos"),
        (VIA_3.replace('"style"', '"style'), "via.csv:6: ATTRIBUTE is not JSON"),
        (VIA_2.replace("style", "other"), r"'style'; there are: other \(3\)"),
    ],
)
def test_an_export_that_is_wrong_as_a_whole_is_one_error(tmp_path, images_folder, text, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, images_folder, text)


@pytest.mark.parametrize(
    ("text", "where", "detail"),
    [
        (VIA_2 + 'a.jpg,1200,"{}",3,2,"{","{}"\n', 6, "region_shape_attributes is not JSON"),
        (VIA_2 + "a.jpg,1200,{},3,2,{}," + "[" * 10**5 + "\n", 6, "region_attributes is not JSON"),
        (VIA_2 + "a.jpg,1\n", 6, "2 cells under a header of 7"),
        (VIA_2 + 'a.jpg,1,"{}",1,0,"{}","{}",more\n', 6, "8 cells under a header of 7"),
        (VIA_2 + 'a.jpg,1,"{""a":1}",1\n', 6, "this is no row of a CSV"),
        (VIA_2 + 'a.jpg,1,"{}\nc,1,"{}"\n', 6, "these 2 lines are no row of a CSV"),
        (VIA_3 + '"x","[""a.jpg""]",0,"[]","[","{}"\n', 12, "spatial_coordinates is not JSON"),
        (VIA_3 + '"x","a.jpg",0,"[]","[]","{}"\n', 12, "file_list is not JSON"),
        (VIA_3 + '"x",{},0,"[]","[]","{}"\n', 12, "file_list is not a list"),
        (VIA_3 + '"x",[3],0,"[]","[]","{}"\n', 12, "file_list is not a list"),
    ],
)
def test_a_cell_that_cannot_be_read_costs_its_region_alone(
    tmp_path, images_folder, text, where, detail
):
    sound = VIA_3 if text.startswith(VIA_3) else VIA_2
    expected, _ = read(tmp_path, images_folder, sound)
    records, skips = read(tmp_path, images_folder, text)
    assert said(records) == said(expected)
    (skip,) = (s for s in skips if s.kind == "row that cannot be decoded")
    assert skip.location == f"via.csv:{where}"
    assert detail in skip.detail


def test_a_photo_all_of_whose_cells_are_unreadable_is_no_photo_without_labels(
    tmp_path, images_folder
):
    text = VIA_2.replace('b.png,300,"{}",0,0,"{}"', 'b.png,300,"{}",1,0,"{"')
    records, skips = read(tmp_path, images_folder, text)
    assert [r.image_id for r in records] == ["a.jpg"]
    assert [(s.location, s.kind) for s in skips][-2:] == [
        ("via.csv:5", "row that cannot be decoded"),
        ("via.csv:5", "photo without a usable region"),
    ]
