"""How far a model's class probabilities disagree with the labels.

The simple, honest way: no learning, each figure explains itself in a sentence.
Probabilities are (K, S, S) float32, class 0 is background; instances are given
on their own masks, never as one flattened map, since garments overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.masks import VOID

FLOOR = 1e-6
"""Probabilities below it count as it: one pixel must not decide a mean logarithm."""

CONFIDENT = 0.7
"""Mean probability that a region without a label needs to be called missing."""

MIN_SHARE = 0.004
"""Share of the frame below which a region is no garment: 262 of 256 x 256 pixels."""

THICKNESS = 1 / 40
"""Of the frame's side: what is thinner is a boundary drawn another way, no garment."""

TEMPERATURE = 0.1
"""Of softmin; cleanlab's default for segmentation."""


@dataclass(frozen=True, slots=True)
class InstanceScore:
    """What the model says of one labelled instance.

    Attributes:
        error_score: 0 to 1; 0.5 where given and best other class are as likely
        suggested: class id of the best other class; 0 is background
        p_given, p_other: geometric mean probabilities inside the instance
        share_other: share of the instance in which the best other class beats
            the given one
    """

    error_score: float
    suggested: int
    p_given: float
    p_other: float
    share_other: float


@dataclass(frozen=True, slots=True)
class Region:
    """A garment that the model sees and the labels lack.

    Attributes:
        class_id: what the model calls it
        mask: (S, S) bool
        score: mean probability of the class inside, 0 to 1
    """

    class_id: int
    mask: NDArray[np.bool_]
    score: float


def score_instance(
    probabilities: NDArray[np.float32], mask: NDArray[np.bool_], class_id: int
) -> InstanceScore | None:
    """Mean log-probability of the given class inside the instance against the best other.

    Args:
        probabilities: (K, S, S)
        mask: (S, S) bool, the instance's own mask
        class_id: as labelled

    Returns:
        None for an instance too small to have a pixel at this size
    """
    inside = _core(mask)
    if not inside.any():
        return None
    p = probabilities[:, inside]
    log_p = np.log(np.maximum(p, FLOOR)).mean(axis=1)
    others = log_p.copy()
    others[class_id] = -np.inf
    best = int(others.argmax())
    score = 1.0 / (1.0 + np.exp(log_p[class_id] - log_p[best]))
    return InstanceScore(
        error_score=float(score),
        suggested=best,
        p_given=float(np.exp(log_p[class_id])),
        p_other=float(np.exp(log_p[best])),
        share_other=float((p[best] > p[class_id]).mean()),
    )


def score_photo(probabilities: NDArray[np.float32], label_map: NDArray[np.uint8]) -> float:
    """1 - softmin of the pixels' probability of their given class: 0 good, 1 bad.

    Softmin leans towards the worst pixels, so that a small wrong region is not
    drowned by a large right one (Lad & Mueller, "Estimating label quality and
    errors in semantic segmentation data via any model", 2023). Void is left out.
    """
    known = label_map != VOID
    if not known.any():
        return 0.0
    given = np.where(known, label_map, 0)[None].astype(np.intp)
    p = np.take_along_axis(probabilities, given, axis=0)[0][known].astype(np.float64)
    weights = np.exp((1.0 - p) / TEMPERATURE)
    return float(1.0 - (weights * p).sum() / weights.sum())


def missing_regions(
    probabilities: NDArray[np.float32],
    label_map: NDArray[np.uint8],
    masks: Sequence[tuple[int, NDArray[np.bool_]]] = (),
) -> list[Region]:
    """Confident regions of a class where nothing of that class is labelled.

    Only pixels labelled background count as room for a missing garment: a
    disagreement inside an instance is that instance's own. A region that
    touches an instance of its own class along most of its rim is a boundary.

    Args:
        probabilities: (K, S, S)
        label_map: (S, S) uint8
        masks: (class id, (S, S) bool mask) of all instances, those painted over too

    Returns:
        worst first
    """
    predicted = probabilities.argmax(axis=0).astype(np.uint8)
    free = label_map == 0
    thickness = max(3, round(THICKNESS * len(free)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thickness, thickness))
    regions = []
    for class_id in range(1, len(probabilities)):
        room = ((predicted == class_id) & free).astype(np.uint8)
        opened = cv2.morphologyEx(room, cv2.MORPH_OPEN, kernel)
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
        own = [mask for c, mask in masks if c == class_id]
        labelled = np.any(own, axis=0) if own else np.zeros_like(free)
        for piece in range(1, count):
            if stats[piece, cv2.CC_STAT_AREA] < MIN_SHARE * free.size:
                continue
            mask = pieces == piece
            score = float(probabilities[class_id][mask].mean())
            if score < CONFIDENT or _rim_share(mask, labelled) > 0.5:
                continue
            regions.append(Region(class_id, mask, score))
    return sorted(regions, key=lambda region: -region.score * np.sqrt(region.mask.sum()))


def sentence(score: InstanceScore, given: str, suggested: str) -> str:
    """Why an instance is suspect, for the person who reviews it."""
    return (
        f"labelled {given} ({score.p_given:.2f}); the model sees {suggested} "
        f"({score.p_other:.2f}) over {score.share_other:.0%} of it"
    )


def _core(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without its rim, where annotators and models differ by a pixel anyway."""
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return eroded if eroded.sum() >= 0.25 * mask.sum() else mask


def _rim_share(mask: NDArray[np.bool_], labelled: NDArray[np.bool_]) -> float:
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    rim = grown & ~mask
    return float(labelled[rim].mean()) if rim.any() else 0.0
