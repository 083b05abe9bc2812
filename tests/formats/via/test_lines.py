"""A line is no area: it is left out and counted, or drawn with a width; an open outline is one."""

import json
import math

import pytest

from curation.core import polygons, rle
from curation.formats import via
from tests.formats.via.test_reader import entry, read_all, region


def line(*points, name="polyline"):
    xs, ys = zip(*points, strict=True)
    return {"name": name, "all_points_x": xs, "all_points_y": ys}


@pytest.fixture
def drawn(tmp_path, images_folder):
    """The rows of the first instance of a photo of 6x4, and what was said."""

    def read(shape, line_width=None):
        path = tmp_path / "via.json"
        path.write_text(json.dumps({"k": entry(region(shape))}))
        records, told = read_all(via.load(path, images_folder, line_width=line_width))
        mask = rle.decode(records[0].instances[0].mask) if records else []
        return ["".join(".#"[int(v)] for v in row) for row in mask], told

    return read


CORNER = line((0, 1), (3, 1), (3, 4))


def test_a_line_whose_ends_do_not_meet_is_left_out_and_counted(drawn):
    rows, told = drawn(CORNER)
    assert rows == []
    assert [f.kind for f in told] == ["open line", "photo without a usable region"]
    assert told[0].location == "via.json:k#0"
    assert told[0].detail == (
        "preppy: 4 pixels lie between the ends of a line of 6; --line-width N draws it"
    )


def test_a_line_is_drawn_with_the_width_that_is_asked_for(drawn):
    rows, told = drawn(line((0, 2), (4, 2)), line_width=2)
    assert rows == ["......", "####..", "####..", "......"]
    assert told == []


def test_a_line_is_drawn_around_its_corner(drawn):
    rows, _ = drawn(CORNER, line_width=2)
    assert rows == ["####..", "####..", "..##..", "..##.."]


def test_an_outline_that_was_left_open_is_filled_whatever_the_width(drawn):
    outline = line((0, 0), (4, 0), (4, 2), (0, 2), (0, 1))  # a gap of 1, of 11
    assert drawn(outline)[0] == drawn(outline, 2)[0] == ["####..", "####..", "......", "......"]


@pytest.mark.parametrize("corners", [5, 6, 12])
def test_who_stops_at_the_last_of_six_corners_or_more_drew_an_outline(drawn, corners):
    turns = [2 * math.pi * n / corners for n in range(corners)]
    rows, _ = drawn(line(*((3 + 2 * math.cos(t), 2 + 2 * math.sin(t)) for t in turns)))
    assert bool(rows) == (corners >= 6)


@pytest.mark.parametrize(
    "shape",
    [line((0, 0), (3, 3), (0, 0)), line((1, 1)), line((1, 1), (1, 1))],
    ids=["there and back", "a point", "a point twice"],
)
def test_what_goes_nowhere_is_no_outline(drawn, shape):
    assert drawn(shape)[1][0].kind == "open line"


def test_a_line_of_no_length_cannot_be_drawn(drawn):
    _, told = drawn(line((1, 1), (1, 1)), line_width=3)
    assert (told[0].kind, told[0].detail) == (
        "region that cannot be drawn",
        "preppy: the line has no length",
    )


def test_a_line_around_something_is_drawn_without_filling_it():
    ring = [(20, 0), (0, 0), (0, 20), (20, 20), (20, -10)]
    mask = rle.decode(
        polygons.rasterise(polygons.stroke([(x + 15, y + 15) for x, y in ring], 2), 50, 50)
    )
    assert mask[14:16, 15:34].all()
    assert not mask[17:33, 17:33].any()


def test_a_hole_narrower_than_a_pixel_is_no_endless_cut():
    loop = [(0.2, 10.0), (0.2, 0.0), (0.7, 0.0), (0.7, 10.0), (0.1, 10.0)]
    assert len(polygons.stroke(loop, 0.2)) > 1


def test_a_line_around_a_hole_whose_corner_lies_on_a_column_is_cut_beside_it():
    crossing = [(14, 6), (10, 1), (12, 12), (12, 11), (14, 8), (13, 7)]
    assert len(polygons.stroke(crossing, 6)) == 2
