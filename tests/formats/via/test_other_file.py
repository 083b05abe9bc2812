"""VIA notes a photo's size in bytes: where outlines leave another file, it was exchanged."""

import csv
import json

import pytest

from curation.formats import via
from tests.formats.via.test_reader import entry, read, read_all, region

COLUMNS = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
    "region_attributes"
)


@pytest.mark.parametrize("project", [True, False], ids=["json", "csv"])
@pytest.mark.parametrize(
    ("size", "left", "kinds"),
    [
        ("1", 0, []),  # saved anew, and the outlines fit
        ("1", 4, ["out-of-frame polygon", "another file than was labelled"]),
        ("same", 4, ["out-of-frame polygon"]),
        ("-1", 4, ["out-of-frame polygon"]),
        ("", 4, ["out-of-frame polygon"]),
    ],
)
def test_a_photo_of_another_size_in_bytes_is_doubted_where_an_outline_leaves_it(
    tmp_path, images_folder, project, size, left, kinds
):
    said = (images_folder / "a.jpg").stat().st_size if size == "same" else size
    shape = {"name": "rect", "x": left, "y": 1, "width": 5, "height": 2}
    path = tmp_path / "via"
    if project:
        path.write_text(json.dumps({"k": entry(region(shape)) | {"size": said}}))
    else:
        cells = ["a.jpg", said, "{}", 1, 0, json.dumps(shape), '{"style": "x"}']
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS.split(","), cells])
    records, told = read_all(via.load(path, images_folder))
    assert list(records[0].instances[0].repaired) == kinds
    assert told == []


def test_a_region_beside_another_file_than_was_labelled_says_why(tmp_path, images_folder):
    shape = {"name": "rect", "x": 60, "y": 1, "width": 5, "height": 2}
    _, told = read(tmp_path, images_folder, {"k": entry(region(shape)) | {"size": 1}})
    assert told[0].kind == "region that cannot be drawn"
    assert "no area inside the photo; the outline leaves the photo, whose file" in told[0].detail


def test_an_outline_without_a_point_is_told_whatever_the_file(tmp_path, images_folder):
    shape = {"name": "polygon", "all_points_x": [], "all_points_y": []}
    _, told = read(tmp_path, images_folder, {"k": entry(region(shape)) | {"size": 1}})
    assert told[0].kind == "region that cannot be drawn"
