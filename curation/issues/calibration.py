"""From "planted or given" to the chance of being wrong.

Labels as given hold errors too, so what is learned from errors that were planted into them tells
planted from given, not wrong from right. From that the share of wrong labels at each score follows
(learning from positive and unlabelled data: Elkan & Noto 2008), once it is said how many labels are
wrong in all: ``WRONG_IMAGES``.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

FOLDS = 4
WRONG_IMAGES = 0.2
"""Share of photos that have an error, of the types that can be planted: CCP has some 10 to 15 %
of its own, the demo and the benchmark 20 %."""

OF_A_PERSON = 5.0
"""How much more a label counts that a person decided on."""

_ORDER = 0.01


def fold_of(groups: pd.Series) -> NDArray[np.int64]:
    """(N,) the part of each group of photos: the same whatever else is in the data."""
    hashes = {i: blake2b(i.encode(), digest_size=8).digest() for i in set(groups)}
    return np.array([int.from_bytes(hashes[i]) % FOLDS for i in groups], np.int64)


@dataclass(frozen=True)
class Calibration:
    """From the chance of being planted to that of being wrong.

    Attributes:
        raw, score: points of a rising line
    """

    raw: NDArray[np.float64]
    score: NDArray[np.float64]

    @classmethod
    def of(
        cls, given: NDArray[np.float64], planted: NDArray[np.float64], share: float
    ) -> Calibration:
        """From (N,) and (M,) chances of being planted, each told by trees that did not see it.

        Args:
            share: of the given that are wrong
        """
        raw = np.concatenate([given, planted])
        positive = np.repeat([0.0, 1.0], [len(given), len(planted)])
        weights = np.repeat([1 / len(given), 1 / len(planted)], [len(given), len(planted)])
        isotonic = IsotonicRegression(out_of_bounds="clip").fit(raw, positive, weights)
        # The isotonic line has steps, and what lies on one step must keep its order: the line
        # goes through the middles of the steps.
        knots, levels = isotonic.X_thresholds_, isotonic.y_thresholds_
        values = np.unique(levels)
        middles = np.array([knots[levels == value].mean() for value in values])
        odds = values / np.maximum(1 - values, 1e-9)
        points = np.concatenate([[0.0], middles, [1.0]])
        scores = np.concatenate([[0.0], np.minimum(share * odds, 1.0), [1.0]])
        return cls(points, np.maximum.accumulate(scores))

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        # Of those that are all but surely wrong, too, some come first.
        return (1 - _ORDER) * np.interp(raw, self.raw, self.score) + _ORDER * raw
