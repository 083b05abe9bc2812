"""A drawn photo of 64 x 64: a shirt (1) above trousers (2), shoes (3) below, and what a model
sees of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.issues.geometry import InstanceMask
from curation.issues.observation import Label, Observation

SIDE = 64
THRESHOLDS = np.array([0.8, 0.8, 0.8, 0.8], np.float32)


def block(top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


SHIRT = InstanceMask(1, block(8, 16, 20, 24))
TROUSERS = InstanceMask(2, block(28, 18, 22, 20))
SHOES = InstanceMask(3, block(52, 16, 8, 24))
LABELS = [SHIRT, TROUSERS, SHOES]


def predicted(labels, sure: float = 0.91) -> NDArray[np.float32]:
    """(4, 64, 64) probabilities of a model that sees these labels."""
    p = np.full((4, SIDE, SIDE), (1 - sure) / 3, np.float32)
    label_map = np.zeros((SIDE, SIDE), int)
    for label in labels:
        label_map[label.mask] = label.class_id
    np.put_along_axis(p, label_map[None], sure, axis=0)
    return p


def observed(image_id: str, labels=LABELS, truth=LABELS, ignored=()) -> Observation:
    """A photo that is labelled so, and truly is what the model sees."""
    given = tuple(Label(label.class_id, rle.encode(label.mask)) for label in labels)
    p = predicted(truth).astype(np.float16)
    return Observation(image_id, image_id, given, tuple(rle.encode(m) for m in ignored), p)
