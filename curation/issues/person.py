"""Where labels lie on the person who wears them: numbers about each, and what is usual.

At which parts of the body a class lies is learned from the labels, whatever the classes are: how
far they are from each landmark, and how much that varies. Distances are from a landmark to the
nearest pixel of a label, in heights of the person.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation.core import masks
from curation.core.person import LANDMARKS, SIDE, Person
from curation.issues.geometry import InstanceMask, Mask, distance

FEWEST = 5
"""Labels of a class from which it has a place on the body."""

_VISIBLE = 0.5
"""Of a landmark: below, it is not asked."""
_NEAREST = 4
"""Landmarks that a class lies at."""
_LEAST_SPREAD = 0.02
"""Heights: nobody draws more exactly than that."""
_FARTHEST = 1.0
"""Heights: what is farther is as far. Of a label that is not there, too."""
_STRANGEST = 10.0
"""Spreads from the usual: what is stranger is as strange."""

_LEFT = np.array([1, 2, 3, 7, 9, *range(11, LANDMARKS, 2)])
_RIGHT = np.array([4, 5, 6, 8, 10, *range(12, LANDMARKS, 2)])
"""Landmarks that a body has twice, in BlazePose's numbering."""


@dataclass(frozen=True)
class PersonStatistics:
    """How far the labels of each class usually are from each landmark.

    Of two alike, such as ankles, the nearer one stands among the left ones and the farther among
    the right: a left shoe and a right shoe are one class.

    Attributes:
        usual: (K, LANDMARKS) median, NaN for a class without ``FEWEST`` labels
        spread: (K, LANDMARKS) median deviation from it
    """

    usual: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(
        cls, distances: Sequence[NDArray[np.float32]], class_ids: Sequence[int], classes: int
    ) -> PersonStatistics:
        """From labels of some photos.

        Args:
            distances: (LANDMARKS,) of each label, see :func:`landmark_distances`
            classes: K, background included
        """
        usual = np.full((classes, LANDMARKS), np.nan, np.float32)
        spread = np.full_like(usual, _LEAST_SPREAD)
        for k in range(1, classes):
            own = np.array([d for d, c in zip(distances, class_ids, strict=True) if c == k])
            if len(own) >= FEWEST:
                usual[k] = _median(own)
                spread[k] = np.fmax(_median(abs(own - usual[k])), _LEAST_SPREAD)
        return cls(usual, spread)

    def strangeness(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K,) how far from the usual of each class, in spreads; the strangest where unknown."""
        apart = (abs(distances - self.usual) / self.spread).clip(0, _STRANGEST)
        return _mean(apart, _STRANGEST)

    @cached_property
    def nearest(self) -> NDArray[np.intp]:
        """(K, 4) the landmarks that each class lies at, the surest first."""
        return np.argsort(self.usual + self.spread, axis=1, kind="stable")[:, :_NEAREST]


def landmark_distances(person: Person, mask: Mask) -> NDArray[np.float32]:
    """(LANDMARKS,) from each landmark to a label, sorted as in :class:`PersonStatistics`; NaN for
    what is not visible.

    Args:
        mask: (S, S) of the photo stretched to a square
    """
    if not mask.any():
        return np.full(LANDMARKS, _FARTHEST, np.float32)
    width = int(np.clip(round(SIDE * person.ratio), SIDE // 4, SIDE * 4))
    far = distance(np.ascontiguousarray(masks.resize_nearest(mask, SIDE, width)))
    x, y, seen = person.landmarks.T
    columns = (x * width).astype(int).clip(0, width - 1)
    rows = (y * SIDE).astype(int).clip(0, SIDE - 1)
    found = (far[rows, columns] / _height(person)).clip(0, _FARTHEST)
    inside = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
    found[~inside | (seen < _VISIBLE)] = np.nan
    left, right = found[_LEFT], found[_RIGHT]
    found[_LEFT], found[_RIGHT] = np.fmin(left, right), np.fmax(left, right)
    return found


def instance_features(
    person: Person | None, statistics: PersonStatistics, label: InstanceMask
) -> dict[str, float]:
    """Features of a label or of where one may be missing, by name; the same names for all.

    Args:
        person: None of a photo in which nobody was looked for
    """
    if person is None:
        names = ("inside", "distance", "strange", "margin", "confidence")
        return {f"person_{name}": 0.0 for name in names}
    distances = landmark_distances(person, label.mask)
    strange = statistics.strangeness(distances)
    others = np.delete(strange, [0, label.class_id])
    silhouette = masks.resize_nearest(person.silhouette, *label.mask.shape)
    at = distances[statistics.nearest[label.class_id]]
    area = max(int(np.count_nonzero(label.mask)), 1)
    return {
        "person_inside": np.count_nonzero(silhouette & label.mask) / area,
        "person_distance": float(_mean(at, _FARTHEST)),
        "person_strange": float(strange[label.class_id]),
        "person_margin": float(others.min(initial=_STRANGEST) - strange[label.class_id]),
        "person_confidence": person.confidence,
    }


def without(
    person: Person | None,
    statistics: PersonStatistics,
    labels: Sequence[InstanceMask],
    class_id: int,
) -> float:
    """How far the landmarks that a class lies at are from any label of it: feet without a shoe."""
    own = [label.mask for label in labels if label.class_id == class_id]
    if person is None:
        return 0.0
    if not own:
        return _FARTHEST
    distances = landmark_distances(person, np.any(own, axis=0))
    return float(_mean(distances[statistics.nearest[class_id]], 0.0))


def _height(person: Person) -> float:
    """Pixels of the longer side of the silhouette's box, at ``SIDE`` to the photo's height."""
    rows, columns = (np.flatnonzero(person.silhouette.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return float(SIDE)
    return float(max(np.ptp(rows) + 1, (np.ptp(columns) + 1) * person.ratio))


def _mean(values: NDArray, none: float) -> NDArray:
    """Over the last axis, of what is no NaN; ``none`` where all is."""
    there = ~np.isnan(values)
    count = np.count_nonzero(there, axis=-1)
    total = np.where(there, values, 0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), none)


def _median(values: NDArray) -> NDArray:
    """Over the first axis, of what is no NaN; NaN where all is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(values, axis=0)
