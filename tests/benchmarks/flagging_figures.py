"""What scores are worth: average precision over samples of the photos, and reliability."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

SAMPLES = 500
"""Of the bootstrap."""


def image_ap(bad: NDArray, scores: NDArray, sample: NDArray[np.intp]) -> float:
    weight = np.bincount(sample, minlength=len(bad))
    return float(average_precision_score(bad, scores, sample_weight=weight))


def interval(name: str, figure: Callable[[NDArray[np.intp]], float], images: int) -> dict:
    """The figure on all photos, and 95 % of those on bootstrap samples of them."""
    rng = np.random.default_rng(0)
    drawn = [figure(rng.integers(0, images, images)) for _ in range(SAMPLES)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    value = figure(np.arange(images))
    return {name: value, f"{name} low": float(low), f"{name} high": float(high)}


def reliability(scores: NDArray, wrong: NDArray[np.bool_]) -> list[dict]:
    """Of the labels in each range of scores: how many, their mean score, the share of errors."""
    rows = []
    edges = [0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.01]
    for low, high in pairwise(edges):
        inside = (scores >= low) & (scores < high)
        if inside.any():
            rows.append({"from": low, "labels": int(inside.sum()),
                         "score": float(scores[inside].mean()),
                         "wrong": float(wrong[inside].mean())})  # fmt: skip
    return rows
