import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from curation.core.masks import IGNORE_INDEX
from training.config import SETTINGS
from training.fitting import losses
from training.fitting.losses import SegmentationLoss, balanced, class_shares

numpy, tensor = keras.ops.convert_to_numpy, keras.ops.convert_to_tensor
WEIGHTS = (0.5, 3.0, 1.5)


def drawn(seed=0, cell=1, classes=3):
    """Labels (2, 8, 8) with some ignored, and logits for cells of them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (2, 8, 8)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.2] = IGNORE_INDEX
    return labels, rng.normal(size=(2, 8 // cell, 8 // cell, classes)).astype(np.float32)


def pixel_loss(labels, logits, **options):
    return float(SegmentationLoss(dice_weight=0.0, **options)(labels, logits))


def softmax(logits):
    exponentials = np.exp(logits.astype(np.float64))
    return exponentials / exponentials.sum(-1, keepdims=True)


def one_pixel_at_a_time(labels, logits, weights, cost):
    """What the loss should be: the weighted mean of cost(p of the pixel's class)."""
    cell = labels.shape[1] // logits.shape[1]
    probabilities = softmax(logits)
    total = weight = 0.0
    for b, y, x in np.argwhere(labels != IGNORE_INDEX):
        k = labels[b, y, x]
        total += weights[k] * cost(probabilities[b, y // cell, x // cell, k])
        weight += weights[k]
    return total / weight


def test_shares_of_a_cell_count_its_labelled_pixels():
    labels = np.array(
        [[[0, 1, 2, 2], [1, 1, IGNORE_INDEX, 2], [IGNORE_INDEX] * 4, [IGNORE_INDEX] * 4]], np.uint8
    )
    shares = numpy(class_shares(labels, 3, 2))
    expected = [[[0.25, 0.75, 0], [0, 0, 0.75]], [[0, 0, 0], [0, 0, 0]]]
    np.testing.assert_allclose(shares, [expected])


def test_cells_of_one_pixel_are_one_hot():
    shares = numpy(class_shares(np.array([[[1, IGNORE_INDEX]]], np.uint8), 2, 1))
    np.testing.assert_array_equal(shares, [[[[0, 1], [0, 0]]]])


def test_hand_computed_cross_entropy():
    labels = np.array([[[0, 1], [IGNORE_INDEX, IGNORE_INDEX]]], np.uint8)
    logits = np.log(np.array([[[[0.5, 0.5], [0.75, 0.25]], [[0.9, 0.1]] * 2]], np.float32))
    assert pixel_loss(labels, logits) == pytest.approx((np.log(2) + np.log(4)) / 2, rel=1e-6)


def test_hand_computed_focal_loss():
    labels = np.array([[[0, 1]]], np.uint8)
    logits = np.log(np.array([[[[0.9, 0.1], [0.75, 0.25]]]], np.float32))
    expected = (0.1**2 * -np.log(0.9) + 0.75**2 * np.log(4)) / 2
    assert pixel_loss(labels, logits, loss="focal") == pytest.approx(expected, rel=1e-5)


def test_hand_computed_class_weights():
    """As in torch's CrossEntropyLoss(weight=...): the mean is over the weights of the pixels."""
    labels = np.array([[[0, 1]]], np.uint8)
    logits = np.log(np.array([[[[0.5, 0.5], [0.75, 0.25]]]], np.float32))
    expected = (1 * np.log(2) + 3 * np.log(4)) / (1 + 3)
    assert pixel_loss(labels, logits, class_weights=(1, 3)) == pytest.approx(expected, rel=1e-6)


def test_weighted_cross_entropy_is_scikit_learns():
    labels, logits = drawn()
    seen = labels != IGNORE_INDEX
    weights = np.array(WEIGHTS)[labels[seen]]
    expected = log_loss(labels[seen], softmax(logits)[seen], sample_weight=weights)
    assert pixel_loss(labels, logits, class_weights=WEIGHTS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cell", [1, 2, 4])
@pytest.mark.parametrize(
    ("loss", "cost"),
    [
        ("cross_entropy", lambda p: -np.log(p)),
        ("focal", lambda p: -((1 - p) ** 2) * np.log(p)),
    ],
)
def test_every_pixel_of_a_cell_pays_for_its_own_class(loss, cost, cell):
    labels, logits = drawn(1, cell)
    expected = one_pixel_at_a_time(labels, logits, WEIGHTS, cost)
    actual = pixel_loss(labels, logits, loss=loss, class_weights=WEIGHTS)
    assert actual == pytest.approx(expected, rel=1e-5)


def test_one_labelled_pixel_is_the_whole_mean():
    labels = np.full((1, 4, 4), IGNORE_INDEX, np.uint8)
    labels[0, 0, 0] = 1
    logits = np.zeros((1, 1, 1, 4), np.float32)
    assert pixel_loss(labels, logits) == pytest.approx(np.log(4), rel=1e-5)


def test_hand_computed_dice():
    shares = np.array([[[[1, 0], [0, 1], [0, 1]]]], np.float32)
    logits = np.log(np.array([[[[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]]]], np.float32))
    both, either = 0.5 + 0.75, (0.5 + 0.5 + 0.75) + 2
    expected = 1 - (2 * both + 1) / (either + 1)
    assert float(losses.foreground_dice(tensor(shares), tensor(logits))) == pytest.approx(
        expected, rel=1e-6
    )


def test_dice_is_added_by_its_weight_and_knows_no_class_weights():
    labels, logits = drawn()
    dice = float(losses.foreground_dice(class_shares(labels, 3, 1), logits))
    both = float(SegmentationLoss("focal", 0.25, WEIGHTS)(labels, logits))
    pixels = pixel_loss(labels, logits, loss="focal", class_weights=WEIGHTS)
    assert both == pytest.approx(pixels + 0.25 * dice, rel=1e-6)


@pytest.mark.parametrize("loss", losses.PIXEL_LOSSES)
@pytest.mark.parametrize("cell", [1, 2])
def test_what_is_predicted_in_void_changes_nothing(cell, loss):
    labels, logits = drawn(0, cell)
    labels[:, :4] = IGNORE_INDEX
    other = logits.copy()
    other[:, : 4 // cell] *= 9
    loss = SegmentationLoss(loss, 0.5, WEIGHTS)
    assert float(loss(labels, logits)) == pytest.approx(float(loss(labels, other)), rel=1e-6)


@pytest.mark.parametrize("loss", losses.PIXEL_LOSSES)
def test_all_void_is_no_loss_and_no_nan(loss):
    labels = np.full((1, 4, 4), IGNORE_INDEX, np.uint8)
    logits = np.ones((1, 4, 4, 3), np.float32)
    loss = SegmentationLoss(loss, 1.0, WEIGHTS)
    assert float(loss(labels, logits)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("loss", losses.PIXEL_LOSSES)
def test_a_perfect_prediction_costs_nothing(loss):
    labels = np.array([[[0, 1], [2, 1]]], np.uint8)
    logits = 50 * numpy(class_shares(labels, 3, 1))
    loss = SegmentationLoss(loss, 1.0)
    assert float(loss(labels, logits)) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("options", [{}, {"loss": "focal", "class_weights": np.array(WEIGHTS)}])
def test_the_loss_survives_serialisation(options):
    loss = SegmentationLoss(dice_weight=0.25, **options)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    labels, logits = drawn()
    assert copy.get_config() == loss.get_config()
    assert float(copy(labels, logits)) == float(loss(labels, logits))


def test_every_loss_that_a_run_can_ask_for_is_one():
    assert set(SETTINGS["loss"].metadata["choices"]) == set(losses.PIXEL_LOSSES)


def test_an_unknown_loss_names_those_that_there_are():
    with pytest.raises(ValueError, match="none of cross_entropy, focal"):
        SegmentationLoss("hinge")


@pytest.mark.parametrize("weight", [-1.0, np.inf, np.nan])
def test_a_weight_that_means_nothing_is_refused(weight):
    with pytest.raises(ValueError, match="not all 0 or more"):
        SegmentationLoss(class_weights=[1.0, weight])


def test_as_many_weights_as_classes_are_needed():
    with pytest.raises(ValueError, match="2 class_weights for 3 classes"):
        SegmentationLoss(class_weights=[1.0, 2.0])(*drawn())


def test_balanced_weights_go_by_the_root_of_rarity():
    np.testing.assert_allclose(balanced([400, 100, 0, 25]), np.array([3, 6, 7, 12]) / 7)


def test_classes_alike_weigh_one():
    np.testing.assert_array_equal(balanced([5, 5, 5]), [1, 1, 1])
    np.testing.assert_array_equal(balanced([0, 0]), [1, 1])


@pytest.mark.parametrize("pixels", [[-1, 2], [[1, 2]], [np.nan, 1]])
def test_counts_that_are_none_are_refused(pixels):
    with pytest.raises(ValueError, match="one count a class"):
        balanced(pixels)
