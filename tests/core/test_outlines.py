"""Outlines to draw, and what an edit of a coarser drawing comes to."""

import numpy as np
import pytest

from curation.core import masks, outlines, rle


def test_the_outline_of_a_piece_lies_in_its_box():
    (ring,) = outlines.rings(np.ones((8, 8)), (0.5, 0.0, 0.5, 1.0))
    x, y = np.array(ring).T
    first, last = 0.5 / 8, 7.5 / 8  # centers of the pixels at the edge
    assert (y.min(), y.max()) == (first, last)
    assert (x.min(), x.max()) == (0.5 + first / 2, 0.5 + last / 2)


def test_a_hole_has_a_ring_of_its_own():
    mask = np.ones((9, 9), bool)
    mask[3:6, 3:6] = False
    assert len(outlines.rings(mask)) == 2


def test_nothing_has_no_outline():
    assert outlines.rings(np.zeros((4, 4))) == outlines.rings(np.zeros((0, 0))) == []


def exact_and_drawn(scale: int = 3):
    """A ragged mask on a photo of 60 x 60, and its drawing of a third of that size."""
    rng = np.random.default_rng(4)
    mask = np.zeros((60, 60), bool)
    mask[12:48, 12:48] = True
    mask[12:48, 47] = rng.random(36) < 0.5
    small = masks.resize_nearest(mask, 60 // scale, 60 // scale)
    return mask, small


def test_pixels_that_nobody_touched_stay_exact():
    mask, small = exact_and_drawn()
    changed = small.copy()
    changed[:6, :6] = True  # a corner was added
    before, after = (masks.resize_nearest(x, 60, 60) for x in (small, changed))
    done = rle.decode(outlines.edited(rle.encode(mask), before, after, cell=3))
    assert done[:18, :18].all()
    done[:18, :18] = mask[:18, :18]
    assert (done == mask).all()


@pytest.mark.parametrize(("scale", "by"), [(3, 2), (1, 1)])
def test_another_grid_of_the_same_drawing_is_no_change(scale, by):
    """FiftyOne's editor draws on a grid of its own, also where the photo is small."""
    mask, small = exact_and_drawn(scale)
    before = masks.resize_nearest(small, 60, 60)
    moved = np.roll(before, by, axis=1)
    done = outlines.edited(rle.encode(mask), before, moved, cell=scale)
    assert (rle.decode(done) == mask).all()


def test_on_the_grid_that_was_given_each_pixel_counts():
    mask, _ = exact_and_drawn(1)
    changed = mask.copy()
    changed[0, 0] = True
    done = outlines.edited(rle.encode(mask), mask, changed, cell=1, same_grid=True)
    assert (rle.decode(done) == changed).all()


def test_a_change_of_one_cell_on_the_same_grid_is_a_change():
    mask, small = exact_and_drawn()
    changed = small.copy()
    changed[8, 8] = False
    before, after = (masks.resize_nearest(x, 60, 60) for x in (small, changed))
    done = rle.decode(outlines.edited(rle.encode(mask), before, after, cell=3, same_grid=True))
    mask[24:27, 24:27] = False
    assert (done == mask).all()


def test_no_thread_is_left_where_an_edge_was_erased():
    mask, small = exact_and_drawn()
    mask[11, 12:48] = True  # too thin to be drawn
    before = masks.resize_nearest(small, 60, 60)
    done = outlines.edited(rle.encode(mask), before, before & False, cell=3)
    assert rle.area(done) == 0


def test_a_mask_that_is_moved_is_cut_at_the_edge_of_the_photo():
    mask, _ = exact_and_drawn()
    done = rle.decode(outlines.moved(rle.encode(mask), 20, -15))
    assert (done[:45, 20:] == mask[15:, :40]).all()
    assert done.sum() == mask[15:, :40].sum()
    assert rle.area(outlines.moved(rle.encode(mask), 0, 99)) == 0
