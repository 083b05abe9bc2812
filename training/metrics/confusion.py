"""Which class is taken for which, pixel by pixel, and the figures that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from curation.core.masks import IGNORE_INDEX

_ONLY_BACKGROUND = 0.01


class PixelFigures(TypedDict):
    """What a confusion matrix says of a model; None where a figure is not defined.

    Attributes:
        iou: intersection over union by class name
        miou, miou_foreground: its means with and without background
        f1, f1_foreground: those of the F1 score (Dice)
        pixel_accuracy: share of the labelled pixels whose class is right
        only_background: whether (almost) nothing else is predicted
    """

    iou: dict[str, float | None]
    miou: float | None
    miou_foreground: float | None
    f1: float | None
    f1_foreground: float | None
    pixel_accuracy: float | None
    only_background: bool


class Confusion:
    """Counts pixels by class of the label (rows) and of the prediction (columns).

    Attributes:
        matrix: (K, K) int64
    """

    def __init__(self, classes: int) -> None:
        self.matrix = np.zeros((classes, classes), dtype=np.int64)

    def add(self, labels: NDArray, predicted: NDArray) -> None:
        """Counts label maps and predictions of one shape; ignored pixels of the label do not count.

        Raises:
            ValueError: shapes differ, or an id is not a class
        """
        check_shapes(labels, predicted)
        classes = len(self.matrix)
        seen = labels != IGNORE_INDEX
        true, guess = labels[seen].astype(np.int64), predicted[seen].astype(np.int64)
        for ids in (true, guess):
            if ids.size and not 0 <= ids.min() <= ids.max() < classes:
                raise ValueError(f"a class id is outside 0 to {classes - 1}")
        pairs = np.bincount(true * classes + guess, minlength=classes * classes)
        self.matrix += pairs.reshape(classes, classes)


def scores(matrix: NDArray, names: Sequence[str]) -> PixelFigures:
    """The figures that a confusion matrix is enough for, ready for JSON.

    Args:
        matrix: (K, K) from :class:`Confusion`
        names: K class names, 'background' first
    """
    ious, f1s = iou(matrix), f1(matrix)
    with np.errstate(invalid="ignore"):
        accuracy = np.diag(matrix).sum() / matrix.sum()
    return {
        "iou": by_name(names, ious),
        "miou": mean(ious),
        "miou_foreground": mean(ious[1:]),
        "f1": mean(f1s),
        "f1_foreground": mean(f1s[1:]),
        "pixel_accuracy": number(accuracy),
        "only_background": only_background(matrix),
    }


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
    """Whether (almost) nothing but class 0 is predicted, of whatever is labelled.

    Almost: fewer than 1 pixel for every 100 that are labelled as another class. Where none is,
    background alone has an IoU of 1, which says nothing either.
    """
    labelled, predicted = matrix[1:].sum(), matrix[:, 1:].sum()
    nothing = labelled == predicted == 0 and matrix[0, 0] > 0
    return bool(nothing or predicted < _ONLY_BACKGROUND * labelled)


def check_shapes(labels: NDArray, predicted: NDArray) -> None:
    """ValueError where they differ."""
    if labels.shape != predicted.shape:
        raise ValueError(f"labels {labels.shape} and prediction {predicted.shape} differ")


def by_name(names: Sequence[str], values: NDArray) -> dict[str, float | None]:
    """For JSON: None where a value is nan."""
    return {name: number(value) for name, value in zip(names, values, strict=True)}


def mean(values: NDArray) -> float | None:
    """The mean of what is not nan; None of nothing."""
    defined = values[~np.isnan(values)]
    return number(defined.mean()) if defined.size else None


def number(value: float | np.floating) -> float | None:
    """Six decimals; None for nan."""
    return None if np.isnan(value) else round(float(value), 6)
