import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.core import polygons, rle, tracing
from tests.conftest import picture


def traced(*rows):
    return tracing.trace(rle.encode(picture(*rows)))


def test_a_part_is_one_ring_around_its_pixels():
    assert traced(
        "....",
        ".##.",
        ".#..",
    ) == [(1, 1, 3, 1, 3, 2, 2, 2, 2, 3, 1, 3)]


def test_a_hole_hangs_on_a_bridge_to_the_left():
    assert traced(
        "####",
        "#.##",
        "####",
    ) == [(0, 0, 4, 0, 4, 3, 0, 3, 0, 1, 1, 1, 1, 2, 2, 2, 2, 1, 0, 1)]


def test_a_bridge_may_end_on_a_hole_and_on_a_corner():
    (ring,) = traced(
        "######",
        "#.#.##",
        "#.####",
        "######",
        "####.#",
        ".#####",
    )
    points = set(zip(ring[0::2], ring[1::2], strict=True))
    assert {(0, 1), (2, 1)} <= points  # the holes of the second row, on the left edge and on a hole
    assert (0, 4) in points


def test_pixels_that_touch_at_a_corner_are_two_parts():
    assert len(traced("#.", ".#")) == len(traced(".#", "#.")) == 2


def holes_in(height, width, share, seed):
    """A part with holes of all shapes, and islands in some of them."""
    mask = np.random.default_rng(seed).random((height, width)) >= share
    mask[[0, -1]] = mask[:, [0, -1]] = True
    return mask


@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=10))
    | st.builds(
        holes_in,
        st.integers(1, 25),
        st.integers(1, 25),
        st.floats(0, 0.6),
        st.integers(0, 2**32 - 1),
    )
)
def test_tracing_and_filling_gives_the_mask_back(mask):
    packed = rle.encode(mask)
    rings = tracing.trace(packed)
    if not mask.any():
        assert rings == []
        return
    assert polygons.rasterise(rings, *mask.shape) == packed
    # As readers do it: a region after the other, none of which overlaps another.
    parts = [polygons.rasterise([ring], *mask.shape) for ring in rings]
    assert rle.union(parts) == packed
    assert sum(map(rle.area, parts)) == mask.sum()
    assert polygons.repairs(rings, *mask.shape) == ()


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_many_holes_are_one_ring(share):
    mask = holes_in(60, 40, share, 0)
    packed = rle.encode(mask)
    rings = tracing.trace(packed)
    outer = max(rings, key=len)
    assert rle.area(polygons.rasterise([outer], 60, 40)) > 0.9 * mask.sum()
    assert polygons.rasterise(rings, 60, 40) == packed


@given(st.integers(30, 300), st.integers(0, 2**32 - 1))
def test_a_ring_that_would_be_too_long_to_read_is_cut(longest, seed):
    mask = holes_in(12, 30, 0.2, seed)
    packed = rle.encode(mask)
    rings = tracing.trace(packed, longest)
    assert polygons.rasterise(rings, 12, 30) == packed
    for ring in rings:
        points = np.reshape(ring, (-1, 2))
        steps = np.abs(points - np.roll(points, 1, axis=0)).sum()
        assert steps + len(points) <= longest
