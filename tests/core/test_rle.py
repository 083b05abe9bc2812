import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from curation.core import rle
from tests.conftest import picture

ASYMMETRIC = picture(
    "....",
    "#...",
    "#...",
    "###.",
)
"""An L: a transpose, a flip and an off-by-one each give another picture."""

bool_masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def test_pairs_run_down_the_columns_and_count_from_one():
    # Column 0: rows 1 to 3 are pixels 2 to 4; columns 1 and 2: row 3 is pixels 8 and 12.
    assert (rle.decode(rle.from_pairs("2 3 8 1 12 1", 4, 4)) == ASYMMETRIC).all()


def test_pairs_are_written_as_they_are_read():
    assert rle.to_pairs(rle.encode(ASYMMETRIC)).tolist() == [2, 3, 8, 1, 12, 1]


def test_height_and_width_are_not_exchanged():
    wide = picture(
        "..#.",
        "....",
    )
    assert (rle.decode(rle.from_pairs("5 1", 2, 4)) == wide).all()


def test_box_and_area_of_the_l():
    mask = rle.encode(ASYMMETRIC)
    assert rle.bbox(mask) == (0, 1, 3, 3)
    assert rle.area(mask) == 5


def test_touching_runs_are_one_mask():
    assert rle.from_pairs("2 1 3 2 8 1 12 1", 4, 4) == rle.encode(ASYMMETRIC)


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ("", "empty"),
        ("1 2 3", "cut off"),
        ("1 x", "not an integer"),
        ("1 99999999999999999999", "past the end"),
        ("99999999999999999999 1", "past the end"),
        ("  ", "empty"),
        ("0 2", "below 1"),
        ("1 0", "below 1"),
        ("1 3 2 3", "overlap"),
        ("16 2", "past the end"),
        ("99 1", "past the end"),
    ],
)
def test_pairs_that_cannot_be_decoded_say_why(pairs, reason):
    with pytest.raises(ValueError, match=reason):
        rle.from_pairs(pairs, 4, 4)


@pytest.mark.parametrize(
    ("pairs", "same_as", "repaired"),
    [
        ("15 9", "15 2", ("run past the end",)),
        ("2 1 15 2 17 3", "2 1 15 2", ("run past the end",)),
        ("1 3 2 4", "1 5", ("overlapping runs",)),
        ("1 9 2 2 12 1", "1 9 12 1", ("overlapping runs",)),
        ("5 2 1 2", "1 2 5 2", ()),
        ("14 2 13 9", "13 4", ("run past the end", "overlapping runs")),
    ],
)
def test_pairs_that_can_be_repaired_are_and_say_so(pairs, same_as, repaired):
    assert rle.repair_pairs(pairs, 4, 4) == (rle.from_pairs(same_as, 4, 4), repaired)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=6))
def test_repaired_pairs_are_the_pixels_inside_any_run(pairs):
    painted = np.zeros(40, bool)
    for start, length in pairs:
        painted[start - 1 : start - 1 + length] = True
    mask, repaired = rle.repair_pairs(np.ravel(pairs), 8, 5)
    assert (rle.decode(mask).ravel(order="F") == painted).all()
    assert ("overlapping runs" in repaired) == (painted.sum() < sum(n for _, n in pairs))


def test_a_size_that_would_eat_the_memory_is_refused():
    with pytest.raises(ValueError, match="above"):
        rle.from_pairs("1 1", 10**6, 10**6)


def test_counts_that_do_not_fill_the_image_are_refused():
    with pytest.raises(ValueError, match="add up to 15, the photo has 16"):
        rle.from_counts([1, 14], 4, 4)


@given(bool_masks)
def test_encode_and_decode_round_trip(mask):
    assert (rle.decode(rle.encode(mask)) == mask).all()


@given(bool_masks.filter(lambda mask: mask.any()))
def test_pairs_round_trip(mask):
    packed = rle.encode(mask)
    assert rle.from_pairs(rle.to_pairs(packed), *mask.shape) == packed


@given(bool_masks)
def test_counts_agree_with_pycocotools(mask):
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size])
    counts = [0, *counts] if flat[0] else counts
    theirs = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    assert rle.from_counts(counts, *mask.shape).counts == theirs["counts"]


@given(st.data())
def test_union_and_iou_are_those_of_sets(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=8))
    a, b = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
    both = [rle.encode(a), rle.encode(b)]
    assert (rle.decode(rle.union(both)) == (a | b)).all()
    expected = (a & b).sum() / (a | b).sum() if (a | b).any() else 0.0
    assert rle.iou(*both) == pytest.approx(expected)


@given(bool_masks)
def test_a_text_is_read_as_it_was_written(mask):
    packed = rle.encode(mask)
    assert rle.parse(rle.to_text(packed)) == packed


def test_the_text_of_a_large_mask_is_read():
    height, width = 14_000, 14_000
    packed = rle.from_counts([0, 1, 1, height * width - 3, 1], height, width)
    assert rle.parse(rle.to_text(packed)) == packed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4 3",
        "4 x 124O0",
        "0 0 ",
        "-4 -3 124O0",
        "4 3 ",
        "4 3 124",  # 7 of 12 pixels
        "4 4 124O0",  # 12 of 16
        "3 3 124O0",  # 12 of 9
        "4 3 O<",  # -1 + 12... is not 12, and a run below 0
        "4 3 O=",  # -1 + 13
        "4 3 12T",  # cut off
        "4 3 124O0 ",
        "4 3 124O\u00e9",
        "4 3 " + "P" * 10**5,
        "99999999 99999999 0",
    ],
)
def test_a_text_that_is_no_mask_is_refused(text):
    with pytest.raises(ValueError):
        rle.parse(text)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
def test_any_counts_are_refused_or_can_be_worked_with(counts):
    try:
        mask = rle.parse(f"3 4 {counts}")
    except ValueError:
        return
    assert rle.decode(mask).sum() == rle.area(mask)


def test_masks_of_two_sizes_cannot_be_combined():
    with pytest.raises(ValueError, match="2 sizes"):
        rle.union([rle.encode(np.ones((2, 3))), rle.encode(np.ones((3, 2)))])


@given(bool_masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_part_of_a_photo_is_encoded_as_the_whole_is(part, left, top, right, bottom):
    whole = np.pad(part, ((top, bottom), (left, right)))
    assert rle.encode_box(part, left, top, *whole.shape) == rle.encode(whole)


@pytest.mark.parametrize(("left", "top"), [(-1, 0), (0, -1), (3, 0), (0, 3)])
def test_a_part_that_leaves_the_photo_is_refused(left, top):
    with pytest.raises(ValueError, match=rf"2x2 at {left},{top}\) leaves the 4x4 photo"):
        rle.encode_box(np.ones((2, 2), bool), left, top, 4, 4)
