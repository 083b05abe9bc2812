"""Garments that the model sees and the labels lack: where they may be, and numbers about each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

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
    """

    class_id: int
    mask: Mask
    _unlabelled: _Unlabelled
    _number: int

    @property
    def features(self) -> dict[str, float]:
        """By name; the same names for all candidates. Computed when asked for."""
        return self._unlabelled.features(self._number)


def candidates(
    observation: Observation,
    thresholds: NDArray[np.float32],
    labels: Sequence[InstanceMask],
    classes: Collection[int] | None = None,
) -> list[MissingCandidate]:
    """All candidates of a photo: connected, and as large as something that people label.

    Most are no garments: outlines that were drawn another way, wrong labels, the model's
    own errors. Which one is, the ranking learns from the features.

    Args:
        observation: the model's side of it; its own labels do not count
        thresholds: (K,) from which probability on a pixel of each class is confident
        labels: of the photo, (S, S) each, as given or with an error in them
        classes: those that are looked for; None for all
    """
    found = []
    side = observation.side
    fewest = max(12, round(_FEWEST * side**2))
    labelled = _union(labels, side)
    for k in range(1, len(observation.p)):
        if classes is not None and k not in classes:
            continue
        own = _union([label for label in labels if label.class_id == k], side)
        unlabelled = (observation.best == k) & ~own & ~observation.ignored_mask
        if np.count_nonzero(unlabelled) < fewest:
            continue
        opened = cv2.morphologyEx(unlabelled.view(np.uint8), cv2.MORPH_OPEN, _DOT)
        pieces = Pieces.of(opened.view(bool))
        large = [i for i in range(1, len(pieces.areas)) if pieces.areas[i] >= fewest]
        of_class = _Unlabelled(
            observation, thresholds, labels, k, own, labelled, pieces, len(large)
        )
        found += [MissingCandidate(k, pieces.labels == i, of_class, i) for i in large]
    return found


def _union(labels: Sequence[InstanceMask], side: int) -> Mask:
    union = np.zeros((side, side), bool)
    for label in labels:
        union |= label.mask
    return union


@dataclass(frozen=True)
class _Unlabelled:
    """Where the model sees a class and no label of it lies, in connected pieces.

    Which label lies over one is not among the features: that tells the errors that were injected
    from each other, and what was learned from it would not carry to errors that were not.

    Attributes:
        own, labelled: (S, S) what is labelled with its class, and at all
        pieces: the candidates, and smaller ones
        large: how many of them are candidates
    """

    observation: Observation
    thresholds: NDArray[np.float32]
    labels: Sequence[InstanceMask]
    class_id: int
    own: Mask
    labelled: Mask
    pieces: Pieces
    large: int

    @cached_property
    def _around(self) -> NDArray[np.float32]:
        """(4, S, S) what is looked at around a piece."""
        observation = self.observation
        return np.stack([
            grown(self.own, 1), self.labelled, observation.best == self.class_id,
            observation.entropy,
        ]).astype(np.float32)  # fmt: skip

    def features(self, number: int) -> dict[str, float]:
        """Of one piece."""
        observation, k = self.observation, self.class_id
        side = observation.side
        left, top, width, height = self.pieces.boxes[number].tolist()
        area = int(self.pieces.areas[number])
        root = float(np.sqrt(area))
        margin = int(max(_RIM + 1, 0.3 * root))
        window = (
            slice(max(0, top - margin), top + height + margin),
            slice(max(0, left - margin), left + width + margin),
        )
        mask = self.pieces.labels[window] == number
        rim = grown(mask, _RIM) & ~mask
        inside = observation.probabilities[:, *window][:, mask]
        p = np.sort(inside[k])
        means = (inside.sum(axis=1) / area).tolist()
        around = self._around[:, *window]
        own, labelled, seen, entropy = (around[:, rim].sum(axis=1) / max(rim.sum(), 1)).tolist()
        thickness = float(depth(mask).max())
        rings, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        ring = max(rings, key=len)
        predicted = observation.pieces[k]
        main = np.bincount(predicted.labels[window][mask]).argmax()
        counts = self._counts
        return {
            "log_area": np.log(area / side**2),
            "p": means[k],
            "p_low": p[p.size // 10],
            "sure": np.count_nonzero(observation.confident(self.thresholds, window) & mask) / area,
            "thickness": thickness / root,
            "thickness_pixels": thickness / side,
            "unlabelled": 1 - np.count_nonzero(self.labelled[window] & mask) / area,
            "rim_own": own,
            "rim_labelled": labelled,
            "rim_seen": seen,
            "entropy": around[3][mask].sum() / area,
            "rim_entropy": entropy,
            "x": (left + width / 2) / side,
            "y": (top + height / 2) / side,
            "log_ratio": np.log(height / width),
            "extent": area / (width * height),
            "at_frame": (left == 0) + (top == 0) + (left + width == side) + (top + height == side),
            "solidity": cv2.contourArea(ring) / max(cv2.contourArea(cv2.convexHull(ring)), 1),
            "share_of_seen": area / max(int(predicted.areas[main]), 1),
            "own_area": self._own_area / area,
            "labels": len(self.labels),
            "labels_of_own": counts[k],
            "image_entropy": observation.mean_entropy,
            **{f"is_{j}": float(j == k) for j in range(1, len(counts))},
            **{f"labels_of_{j}": counts[j] for j in range(1, len(counts))},
            **{f"p_{j}": mean for j, mean in enumerate(means)},
            "regions": self.large,
        }

    @cached_property
    def _counts(self) -> list[int]:
        """(K,) labels of each class in the photo."""
        classes = [x.class_id for x in self.labels]
        return np.bincount(classes, minlength=len(self.observation.p)).tolist()

    @cached_property
    def _own_area(self) -> int:
        return int(np.count_nonzero(self.own))


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
