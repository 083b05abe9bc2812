"""Whether probabilities mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.metrics.confusion import IGNORE_INDEX, check_shapes


class Calibration:
    """Whether a class predicted at 80 % is right 8 times in 10: expected calibration error.

    After Naeini et al. (AAAI 2015) and Guo et al. (arXiv 1706.04599), over labelled
    pixels. The highest probability of a pixel is its confidence, which puts it into
    one of the bins of equal width, (0, 1/bins] first.

    Attributes:
        count: (bins,) int64, pixels
    """

    def __init__(self, bins: int = 15) -> None:
        self.count = np.zeros(bins, dtype=np.int64)
        self._right = np.zeros(bins, dtype=np.int64)
        self._confidence = np.zeros(bins)
        self._inner_edges = np.linspace(0, 1, bins + 1)[1:-1]

    def add(
        self, labels: NDArray[np.uint8], predicted: NDArray, confidence: NDArray[np.float32]
    ) -> None:
        """Takes in a batch, all (B, H, W).

        Args:
            labels: class ids, 255 ignored
            predicted: the most probable class of each pixel
            confidence: its probability

        Raises:
            ValueError: shapes differ
        """
        check_shapes(labels, predicted)
        check_shapes(labels, confidence)
        seen = labels != IGNORE_INDEX
        confident = confidence[seen]
        bins, count = np.searchsorted(self._inner_edges, confident), len(self.count)
        self.count += np.bincount(bins, minlength=count)
        self._right += np.bincount(bins[labels[seen] == predicted[seen]], minlength=count)
        self._confidence += np.bincount(bins, weights=confident, minlength=count)

    def accuracy(self) -> NDArray[np.float64]:
        """(bins,) share of pixels whose class is right; nan in an empty bin."""
        with np.errstate(invalid="ignore"):
            return self._right / self.count

    def confidence(self) -> NDArray[np.float64]:
        """(bins,) mean confidence; nan in an empty bin."""
        with np.errstate(invalid="ignore"):
            return self._confidence / self.count

    def error(self) -> float:
        """The gap of accuracy and confidence, 0 to 1, in the mean over the pixels; nan of none."""
        if not self.count.any():
            return float("nan")
        return float(np.abs(self._right - self._confidence).sum() / self.count.sum())
