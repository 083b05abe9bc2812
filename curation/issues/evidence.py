"""What a model says of one photo, made ready to be asked about any label in it.

Everything here follows from the class probabilities alone, so it is computed once
for a photo, however many labels, given or planted, are held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-4
"""Probabilities below it count as it: one pixel must not decide a mean logarithm."""

_CONFIDENT = 0.9
"""Of a class's own threshold: from there on a pixel is confidently of that class."""


@dataclass(frozen=True)
class Evidence:
    """Class probabilities of one photo and what follows from them.

    Attributes:
        p: (K, S, S) float32, class 0 is background
        thresholds: (K,) mean probability of each class over the pixels labelled so in all
            photos: a class that the model is never sure of needs less to be believed
            (confident learning, arXiv 1911.00068)
    """

    p: NDArray[np.float32]
    thresholds: NDArray[np.float32]

    @cached_property
    def log_p(self) -> NDArray[np.float32]:
        return np.log(np.maximum(self.p, FLOOR))

    @cached_property
    def best(self) -> NDArray[np.uint8]:
        """(S, S) the likeliest class."""
        return self.p.argmax(axis=0).astype(np.uint8)

    @cached_property
    def sure(self) -> NDArray[np.bool_]:
        """(S, S) where the likeliest class is confident."""
        return np.asarray(self.p.max(axis=0) >= _CONFIDENT * self.thresholds[self.best])

    @cached_property
    def entropy(self) -> NDArray[np.float32]:
        """(S, S) of the probabilities, 0 to 1."""
        return -(self.p * self.log_p).sum(axis=0) / np.float32(np.log(len(self.p)))

    @cached_property
    def mean_entropy(self) -> float:
        return float(self.entropy.mean())

    @cached_property
    def pieces(self) -> tuple[Pieces, ...]:
        """For each class, the connected pieces of what the model takes for it."""
        return tuple(Pieces.of(self.best == k) for k in range(len(self.p)))


@dataclass(frozen=True)
class Pieces:
    """Connected pieces (4 neighbours) of a mask.

    Attributes:
        labels: (S, S) int32, 0 outside
        areas: (N,) pixels of each, that of 0 first
        boxes: (N, 4) left, top, width, height
    """

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Pieces:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
        return cls(labels, stats[:, cv2.CC_STAT_AREA], stats[:, : cv2.CC_STAT_AREA])
