"""Garments that the model sees and the labels lack: where they may be, and numbers about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.issues.geometry import InstanceMask, Mask, Pieces, depth, grown
from curation.issues.observation import Observation

_FEWEST = 12 / (128 * 128)
"""Share of the photo below which a region is no garment: 12 pixels of 128 x 128."""
_DOT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
_RIM = 2
"""Pixels around a region that count as its surroundings."""


@dataclass(frozen=True, slots=True)
class MissingCandidate:
    """Where the model sees a class and no label of that class lies.

    Attributes:
        class_id: what the model sees
        mask: (S, S) bool
        features: by name; the same names for all candidates
    """

    class_id: int
    mask: Mask
    features: dict[str, float]


def candidates(
    observation: Observation, thresholds: NDArray[np.float32], labels: Sequence[InstanceMask]
) -> list[MissingCandidate]:
    """All candidates of a photo: connected, and as large as something that people label.

    Most are no garments: outlines that were drawn another way, wrong labels, the model's
    own errors. Which one is, the ranking learns from the features.

    Args:
        observation: the model's side of it; its own labels do not count
        thresholds: (K,) from which probability on a pixel of each class is confident
        labels: of the photo, (S, S) each, as given or with an error in them
    """
    found = []
    side = observation.side
    fewest = max(12, round(_FEWEST * side**2))
    labelled = _union(labels, side)
    for k in range(1, len(observation.p)):
        own = _union([label for label in labels if label.class_id == k], side)
        unlabelled = (observation.best == k) & ~own & ~observation.ignored_mask
        if np.count_nonzero(unlabelled) < fewest:
            continue
        opened = cv2.morphologyEx(unlabelled.view(np.uint8), cv2.MORPH_OPEN, _DOT)
        pieces = Pieces.of(opened.view(bool))
        large = [i for i in range(1, len(pieces.areas)) if pieces.areas[i] >= fewest]
        for i in large:
            region = _Region(observation, thresholds, labels, k, own, labelled, pieces, i)
            features = {**region.features(), "regions": len(large)}
            found.append(MissingCandidate(k, pieces.labels == i, features))
    return found


def _union(labels: Sequence[InstanceMask], side: int) -> Mask:
    union = np.zeros((side, side), bool)
    for label in labels:
        union |= label.mask
    return union


@dataclass(frozen=True)
class _Region:
    """A candidate and what lies around it.

    Which label lies over it is not among the features: that tells the errors that were injected
    from each other, and what was learned from it would not carry to errors that were not.

    Attributes:
        own, labelled: (S, S) what is labelled with its class, and at all
        pieces, number: the candidates of its class, and which of them it is
    """

    observation: Observation
    thresholds: NDArray[np.float32]
    labels: Sequence[InstanceMask]
    class_id: int
    own: Mask
    labelled: Mask
    pieces: Pieces
    number: int

    def features(self) -> dict[str, float]:
        observation, k = self.observation, self.class_id
        side = observation.side
        left, top, width, height = self.pieces.boxes[self.number].tolist()
        area = int(self.pieces.areas[self.number])
        root = float(np.sqrt(area))
        margin = int(max(_RIM + 1, 0.3 * root))
        window = (
            slice(max(0, top - margin), top + height + margin),
            slice(max(0, left - margin), left + width + margin),
        )
        mask = self.pieces.labels[window] == self.number
        rim = grown(mask, _RIM) & ~mask
        inside = observation.probabilities[:, *window][:, mask]
        p = np.sort(inside[k])
        thickness = float(depth(mask).max())
        rings, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        ring = max(rings, key=len)
        predicted = observation.pieces[k]
        main = np.bincount(predicted.labels[window][mask]).argmax()
        counts = np.bincount([x.class_id for x in self.labels], minlength=len(observation.p))
        classes = range(1, len(observation.p))
        entropy = observation.entropy[window]
        return {
            "log_area": np.log(area / side**2),
            "p": p.mean(),
            "p_low": p[p.size // 10],
            "sure": observation.confident(self.thresholds, window)[mask].mean(),
            "thickness": thickness / root,
            "thickness_pixels": thickness / side,
            "unlabelled": 1 - self.labelled[window][mask].mean(),
            "rim_own": _mean(grown(self.own[window], 1), rim),
            "rim_labelled": _mean(self.labelled[window], rim),
            "rim_seen": _mean(observation.best[window] == k, rim),
            "entropy": entropy[mask].mean(),
            "rim_entropy": _mean(entropy, rim),
            "x": (left + width / 2) / side,
            "y": (top + height / 2) / side,
            "log_ratio": np.log(height / width),
            "extent": area / (width * height),
            "at_frame": (left == 0) + (top == 0) + (left + width == side) + (top + height == side),
            "solidity": cv2.contourArea(ring) / max(cv2.contourArea(cv2.convexHull(ring)), 1),
            "share_of_seen": area / max(int(predicted.areas[main]), 1),
            "own_area": np.count_nonzero(self.own) / area,
            "labels": len(self.labels),
            "labels_of_own": counts[k],
            "image_entropy": observation.mean_entropy,
            **{f"is_{j}": float(j == k) for j in classes},
            **{f"labels_of_{j}": counts[j] for j in classes},
            **{f"p_{j}": mean for j, mean in enumerate(inside.mean(axis=1))},
        }


def _mean(values: NDArray, where: Mask) -> float:
    inside = values[where]
    return float(inside.mean()) if inside.size else 0.0


def matches(region: Mask, truth: Mask) -> bool:
    """Whether a region is a missing garment: IoU 0.3, or most of it lies on a third of that one.

    Args:
        region, truth: of one shape

    >>> truth = np.arange(10) < 6
    >>> matches(truth, truth), matches(np.arange(10) < 2, truth), matches(~truth, truth)
    (True, True, False)
    """
    common = np.count_nonzero(region & truth)
    one, other = np.count_nonzero(region), np.count_nonzero(truth)
    overlap = common / (one + other - common) if common else 0.0
    return bool(overlap >= 0.3 or (common >= 0.6 * one and common >= 0.3 * other and common))
