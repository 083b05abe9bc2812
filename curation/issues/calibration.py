"""From "injected or given" to the probability of being wrong.

Labels as given hold errors too, so what is learned from errors that were injected into them tells
injected from given, not wrong from correct. From that the share of wrong labels at each score
follows (learning from positive and unlabelled data: Elkan & Noto 2008), once it is said how many
labels are wrong in all: ``WRONG_IMAGES``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, roc_auc_score

WRONG_IMAGES = 0.2
"""Share of photos that have an error, of the types that can be injected: CCP has some 10 to 15 %
of its own, the demo and the benchmark 20 %."""

WRONG_PHOTOS = (0.02, 0.1)
"""Share of photos whose labels are wrong all together (mirrored, moved, or of another photo), at
least and at most: between, :func:`share_of`."""

REVIEWED_WEIGHT = 5.0
"""How much more a label counts that a reviewer decided on."""

_ORDER = 0.01


@dataclass(frozen=True)
class Calibration:
    """From the probability of being injected to that of being wrong.

    Let q be the probability that a label at some raw score was injected, if there were as many
    injected labels as given ones: the rising line (isotonic regression) through both. Its odds
    q / (1 - q) are the density of injected labels there, and so of wrong ones, by that of given
    ones. Where a share s of the given is wrong,

        score = min(s * q / (1 - q), 1)

    are wrong of those given there. A hundredth of the raw score is mixed in, which keeps the order
    of labels that are all but surely wrong.

    >>> import numpy as np
    >>> given, injected = np.repeat([0.1, 0.9], [90, 10]), np.repeat([0.1, 0.9], [40, 60])
    >>> calibration = Calibration.fit(given, injected, share=0.05)

    Of 100 given labels 5 are wrong, and 60 % of those score 0.9, as the injected do: 3 of the 10
    that score 0.9 are wrong. And 2 of the 90 that score 0.1:

    >>> round(0.99 * 3 / 10 + 0.01 * 0.9, 4), round(0.99 * 2 / 90 + 0.01 * 0.1, 4)
    (0.306, 0.023)
    >>> calibration(np.array([0.9, 0.1])).round(4)
    array([0.306, 0.023])

    Attributes:
        raw, score: (P,) points of the rising line from one to the other, 0 to 1
    """

    raw: NDArray[np.float64]
    score: NDArray[np.float64]

    @classmethod
    def fit(
        cls, given: NDArray[np.float64], injected: NDArray[np.float64], share: float
    ) -> Calibration:
        """To (N,) and (M,) probabilities of being injected, each by a classifier that was not
        fitted to that label.

        Args:
            share: of the given that are wrong, 0 to 1
        """
        raw = np.concatenate([given, injected])
        positive = np.repeat([0.0, 1.0], [len(given), len(injected)])
        weights = np.repeat([1 / len(given), 1 / len(injected)], [len(given), len(injected)])
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
        """(N,) the probability of being wrong, of (N,) probabilities of being injected."""
        # Of those that are all but surely wrong, too, some come first.
        return (1 - _ORDER) * np.interp(raw, self.raw, self.score) + _ORDER * raw


def share_of(
    given: NDArray[np.float64], injected: NDArray[np.float64], least: float, most: float
) -> float:
    """How many of the given are as the injected: the share of the given that score as the higher
    half of the injected does, by the share of the injected that does.

    Where few of the given that are right score so high, that is near the truth; where many do,
    ``most`` holds.

    Args:
        given, injected: (N,) and (M,) as for :meth:`Calibration.fit`

    >>> given, injected = np.array([0.1] * 95 + [0.9] * 5), np.array([0.1, 0.9, 0.9, 0.9])
    >>> round(share_of(given, injected, 0.02, 0.1), 3), share_of(injected, injected, 0.02, 0.1)
    (0.067, 0.1)
    """
    level = np.median(injected)
    found = np.mean(given >= level) / np.mean(injected >= level)
    return float(np.clip(found, least, most))


class Check(NamedTuple):
    """How well injected errors, which nobody was shown, are told from labels as given.

    Attributes:
        learned: average precision of the scores, 0 to 1
        baseline: of a plain score that learned nothing
        better: whether of an injected error and a given label the scores put the error first more
            often than the plain score does. The average precision of the better one suffers more
            from errors among the given, which are found as well; this suffers alike
    """

    learned: float
    baseline: float
    better: bool

    @classmethod
    def of(
        cls,
        wrong: NDArray[np.bool_],
        learned: NDArray[np.float64],
        baseline: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> Check:
        """Of (N,) labels, injected or given, two scores, and what each counts in the average
        precision: 0 leaves it out.
        """
        counts = weight > 0
        wrong, weight = wrong[counts], weight[counts]
        scores = (learned[counts], baseline[counts])
        precise, plain = (
            float(average_precision_score(wrong, score, sample_weight=weight)) for score in scores
        )
        first, second = (roc_auc_score(wrong, score) for score in scores)
        return cls(precise, plain, bool(first > second))
