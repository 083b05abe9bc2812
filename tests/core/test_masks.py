import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.core import masks, rle
from tests.conftest import picture


def test_crop_is_tight():
    mask = picture(
        ".....",
        "..#..",
        "..##.",
    )
    piece, (left, top, width, height) = masks.crop(rle.encode(mask))
    assert (left, top, width, height) == (2, 1, 2, 2)
    assert (piece == picture("#.", "##")).all()


def test_an_empty_mask_has_an_empty_crop():
    piece, box = masks.crop(rle.encode(np.zeros((3, 4))))
    assert piece.shape == (0, 0)
    assert box == (0, 0, 0, 0)


def test_later_layers_cover_earlier_ones():
    under, over = picture("##.", "##."), picture(".##", "...")
    painted = masks.paint([(1, rle.encode(under)), (2, rle.encode(over))], 2, 3)
    assert painted.tolist() == [[1, 2, 2], [1, 1, 0]]


@given(
    st.integers(0, 4),
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)),
    st.integers(0, 2**32 - 1),
)
def test_painting_is_painting_each_pixel_in_turn(count, first, seed):
    rng = np.random.default_rng(seed)
    layers = [first, *(rng.random(first.shape) < rng.random() for _ in range(count))]
    expected = np.zeros(first.shape, np.uint8)
    for number, layer in enumerate(layers, 1):
        expected[layer] = number
    packed = [(number, rle.encode(layer)) for number, layer in enumerate(layers, 1)]
    assert (masks.paint(packed, *first.shape) == expected).all()


def test_painting_small_is_painting_large_and_resizing():
    rng = np.random.default_rng(1)
    layers = [(i, rle.encode(rng.random((37, 53)) < 0.4)) for i in (1, 2, 255)]
    large = masks.paint(layers, 37, 53)
    assert (masks.paint(layers, 37, 53, size=16) == masks.resize_nearest(large, 16, 16)).all()


def test_nearest_takes_the_pixel_under_the_centre():
    row = np.arange(8)[None]
    assert masks.resize_nearest(row, 1, 4).tolist() == [[1, 3, 5, 7]]
    assert masks.resize_nearest(row[:, :2], 1, 4).tolist() == [[0, 0, 1, 1]]


@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_sampling_the_runs_is_painting_and_resizing(mask, height, width):
    points = masks.sample_points(len(mask), height), masks.sample_points(len(mask[0]), width)
    sampled = masks.sample(rle.encode(mask), *points)
    assert (sampled == masks.resize_nearest(mask, height, width)).all()
    assert sampled.flags.c_contiguous


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=90)))
def test_a_capped_crop_is_the_crop_resized(mask):
    whole, box = masks.crop(rle.encode(mask))
    left, top, width, height = box
    assert (whole == mask[top : top + height, left : left + width]).all()
    capped, same_box = masks.crop(rle.encode(mask), longest=40)
    assert same_box == box
    assert (capped == masks.resize_nearest(whole, *capped.shape)).all()


def test_a_cap_shrinks_with_the_image_but_leaves_small_things_their_size():
    mask = np.zeros((400, 100))
    mask[10:210, 0:20] = 1
    assert masks.crop(rle.encode(mask), longest=400)[0].shape == (200, 20)
    assert masks.crop(rle.encode(mask), longest=200)[0].shape == (100, 20)
    assert masks.crop(rle.encode(mask), longest=20)[0].shape == (32, 20)


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_resizing_makes_up_no_class(label_map, height, width):
    resized = masks.resize_nearest(label_map, height, width)
    assert resized.shape == (height, width)
    assert set(np.unique(resized)) <= set(np.unique(label_map))
