"""How improbable a model finds labels: the plain score, which learns nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.1
"""Of softmin; cleanlab's default for segmentation."""


def softmin(p: NDArray[np.floating]) -> float:
    """1 - softmin of the pixels' probabilities of their given class: 0 good, 1 bad.

    Softmin leans towards the worst pixels, so that a small wrong part is not
    drowned by a large right one (Lad & Mueller, "Estimating label quality and
    errors in semantic segmentation data via any model", 2023).

    Args:
        p: of any shape, not empty
    """
    given = p.astype(np.float64)
    weights = np.exp((1.0 - given) / TEMPERATURE)
    return float(1.0 - (weights * given).sum() / weights.sum())
