"""Segmentation figures from a confusion matrix that is summed batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

VOID = 255
_ONLY_BACKGROUND = 0.01


class Confusion:
    """Counts pixels by class of the label (rows) and of the prediction (columns).

    Attributes:
        matrix: (K, K) int64
    """

    def __init__(self, classes: int) -> None:
        self.matrix = np.zeros((classes, classes), dtype=np.int64)

    def add(self, labels: NDArray, predicted: NDArray) -> None:
        """Counts label maps and predictions of one shape; void pixels of the label do not count.

        Raises:
            ValueError: shapes differ, or an id is not a class
        """
        if labels.shape != predicted.shape:
            raise ValueError(f"labels {labels.shape} and prediction {predicted.shape} differ")
        classes = len(self.matrix)
        seen = labels != VOID
        true, guess = labels[seen].astype(np.int64), predicted[seen].astype(np.int64)
        ids = np.concatenate([true, guess])
        if ids.size and not 0 <= ids.min() <= ids.max() < classes:
            raise ValueError(f"a class id is outside 0 to {classes - 1}")
        pairs = np.bincount(true * classes + guess, minlength=classes * classes)
        self.matrix += pairs.reshape(classes, classes)


def iou(matrix: NDArray) -> NDArray[np.float64]:
    """(K,) intersection over union per class; nan for a class in neither label nor prediction."""
    hits = np.diag(matrix).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return hits / (matrix.sum(0) + matrix.sum(1) - hits)


def f1(matrix: NDArray) -> NDArray[np.float64]:
    """(K,) F1 (Dice) per class over pixels; nan for a class in neither label nor prediction."""
    hits = np.diag(matrix).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return 2 * hits / (matrix.sum(0) + matrix.sum(1))


def only_background(matrix: NDArray) -> bool:
    """Whether (almost) nothing but class 0 is predicted, although other classes are labelled.

    Almost: fewer than 1 pixel for every 100 that are labelled as another class.
    """
    labelled, predicted = matrix[1:].sum(), matrix[:, 1:].sum()
    return bool(labelled > 0 and predicted < _ONLY_BACKGROUND * labelled)


def scores(matrix: NDArray, names: Sequence[str]) -> dict:
    """The figures of a run, ready for JSON.

    Args:
        matrix: (K, K) from :class:`Confusion`
        names: K class names, 'background' first

    Returns:
        ``iou`` by class name (None where undefined); ``miou`` and
        ``miou_foreground``, the means with and without background; ``f1``, the
        mean over all classes; ``only_background``
    """
    ious = iou(matrix)
    return {
        "iou": {name: _number(value) for name, value in zip(names, ious, strict=True)},
        "miou": _mean(ious),
        "miou_foreground": _mean(ious[1:]),
        "f1": _mean(f1(matrix)),
        "only_background": only_background(matrix),
    }


def _mean(values: NDArray) -> float | None:
    """The mean of what is defined."""
    defined = values[~np.isnan(values)]
    return _number(defined.mean()) if defined.size else None


def _number(value: np.floating) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
