"""How improbable a model finds the labels of a photo: the plain score, which learns nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.masks import VOID

TEMPERATURE = 0.1
"""Of softmin; cleanlab's default for segmentation."""


def score_photo(probabilities: NDArray[np.float32], label_map: NDArray[np.uint8]) -> float:
    """1 - softmin of the pixels' probability of their given class: 0 good, 1 bad.

    Softmin leans towards the worst pixels, so that a small wrong region is not
    drowned by a large right one (Lad & Mueller, "Estimating label quality and
    errors in semantic segmentation data via any model", 2023). Void is left out.

    Args:
        probabilities: (K, S, S), background first
        label_map: (S, S)
    """
    known = label_map != VOID
    if not known.any():
        return 0.0
    given = np.where(known, label_map, 0)[None].astype(np.intp)
    return softmin(np.take_along_axis(probabilities, given, axis=0)[0][known])


def softmin(p: NDArray[np.floating]) -> float:
    """1 - a mean of probabilities, any shape, that leans towards the lowest."""
    given = p.astype(np.float64)
    weights = np.exp((1.0 - given) / TEMPERATURE)
    return float(1.0 - (weights * given).sum() / weights.sum())
