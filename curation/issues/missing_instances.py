"""Garments that the model sees and the labels lack: where they may be, and numbers about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.issues.evidence import Evidence, Pieces
from curation.issues.geometry import Labelled, Mask, depth, grown

_FEWEST = 12 / (128 * 128)
"""Share of the photo below which a region is no garment: 12 pixels of 128 x 128."""
_DOT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
_RIM = 2
"""Pixels around a region that count as its surroundings."""


@dataclass(frozen=True, slots=True)
class Region:
    """A place where the model sees a class and no label of that class lies.

    Attributes:
        class_id: what the model sees
        mask: (S, S) bool
        features: by name; the same names for all regions
    """

    class_id: int
    mask: Mask
    features: dict[str, float]


def find(evidence: Evidence, labels: Sequence[Labelled], void: Mask) -> list[Region]:
    """All candidates of a photo: connected, and as large as something that people label.

    Most are no garments: outlines that were drawn another way, wrong labels, the model's
    own mistakes. Which one is, the ranking learns from the numbers.

    Args:
        void: (S, S) where the labels say nothing
    """
    found = []
    side = evidence.best.shape[0]
    fewest = max(12, round(_FEWEST * side**2))
    anything = np.zeros((side, side), bool)
    for label in labels:
        anything |= label.mask
    for k in range(1, len(evidence.p)):
        own = np.zeros((side, side), bool)
        for label in labels:
            if label.class_id == k:
                own |= label.mask
        unlabelled = (evidence.best == k) & ~own & ~void
        if np.count_nonzero(unlabelled) < fewest:
            continue
        opened = cv2.morphologyEx(unlabelled.view(np.uint8), cv2.MORPH_OPEN, _DOT)
        pieces = Pieces.of(opened.view(bool))
        large = [i for i in range(1, len(pieces.areas)) if pieces.areas[i] >= fewest]
        for i in large:
            place = _Place(evidence, labels, k, own, anything, pieces, i)
            found.append(Region(k, pieces.labels == i, {**place.numbers(), "regions": len(large)}))
    return found


@dataclass(frozen=True)
class _Place:
    """A candidate and what lies around it.

    Which label lies over it is not among the numbers: that tells the mistakes that were planted
    from each other, and what was learned from it would not carry to mistakes that were not.

    Attributes:
        own, anything: (S, S) what is labelled with its class, and at all
        pieces, number: the candidates of its class, and which of them it is
    """

    evidence: Evidence
    labels: Sequence[Labelled]
    class_id: int
    own: Mask
    anything: Mask
    pieces: Pieces
    number: int

    def numbers(self) -> dict[str, float]:
        evidence, k = self.evidence, self.class_id
        side = evidence.best.shape[0]
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
        inside = evidence.p[:, *window][:, mask]
        p = np.sort(inside[k])
        thickness = float(depth(mask).max())
        rings, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        ring = max(rings, key=len)
        seen = evidence.pieces[k]
        main = np.bincount(seen.labels[window][mask]).argmax()
        counts = np.bincount([x.class_id for x in self.labels], minlength=len(evidence.p))
        classes = range(1, len(evidence.p))
        entropy = evidence.entropy[window]
        return {
            "log_area": np.log(area / side**2),
            "p": p.mean(),
            "p_low": p[p.size // 10],
            "sure": evidence.sure[window][mask].mean(),
            "thickness": thickness / root,
            "thickness_pixels": thickness / side,
            "unlabelled": 1 - self.anything[window][mask].mean(),
            "rim_own": _mean(grown(self.own[window], 1), rim),
            "rim_labelled": _mean(self.anything[window], rim),
            "rim_seen": _mean(evidence.best[window] == k, rim),
            "entropy": entropy[mask].mean(),
            "rim_entropy": _mean(entropy, rim),
            "x": (left + width / 2) / side,
            "y": (top + height / 2) / side,
            "log_ratio": np.log(height / width),
            "extent": area / (width * height),
            "at_frame": (left == 0) + (top == 0) + (left + width == side) + (top + height == side),
            "solidity": cv2.contourArea(ring) / max(cv2.contourArea(cv2.convexHull(ring)), 1),
            "share_of_seen": area / max(int(seen.areas[main]), 1),
            "own_area": np.count_nonzero(self.own) / area,
            "labels": len(self.labels),
            "labels_of_own": counts[k],
            "photo_entropy": evidence.mean_entropy,
            **{f"is_{j}": float(j == k) for j in classes},
            **{f"labels_of_{j}": counts[j] for j in classes},
            **{f"p_{j}": mean for j, mean in enumerate(inside.mean(axis=1))},
        }


def _mean(values: NDArray, where: Mask) -> float:
    inside = values[where]
    return float(inside.mean()) if inside.size else 0.0


def matches(region: Mask, truth: Mask) -> bool:
    """Whether a region is a missing garment: IoU 0.3, or most of it lies on a third of that one."""
    common = np.count_nonzero(region & truth)
    one, other = np.count_nonzero(region), np.count_nonzero(truth)
    overlap = common / (one + other - common) if common else 0.0
    return bool(overlap >= 0.3 or (common >= 0.6 * one and common >= 0.3 * other and common))
