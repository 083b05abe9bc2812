import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from curation.core import polygons, rle
from tests.conftest import picture


def test_a_ring_covers_the_pixels_between_its_edges():
    ring = (1, 0, 3, 0, 3, 1, 2, 1, 2, 3, 1, 3)  # an upside-down L
    expected = picture(
        ".##.",
        ".#..",
        ".#..",
        "....",
    )
    assert (rle.decode(polygons.rasterise([ring], 4, 4)) == expected).all()


def test_two_parts_are_one_instance():
    parts = [(0, 0, 1, 0, 1, 1, 0, 1), (3, 2, 4, 2, 4, 4, 3, 4)]
    expected = picture(
        "#...",
        "....",
        "...#",
        "...#",
    )
    assert (rle.decode(polygons.rasterise(parts, 4, 4)) == expected).all()


def test_what_lies_out_of_the_frame_is_cut_off():
    ring = (-5, 1, 2, 1, 2, 9, -5, 9)
    expected = picture(
        "....",
        "##..",
        "##..",
        "##..",
    )
    assert (rle.decode(polygons.rasterise([ring], 4, 4)) == expected).all()


def test_a_bow_tie_is_repaired_and_keeps_both_halves():
    mask = rle.decode(polygons.rasterise([(0, 0, 8, 8, 8, 0, 0, 8)], 8, 8))
    assert mask[4, 0] and mask[4, 7]
    assert not mask[0, 4] and not mask[7, 4]


def test_a_hole_stays_a_hole():
    ring_with_bridge = (0, 0, 5, 0, 5, 5, 0, 5, 0, 0, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2)
    mask = rle.decode(polygons.rasterise([ring_with_bridge], 5, 5))
    assert mask.sum() == 24
    assert not mask[2, 2]


DONUT = (0, 0, 7, 0, 7, 7, 0, 7, 0, 0, 1, 1, 1, 6, 6, 6, 6, 1, 1, 1)
ISLAND = (3, 2, 5, 2, 5, 5, 3, 5)
DONUT_AND_ISLAND = picture(
    "#######.",
    "#.....#.",
    "#..##.#.",
    "#..##.#.",
    "#..##.#.",
    "#.....#.",
    "#######.",
)


def test_an_island_in_a_hole_stays():
    mask = rle.decode(polygons.rasterise([DONUT, ISLAND], 7, 8))
    assert (mask == DONUT_AND_ISLAND).all()


def test_an_island_that_hangs_on_its_donuts_ring_stays():
    there_and_back = (1, 1, *ISLAND, 3, 2, 1, 1)
    mask = rle.decode(polygons.rasterise([DONUT + there_and_back], 7, 8))
    assert (mask == DONUT_AND_ISLAND).all()


def test_a_disc_on_a_donut_fills_its_hole():
    disc = (1, 1, 6, 1, 6, 6, 1, 6)
    mask = rle.decode(polygons.rasterise([DONUT, disc], 7, 7))
    assert mask.all()


def test_a_ring_along_the_pixels_edges_that_crosses_itself_is_repaired_as_any_other():
    around_twice = (0, 0, 3, 0, 3, 3, 0, 3, 0, 0, 3, 0, 3, 3, 0, 3, 0, 0, 6, 0, 6, 6, 0, 6)
    eight = (0, 0, 2, 0, 2, 4, 4, 4, 4, 2, 0, 2)
    assert rle.area(polygons.rasterise([eight], 6, 6)) == 8
    assert polygons.repairs([eight], 6, 6) == ("self-intersecting polygon",)
    assert polygons.repairs([around_twice], 6, 6) == ("self-intersecting polygon",)


@pytest.mark.parametrize(
    ("ring", "reason"),
    [
        ((1, 1, 2, 2), "3 points"),
        ((1, 1, 2, 2, 3), "3 points"),
        ((1, 1, 2, 2, 3, 3), "no area"),
        ((9, 9, 12, 9, 12, 12), "no area inside"),
        ((1, 1, float("nan"), 2, 3, 5), "not a finite number"),
        ((1.1, 1.1, 1.3, 1.1, 1.3, 1.3), "no pixel"),
    ],
)
def test_a_ring_that_covers_nothing_says_why(ring, reason):
    with pytest.raises(ValueError, match=reason):
        polygons.rasterise([ring], 4, 4)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=7))
def test_pixels_well_inside_are_filled_and_well_outside_are_not(points):
    outline = Polygon(points)
    if not outline.is_valid or outline.area < 4:
        return
    ring = tuple(float(v) for point in points for v in point)
    mask = rle.decode(polygons.rasterise([ring], 20, 20))
    for row, column in np.ndindex(20, 20):
        centre = Point(column + 0.5, row + 0.5)
        if outline.boundary.distance(centre) > 0.75:  # COCO's rasteriser rounds its edges
            assert mask[row, column] == outline.contains(centre)


BOW_TIE, SQUARE = (10, 10, 50, 50, 50, 10, 10, 50), (10, 10, 20, 10, 20, 20, 10, 20)


@pytest.mark.parametrize(
    ("rings", "expected"),
    [
        ([SQUARE], ()),
        ([SQUARE, BOW_TIE], ("self-intersecting polygon",)),
        ([(10, 10, 11, 11, 11, 10, 10, 11)], ()),  # half a square pixel
        ([(0, 0, 50, 0, 50, 50, 0, 50, 0, 0, 20, 20, 20, 30, 30, 30, 30, 20, 20, 20)], ()),
        ([(-1, -1, 61, -1, 61, 41, -1, 61)], ()),
        ([(-1.5, 0, 9, 0, 9, 9)], ("out-of-frame polygon",)),
        ([(0, -2, 9, 0, 9, 9)], ("out-of-frame polygon",)),
        ([SQUARE, (0, 0, 62, 0, 9, 9)], ("out-of-frame polygon",)),
        ([(0, 0, 9, 0, 9, 62)], ("out-of-frame polygon",)),
        (
            [(10, 10, 70, 50, 70, 10, 10, 50)],
            ("self-intersecting polygon", "out-of-frame polygon"),
        ),
    ],
)
def test_what_has_to_be_repaired_is_named(rings, expected):
    assert polygons.repairs(rings, 60, 60) == expected


def test_an_outline_that_would_eat_the_memory_is_refused():
    teeth = [(999, y, 999, y + 0.5, 1, y + 0.5, 1, y + 1) for y in range(600)]
    comb = (0, 600, 0, 0, *(v for tooth in teeth for v in tooth))
    with pytest.raises(ValueError, match=r"an outline of 1[0-9]+ pixels is no garment's"):
        polygons.rasterise([comb], 1000, 1000)
