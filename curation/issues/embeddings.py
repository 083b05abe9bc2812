"""What instances look like: a backbone's features inside a mask and around it.

Class probabilities say what the segmenter makes of each pixel; the features say what a
whole garment resembles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.issues.geometry import Mask, distance

DIMENSIONS = 96
"""Of the features that are kept of each instance."""

_RING = 0.25
"""Width of the surroundings, in roots of the area."""


def pooled(taps: Sequence[NDArray[np.floating]], mask: Mask) -> NDArray[np.float32]:
    """Mean features inside a mask that is not empty, and in a ring around it.

    Args:
        taps: (h, w, channels) of the backbone for this photo; the finest one, edges and
            colours, is left out
        mask: (S, S) bool

    Returns:
        (2 * channels of all but the first tap,)
    """
    root = np.sqrt(np.count_nonzero(mask))
    far = distance(mask)
    ring = (far > 0) & (far <= max(4.0, _RING * root))
    means = []
    for where in (mask, ring):
        weights = where.astype(np.float32)
        for tap in taps[1:]:
            h, w, channels = tap.shape
            small = cv2.resize(weights, (w, h), interpolation=cv2.INTER_AREA).ravel()
            flat = tap.reshape(-1, channels).astype(np.float32)
            means.append(small @ flat / max(float(small.sum()), 1e-3))
    return np.concatenate(means)


@dataclass(frozen=True)
class Projection:
    """Pooled features to few dimensions: standardised, then the principal components.

    Attributes:
        mean, scale: (C,)
        components: (``DIMENSIONS``, C)
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    components: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32]) -> Projection:
        """Of (N, C) pooled features of some hundreds of instances."""
        from sklearn.decomposition import PCA

        mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        count = min(DIMENSIONS, *features.shape)
        fitted = PCA(count, random_state=0).fit((features - mean) / scale)
        return cls(mean, scale, fitted.components_.astype(np.float32))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(C,) or (N, C) to (D,) or (N, D) float32."""
        reduced = ((features - self.mean) / self.scale) @ self.components.T
        return reduced.astype(np.float32)
