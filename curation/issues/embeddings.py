"""Embeddings of instances: a backbone's features inside a mask and around it, in few dimensions.

Class probabilities say what the segmenter makes of each pixel; an embedding says what a
whole garment looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from curation.issues.geometry import Mask, distance

DIMENSIONS = 96
"""Of an embedding."""

_RING = 0.25
"""Width of the surroundings, in roots of the area."""


def pooled(feature_maps: Sequence[NDArray[np.float32]], mask: Mask) -> NDArray[np.float32]:
    """Mean features inside a mask that is not empty, and in a ring around it.

    Args:
        feature_maps: (h, w, channels) float32 of the backbone for this photo
        mask: (S, S) bool

    Returns:
        (2 * channels of all maps,)
    """
    root = np.sqrt(np.count_nonzero(mask))
    far = distance(mask)
    ring = (far > 0) & (far <= max(4.0, _RING * root))
    regions = [region.astype(np.float32) for region in (mask, ring)]
    means = []
    for feature_map in feature_maps:
        h, w, channels = feature_map.shape
        small = np.stack([
            cv2.resize(region, (w, h), interpolation=cv2.INTER_AREA).ravel() for region in regions
        ])  # fmt: skip
        flat = feature_map.reshape(-1, channels)
        means.append(small @ flat / np.maximum(small.sum(axis=1, keepdims=True), 1e-3))
    return np.concatenate(means, axis=1).ravel()


@dataclass(frozen=True)
class Projection:
    """Pooled features to an embedding: standardized, then the principal components.

    Attributes:
        mean, scale: (C,) of the pooled features
        components: (D, C), D at most ``DIMENSIONS``
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    components: NDArray[np.float32]

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> Projection:
        """To (N, C) pooled features of some hundreds of instances."""
        mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        count = min(DIMENSIONS, *features.shape)
        fitted = PCA(count, random_state=0).fit((features - mean) / scale)
        return cls(mean, scale, fitted.components_.astype(np.float32))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of (C,) or (N, C) pooled features the (D,) or (N, D) float32 embeddings."""
        reduced = ((features - self.mean) / self.scale) @ self.components.T
        return reduced.astype(np.float32)
