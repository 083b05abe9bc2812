import keras
import numpy as np
import pytest

from training import losses
from training.losses import VOID, CrossEntropyDice, class_shares

numpy = keras.ops.convert_to_numpy


def test_shares_of_a_cell_count_its_labelled_pixels():
    labels = np.array([[[0, 1, 2, 2], [1, 1, VOID, 2], [VOID] * 4, [VOID] * 4]], np.uint8)
    shares = numpy(class_shares(labels, 3, 2))
    expected = [[[0.25, 0.75, 0], [0, 0, 0.75]], [[0, 0, 0], [0, 0, 0]]]
    np.testing.assert_allclose(shares, [expected])


def test_cells_of_one_pixel_are_one_hot():
    shares = numpy(class_shares(np.array([[[1, VOID]]], np.uint8), 2, 1))
    np.testing.assert_array_equal(shares, [[[[0, 1], [0, 0]]]])


def test_hand_computed_cross_entropy():
    shares = np.array([[[[1, 0], [0, 1]]]], np.float32)
    logits = np.log(np.array([[[[0.5, 0.5], [0.75, 0.25]]]], np.float32))
    expected = (np.log(2) + np.log(4)) / 2
    assert float(losses.cross_entropy(shares, logits)) == pytest.approx(expected, rel=1e-6)


def test_hand_computed_dice():
    shares = np.array([[[[1, 0], [0, 1], [0, 1]]]], np.float32)
    logits = np.log(np.array([[[[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]]]], np.float32))
    both, either = 0.5 + 0.75, (0.5 + 0.5 + 0.75) + 2
    expected = 1 - (2 * both + 1) / (either + 1)
    assert float(losses.foreground_dice(shares, logits)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cell", [1, 2])
def test_what_is_predicted_in_void_changes_nothing(cell):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 8, 8)).astype(np.uint8)
    labels[:, :4] = VOID
    logits = rng.normal(size=(2, 8 // cell, 8 // cell, 3)).astype(np.float32)
    other = logits.copy()
    other[:, : 4 // cell] = 9 * rng.normal(size=other[:, : 4 // cell].shape)
    loss = CrossEntropyDice(0.5)
    assert float(loss(labels, logits)) == pytest.approx(float(loss(labels, other)), rel=1e-6)


def test_all_void_is_no_loss_and_no_nan():
    labels = np.full((1, 4, 4), VOID, np.uint8)
    logits = np.ones((1, 4, 4, 3), np.float32)
    assert float(CrossEntropyDice(1.0)(labels, logits)) == pytest.approx(0.0)


def test_a_perfect_prediction_costs_nothing():
    labels = np.array([[[0, 1], [2, 1]]], np.uint8)
    logits = 50 * numpy(class_shares(labels, 3, 1))
    assert float(CrossEntropyDice(1.0)(labels, logits)) == pytest.approx(0.0, abs=1e-5)


def test_the_loss_survives_serialisation():
    loss = CrossEntropyDice(0.25)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert copy.dice_weight == 0.25
