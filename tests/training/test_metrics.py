import json

import cv2
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    log_loss,
    pairwise_distances,
)

from training import metrics
from training.metrics import IGNORE_INDEX, BoundaryF, Calibration, Confusion, Scores

NAMES = ["background", "top", "skirt"]


def confusion(labels, predicted, classes=3):
    result = Confusion(classes)
    result.add(np.array(labels, np.uint8), np.array(predicted, np.uint8))
    return result.matrix


def test_hand_counted_figures():
    matrix = confusion([[0, 0, 1, 1], [0, 2, 2, 1]], [[0, 1, 1, 1], [0, 2, 0, 0]])
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [1, 2, 0], [1, 0, 1]])
    np.testing.assert_allclose(metrics.iou(matrix), [2 / 5, 2 / 4, 1 / 2])
    np.testing.assert_allclose(metrics.f1(matrix), [4 / 7, 4 / 6, 2 / 3])
    figures = metrics.scores(matrix, NAMES)
    assert figures["miou"] == pytest.approx((0.4 + 0.5 + 0.5) / 3, abs=1e-6)
    assert figures["miou_foreground"] == pytest.approx(0.5)
    assert figures["f1_foreground"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["pixel_accuracy"] == pytest.approx(5 / 8)


def test_void_pixels_do_not_count():
    matrix = confusion([[0, IGNORE_INDEX, 1, IGNORE_INDEX]], [[0, 1, 1, 2]])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_all_void_counts_nothing():
    figures = metrics.scores(confusion([[IGNORE_INDEX]], [[1]]), NAMES)
    assert figures["miou"] is None
    assert figures["pixel_accuracy"] is None
    assert figures["only_background"] is False


def test_batches_add_up_to_scikit_learns_figures():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, (6, 9, 7)).astype(np.uint8)
    predicted = rng.integers(0, 4, (6, 9, 7)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.1] = IGNORE_INDEX
    streamed = Confusion(4)
    for start in range(0, 6, 2):
        streamed.add(labels[start : start + 2], predicted[start : start + 2])
    seen = labels != IGNORE_INDEX
    true, guess = labels[seen], predicted[seen]
    np.testing.assert_array_equal(streamed.matrix, confusion_matrix(true, guess))
    expected = jaccard_score(true, guess, average=None)
    np.testing.assert_allclose(metrics.iou(streamed.matrix), expected, rtol=1e-12)
    expected = f1_score(true, guess, average=None)
    np.testing.assert_allclose(metrics.f1(streamed.matrix), expected, rtol=1e-12)
    figures = metrics.scores(streamed.matrix, list("abcd"))
    assert figures["f1_foreground"] == pytest.approx(expected[1:].mean(), abs=1e-6)
    assert figures["pixel_accuracy"] == pytest.approx(accuracy_score(true, guess), abs=1e-6)


def test_a_class_that_is_nowhere_is_left_out_of_the_mean():
    figures = metrics.scores(confusion([[0, 1]], [[0, 1]]), NAMES)
    assert figures["iou"] == {"background": 1.0, "top": 1.0, "skirt": None}
    assert figures["miou_foreground"] == 1.0


def test_a_class_that_is_labelled_but_never_predicted_counts_as_zero():
    figures = metrics.scores(confusion([[0, 1, 2]], [[0, 1, 1]]), NAMES)
    assert figures["iou"]["skirt"] == 0.0
    assert figures["miou_foreground"] == 0.25


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[900, 0], [100, 0]], True),
        ([[900, 0], [99, 1]], False),
        ([[899, 1], [200, 0]], True),  # one pixel in 200 is nothing
        ([[900, 0], [0, 0]], True),  # nor is anything else labelled: an IoU of 1
        ([[899, 1], [0, 0]], False),
    ],
)
def test_only_background_is_told(matrix, expected):
    assert metrics.only_background(np.array(matrix)) is expected


def test_shapes_that_differ_are_an_error():
    with pytest.raises(ValueError, match="differ"):
        confusion([[0, 1]], [[0]])


@pytest.mark.parametrize(("label", "guess"), [(3, 0), (0, 3), (0, IGNORE_INDEX)])
def test_an_id_that_is_no_class_is_an_error(label, guess):
    with pytest.raises(ValueError, match="outside 0 to 2"):
        confusion([[label]], [[guess]])


# Boundaries. An image of 300 x 400 pixels has a diagonal of 500: 0.75 % of it are 3.75 pixels.


def boundary_f(*pairs, classes=2):
    score = BoundaryF(classes)
    for label, guess in pairs:
        score.add(label[None], guess[None])
    return score.score()


def bands(*spans, shape=(300, 400)):
    """Class 1 in some spans of columns, from the top to the bottom of the image."""
    ids = np.zeros(shape, np.uint8)
    for first, end in spans:
        ids[:, first:end] = 1
    return ids


@pytest.mark.parametrize(
    ("shape", "off", "expected"),
    [
        ((300, 400), 3, 1.0),
        ((300, 400), 4, 0.0),
        ((240, 320), 3, 1.0),  # the tolerance is 3 pixels to the dot, and includes them
        ((30, 40), 0, 1.0),
        ((30, 40), 1, 0.0),  # the tolerance is 0.4 pixels
    ],
)
def test_a_border_is_right_within_the_tolerance(shape, off, expected):
    label = bands((20, 400), shape=shape)
    guess = bands((20 + off, 400), shape=shape)
    np.testing.assert_array_equal(boundary_f((label, guess)), [expected, expected])


def test_distance_is_euclidean():
    """Boxes of one pixel, 3 apart both ways: 4.24 pixels."""
    label, guess = bands(), bands()
    label[100, 100] = guess[103, 103] = 1
    assert boundary_f((label, guess))[1] == 0.0
    guess[:] = 0
    guess[103, 102] = 1  # 3.61 pixels
    assert boundary_f((label, guess))[1] == 1.0


def test_half_the_border_right_is_half_the_score():
    assert boundary_f((bands((100, 200)), bands((100, 250))))[1] == 0.5


def test_the_edge_of_the_image_is_no_border():
    """Predicted are the two borders of the label, and a third one: 2/3 precise, all recalled."""
    label, guess = bands((100, 200)), bands((100, 200), (300, 400))
    assert boundary_f((label, guess))[1] == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))


def test_the_mean_is_over_the_images_where_the_class_has_a_border():
    band = bands((100, 200))
    perfect, missed, invented, empty = (
        (band, band),
        (band, bands()),
        (bands(), band),
        (bands(),) * 2,
    )
    assert boundary_f(perfect, missed, empty)[1] == 0.5
    assert boundary_f(perfect, invented, invented, empty)[1] == pytest.approx(1 / 3)
    np.testing.assert_array_equal(boundary_f(empty), [np.nan, np.nan])


def test_a_border_to_void_is_none():
    label = bands((100, 400))
    label[:, :100] = IGNORE_INDEX
    np.testing.assert_array_equal(boundary_f((label, bands((200, 400)))), [0, 0])
    np.testing.assert_array_equal(boundary_f((label, bands((0, 400)))), [np.nan, np.nan])


@pytest.mark.parametrize(("rows", "expected"), [(6, np.nan), (7, 0.0)])
def test_border_pixels_within_the_tolerance_of_void_do_not_count(rows, expected):
    """Of a strip between ignored pixels, only a row that has 3 others on both sides is judged."""
    label = bands((200, 400))
    label[:100] = label[100 + rows :] = IGNORE_INDEX
    np.testing.assert_array_equal(boundary_f((label, bands((210, 400)))), [expected, expected])


@pytest.mark.parametrize(("labelled", "predicted"), [(103, 102), (102, 103)])
def test_pixels_that_do_not_count_still_make_others_right(labelled, predicted):
    """Row 103 counts, row 102 is too near to ignored pixels."""
    label, guess = bands(), bands()
    label[:100] = label[107:] = IGNORE_INDEX
    label[labelled, 200] = guess[predicted, 200] = 1
    assert boundary_f((label, guess))[1] == 1.0


def blobs(seed, classes=4, shape=(300, 400)):
    """A label map of overlapping ellipses and a prediction that has most of them, moved a bit."""
    rng = np.random.default_rng(seed)
    label, guess = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for number in range(9):
        centre, axes = rng.integers(50, 300, 2), rng.integers(9, 60, 2)
        k, angle = 1 + number % (classes - 1), int(rng.integers(0, 180))
        moved = centre + rng.integers(-5, 6, 2)
        cv2.ellipse(label, centre.tolist(), axes.tolist(), angle, 0, 360, k, -1)
        cv2.ellipse(guess, moved.tolist(), axes.tolist(), angle, 0, 360, k, -1)
    label[rng.random(shape) < 2e-4] = IGNORE_INDEX
    label[:40, :90] = IGNORE_INDEX
    return label, guess


def brute_force_f(label, guess, k):
    """F of one image and class, from all distances between all boundary pixels."""
    guess = np.where(label == IGNORE_INDEX, IGNORE_INDEX, guess)
    tolerance = 0.0075 * np.hypot(*label.shape)

    def boundary(ids):
        padded = np.pad(ids, 1, constant_values=IGNORE_INDEX)
        around = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        other = np.any([(near != k) & (near != IGNORE_INDEX) for near in around], axis=0)
        return np.argwhere((ids == k) & other)

    def right(pixels, others):
        far_from_void = (
            pairwise_distances(pixels, np.argwhere(label == IGNORE_INDEX)).min(1) > tolerance
        )
        near = pairwise_distances(pixels, others).min(1) <= tolerance
        return near[far_from_void].mean()

    true, found = boundary(label), boundary(guess)
    precision, recall = right(found, true), right(true, found)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(3))
def test_boundaries_are_exact_against_all_distances(seed):
    label, guess = blobs(seed)
    actual = boundary_f((label, guess), classes=4)
    expected = [brute_force_f(label, guess, k) for k in range(4)]
    assert 0.1 < min(expected) < max(expected) < 1
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("step", [1, 10])
def test_what_is_predicted_in_void_changes_no_boundary(step):
    label, guess = (ids[::step, ::step] for ids in blobs(0))
    other = np.where(label == IGNORE_INDEX, 3 - guess, guess)
    np.testing.assert_array_equal(
        boundary_f((label, guess), classes=4), boundary_f((label, other), classes=4)
    )


# Calibration, and all figures together.


def probabilities(shape=(6, 9, 7), classes=4, seed=5):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.4), shape).astype(np.float32)
    labels = rng.integers(0, classes, shape).astype(np.uint8)
    labels = np.where(rng.random(shape) < 0.5, p.argmax(-1), labels).astype(np.uint8)
    labels[rng.random(shape) < 0.1] = IGNORE_INDEX
    return labels, p


def test_hand_computed_calibration():
    calibration = Calibration(bins=4)
    labels = np.array([[[0, 1, 1, 0, IGNORE_INDEX]]], np.uint8)
    predicted = np.array([[[0, 1, 0, 0, 0]]])
    calibration.add(labels, predicted, np.array([[[0.25, 0.625, 0.75, 1.0, 1.0]]], np.float32))
    np.testing.assert_array_equal(calibration.count, [1, 0, 2, 1])
    np.testing.assert_array_equal(calibration.accuracy(), [1, np.nan, 0.5, 1])
    np.testing.assert_array_equal(calibration.confidence(), [0.25, np.nan, 0.6875, 1])
    assert calibration.error() == pytest.approx((1 * 0.75 + 2 * 0.1875 + 1 * 0) / 4)


def test_batches_add_up_to_scikit_learns_calibration_curve():
    labels, p = probabilities()
    predicted, confidence = p.argmax(-1), p.max(-1)
    calibration = Calibration()
    for start in range(0, 6, 2):
        part = slice(start, start + 2)
        calibration.add(labels[part], predicted[part], confidence[part])
    seen = labels != IGNORE_INDEX
    right, confident = (labels == predicted)[seen], confidence[seen].astype(np.float64)
    accuracy, mean = calibration_curve(right, confident, n_bins=15, strategy="uniform")
    filled = calibration.count > 0
    np.testing.assert_allclose(calibration.accuracy()[filled], accuracy, rtol=1e-12)
    np.testing.assert_allclose(calibration.confidence()[filled], mean, rtol=1e-12)
    expected = np.abs(accuracy - mean) @ calibration.count[filled] / seen.sum()
    assert calibration.error() == pytest.approx(expected, rel=1e-12)


def test_all_figures_of_a_run_in_one_pass():
    labels, p = probabilities()
    one_by_one, at_once = Scores(4), Scores(4)
    for label, q in zip(labels, p, strict=True):
        one_by_one.add(label[None], q[None])
    at_once.add(labels, p)
    names = ["background", "top", "skirt", "shoe"]
    figures = at_once.figures(names)
    assert figures == one_by_one.figures(names) == json.loads(json.dumps(figures))
    predicted, seen = p.argmax(-1), labels != IGNORE_INDEX
    normalised = np.float64(p) / np.float64(p).sum(-1, keepdims=True)
    calibration, boundary = Calibration(), BoundaryF(4)
    calibration.add(labels, predicted, p.max(-1))
    boundary.add(labels, predicted)
    expected = {
        **metrics.scores(confusion(labels, predicted, 4), names),
        "boundary_f": pytest.approx(dict(zip(names, boundary.score(), strict=True)), abs=1e-6),
        "photos": 6,
        "boundary_f_foreground": pytest.approx(boundary.score()[1:].mean(), abs=1e-6),
        "ece": pytest.approx(calibration.error(), abs=1e-6),
        "loss": pytest.approx(log_loss(labels[seen], normalised[seen]), abs=1e-5),
    }
    assert figures == expected


def test_figures_of_nothing_are_none():
    scores = Scores(3)
    scores.add(np.full((1, 2, 2), IGNORE_INDEX, np.uint8), np.full((1, 2, 2, 3), 1 / 3, np.float32))
    figures = scores.figures(NAMES)
    nothing = {"background": None, "top": None, "skirt": None}
    assert figures["boundary_f"] == figures["iou"] == nothing
    assert figures["ece"] is figures["boundary_f_foreground"] is None
    assert figures["loss"] == 0.0


def test_a_class_that_was_thought_impossible_costs_a_finite_loss():
    scores = Scores(2)
    scores.add(np.array([[[1]]], np.uint8), np.array([[[[1, 0]]]], np.float32))
    assert scores.figures(NAMES[:2])["loss"] == pytest.approx(-np.log(1e-7), abs=1e-5)


def test_a_model_that_diverged_has_figures():
    scores = Scores(3)
    scores.add(np.array([[[0, 1, 2]]], np.uint8), np.full((1, 1, 3, 3), np.nan, np.float32))
    figures = scores.figures(NAMES)
    assert figures["only_background"] is True
    assert figures["loss"] == pytest.approx(-np.log(1e-7), abs=1e-5)
    assert figures["ece"] is None


@pytest.mark.parametrize("score", [BoundaryF(2), Calibration()])
def test_maps_of_other_shapes_are_an_error(score):
    maps = [np.zeros((1, 3, 3), np.uint8), np.zeros((1, 3, 4), np.uint8), np.zeros((1, 3, 4))]
    with pytest.raises(ValueError, match="differ"):
        score.add(*maps[: 2 + isinstance(score, Calibration)])
