"""The photo's colours say the labels, so whether both moved together can be read off."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.data.exported import COLORS, boxes
from training.config import TrainConfig
from training.data.augment import augment, cutmix, moved, recolored

STILL = TrainConfig(size=64, frozen=False, flip=False)
MOVING = replace(STILL, flip=True, rotate=180.0, scale=0.5)
ALL = replace(MOVING, color=0.2)
SIDE = 64


def drawn(seed):
    labels = boxes(np.random.default_rng(seed), SIDE)
    labels[:8] = 255
    return COLORS[np.where(labels == 255, 0, labels)], labels


def assert_together(image, labels, before):
    """The label of each pixel is that of its colour, but at borders, where colours mix."""
    inner = cv2.erode(np.uint8(labels != 255), np.ones((3, 3)))
    flat = cv2.dilate(labels, np.ones((3, 3))) == cv2.erode(labels, np.ones((3, 3)))
    checked = np.zeros_like(flat)
    checked[1:-1, 1:-1] = ((inner > 0) & flat)[1:-1, 1:-1]  # the frame may hide a border too
    assert checked.sum() > 200  # of 4,096, also after a zoom and a shift
    off = np.abs(image[:, :, None].astype(int) - COLORS).sum(-1)
    np.testing.assert_array_equal(off.argmin(-1)[checked], labels[checked])
    assert set(np.unique(labels)) <= {*np.unique(before).tolist(), 255}


@given(st.integers(0, 2**32 - 1))
def test_image_and_labels_move_together(seed):
    image, labels = drawn(seed % 50)
    for config in (MOVING, ALL, replace(STILL, rotate=30.0), replace(STILL, scale=0.9)):
        view = augment(image, labels, config, np.random.default_rng(seed))
        assert view[0].shape == image.shape and view[1].shape == labels.shape
        assert view[0].dtype == view[1].dtype == np.uint8
        assert_together(*view, labels)


def test_views_differ_and_one_seed_gives_one_view():
    image, labels = drawn(0)
    views = [augment(image, labels, ALL, np.random.default_rng(s)) for s in (0, 0, 1)]
    np.testing.assert_array_equal(views[0][0], views[1][0])
    np.testing.assert_array_equal(views[0][1], views[1][1])
    assert (views[0][0] != views[2][0]).any() and (views[0][1] != views[2][1]).any()


def test_nothing_asked_for_changes_nothing_and_what_went_in_stays():
    image, labels = drawn(1)
    kept = image.copy(), labels.copy()
    view = augment(image, labels, STILL, np.random.default_rng(0))
    np.testing.assert_array_equal(view[0], image)
    np.testing.assert_array_equal(view[1], labels)
    for seed in range(5):
        augment(image, labels, ALL, np.random.default_rng(seed))
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(labels, kept[1])


def test_a_flip_alone_is_exact_and_takes_every_second_image():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    labels = rng.integers(0, 4, (SIDE, SIDE)).astype(np.uint8)
    mirrored = 0
    for seed in range(200):
        view = augment(image, labels, replace(STILL, flip=True), np.random.default_rng(seed))
        turned = (view[1] != labels).any()
        mirrored += turned
        np.testing.assert_array_equal(view[0], image[:, ::-1] if turned else image)
        np.testing.assert_array_equal(view[1], labels[:, ::-1] if turned else labels)
    assert 75 < mirrored < 125


IMAGE = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3) * 5
LABELS = np.arange(16, dtype=np.uint8).reshape(4, 4)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"degrees": 90}, np.rot90(LABELS)),
        ({"degrees": -90}, np.rot90(LABELS, -1)),
        ({"degrees": 180}, np.rot90(LABELS, 2)),
        ({"mirror": True}, LABELS[:, ::-1]),
        ({"mirror": True, "degrees": 90}, np.rot90(LABELS[:, ::-1])),
    ],
)
def test_quarter_turns_and_mirrors_are_exact(how, expected):
    image, labels = moved(IMAGE, LABELS, **how)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(image, IMAGE.reshape(16, 3)[expected])


def test_a_shift_brings_void_in_and_goes_on_with_the_edge():
    image, labels = moved(IMAGE, LABELS, shift=(0.25, -0.5))
    expected = [[255, 8, 9, 10], [255, 12, 13, 14], [255] * 4, [255] * 4]
    np.testing.assert_array_equal(labels, expected)
    went_on = [[8, 8, 9, 10], [12, 12, 13, 14], [12, 12, 13, 14], [12, 12, 13, 14]]
    np.testing.assert_array_equal(image, IMAGE.reshape(16, 3)[went_on])


def test_a_zoom_of_three_makes_nine_of_one():
    labels = np.zeros((9, 9), np.uint8)
    labels[4, 4] = 1
    _, grown = moved(np.zeros((9, 9, 3), np.uint8), labels, zoom=3.0)
    expected = np.zeros((9, 9), np.uint8)
    expected[3:6, 3:6] = 1
    np.testing.assert_array_equal(grown, expected)
    _, shrunk = moved(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8), zoom=1 / 3)
    assert (shrunk == 0).sum() == 9 and (shrunk == 255).sum() == 72


def test_colors_by_hand():
    image = np.array([[[100, 50, 200], [20, 40, 60]]], np.uint8)
    np.testing.assert_array_equal(recolored(image, 1, 1, 1), image)
    np.testing.assert_array_equal(recolored(image, 0.5, 1, 1), [[[50, 25, 100], [10, 20, 30]]])
    np.testing.assert_array_equal(recolored(image, 2, 1, 1)[0, 0], [200, 100, 255])
    # Greys: .299 * 100 + .587 * 50 + .114 * 200 = 82.05 and 36.3; their mean 59.2.
    np.testing.assert_array_equal(recolored(image, 1, 1, 0), [[[82] * 3, [36] * 3]])
    np.testing.assert_array_equal(recolored(image, 1, 0, 1), np.full((1, 2, 3), 59))
    np.testing.assert_array_equal(recolored(image, 1, 0.5, 1)[0, 1], [40, 50, 60])


def test_color_alone_leaves_the_labels_and_stays_mild():
    image, labels = drawn(2)
    for seed in range(20):
        view = augment(image, labels, replace(STILL, color=0.1), np.random.default_rng(seed))
        np.testing.assert_array_equal(view[1], labels)
        assert 0 < np.abs(view[0].astype(int) - image).max() < 80


def test_a_pasted_piece_of_a_image_brings_its_label():
    """Every photo has its number for colour and label."""
    numbers = np.arange(1, 9, dtype=np.uint8)
    labels = np.ones((8, 50, 50), np.uint8) * numbers[:, None, None]
    images = np.repeat(labels[..., None], 3, axis=-1)
    cutmix([images], labels, 0.9, np.random.default_rng(0))
    np.testing.assert_array_equal(images, np.repeat(labels[..., None], 3, axis=-1))
    changed = (labels != numbers[:, None, None]).any(axis=(1, 2))
    assert changed.sum() > 3
    first = [np.argwhere(m != n)[0] for m, n in zip(labels[changed], numbers[changed], strict=True)]
    assert len({tuple(corner % 4) for corner in first}) > 2  # anywhere, on no grid


def test_no_share_mixes_nothing():
    labels = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 8, 8), np.uint8)
    before = labels.copy()
    cutmix([labels[..., None].copy()], labels, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(labels, before)
