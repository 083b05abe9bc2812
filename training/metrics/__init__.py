"""Segmentation figures, summed up batch by batch: memory does not grow with the photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.metrics.boundary import BoundaryF
from training.metrics.calibration import Calibration
from training.metrics.confusion import (
    IGNORE_INDEX,
    Confusion,
    PixelFigures,
    by_name,
    f1,
    iou,
    mean,
    number,
    only_background,
    scores,
)

__all__ = [
    "BoundaryF",
    "Calibration",
    "Confusion",
    "Figures",
    "Scores",
    "f1",
    "iou",
    "only_background",
    "scores",
]

_TINY = 1e-7


class Figures(PixelFigures):
    """What is known of a model; None where a figure is not defined.

    Attributes:
        photos: how many it was measured on
        boundary_f, boundary_f_foreground: the boundary F-score by class name, and its mean
            without background
        ece: expected calibration error, 0 to 1
        loss: the mean cross-entropy of a labelled pixel
    """

    photos: int
    boundary_f: dict[str, float | None]
    boundary_f_foreground: float | None
    ece: float | None
    loss: float | None


class Scores:
    """All figures of a model, from its probabilities on photo after photo.

    Attributes:
        images: how many were taken in
        confusion, boundary, calibration: what the figures are made of
    """

    def __init__(self, classes: int) -> None:
        self.images = 0
        self.confusion = Confusion(classes)
        self.boundary = BoundaryF(classes)
        self.calibration = Calibration()
        self._cross_entropy = 0.0

    def add(self, labels: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
        """Takes in label maps (B, H, W), 255 ignored, and class probabilities (B, H, W, K).

        Raises:
            ValueError: shapes differ, or an id is not a class
        """
        self.images += len(labels)
        predicted = probabilities.argmax(-1)
        self.confusion.add(labels, predicted)
        self.boundary.add(labels, predicted)
        self.calibration.add(labels, predicted, _chosen(probabilities, predicted))
        seen = labels != IGNORE_INDEX
        right = _chosen(probabilities, np.where(seen, labels, 0))[seen]
        # fmax: a model that diverged gives nan, which then costs as much as a probability of 0.
        self._cross_entropy -= float(np.log(np.fmax(right, _TINY)).sum(dtype=np.float64))

    def figures(self, names: Sequence[str]) -> Figures:
        """The figures of what was taken in, ready for JSON.

        Args:
            names: K class names, 'background' first
        """
        boundary = self.boundary.score()
        return {
            "photos": self.images,
            **scores(self.confusion.matrix, names),
            "boundary_f": by_name(names, boundary),
            "boundary_f_foreground": mean(boundary[1:]),
            "ece": number(self.calibration.error()),
            "loss": number(self._cross_entropy / max(1, self.confusion.matrix.sum())),
        }


def _chosen(probabilities: NDArray[np.float32], ids: NDArray) -> NDArray[np.float32]:
    """The probability of one class a pixel: (B, H, W) from (B, H, W, K) and ids (B, H, W)."""
    return np.take_along_axis(probabilities, ids[..., None].astype(np.intp), axis=-1)[..., 0]
