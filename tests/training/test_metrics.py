import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from training import metrics
from training.metrics import VOID, Confusion

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


def test_void_pixels_do_not_count():
    matrix = confusion([[0, VOID, 1, VOID]], [[0, 1, 1, 2]])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_all_void_counts_nothing():
    figures = metrics.scores(confusion([[VOID]], [[1]]), NAMES)
    assert figures["miou"] is None
    assert figures["only_background"] is False


def test_batches_add_up_to_scikit_learns_figures():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, (6, 9, 7)).astype(np.uint8)
    predicted = rng.integers(0, 4, (6, 9, 7)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.1] = VOID
    streamed = Confusion(4)
    for start in range(0, 6, 2):
        streamed.add(labels[start : start + 2], predicted[start : start + 2])
    seen = labels != VOID
    true, guess = labels[seen], predicted[seen]
    np.testing.assert_array_equal(streamed.matrix, confusion_matrix(true, guess))
    expected = jaccard_score(true, guess, average=None)
    np.testing.assert_allclose(metrics.iou(streamed.matrix), expected, rtol=1e-12)
    expected = f1_score(true, guess, average=None)
    np.testing.assert_allclose(metrics.f1(streamed.matrix), expected, rtol=1e-12)


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
        ([[900, 0], [0, 0]], False),  # nothing else is labelled
    ],
)
def test_only_background_is_told(matrix, expected):
    assert metrics.only_background(np.array(matrix)) is expected


def test_shapes_that_differ_are_an_error():
    with pytest.raises(ValueError, match="differ"):
        confusion([[0, 1]], [[0]])


@pytest.mark.parametrize(("label", "guess"), [(3, 0), (0, 3), (0, VOID)])
def test_an_id_that_is_no_class_is_an_error(label, guess):
    with pytest.raises(ValueError, match="outside 0 to 2"):
        confusion([[label]], [[guess]])
