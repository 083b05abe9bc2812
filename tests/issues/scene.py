"""A drawn photo of 64 x 64: a shirt (1) above trousers (2), shoes (3) below, and what a model
sees of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.issues.evidence import Evidence
from curation.issues.geometry import Labelled
from curation.issues.observation import Seen

SIDE = 64
THRESHOLDS = np.array([0.8, 0.8, 0.8, 0.8], np.float32)


def block(top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


SHIRT = Labelled(1, block(8, 16, 20, 24))
TROUSERS = Labelled(2, block(28, 18, 22, 20))
SHOES = Labelled(3, block(52, 16, 8, 24))
LABELS = [SHIRT, TROUSERS, SHOES]


def seen_as(labels, sure: float = 0.91) -> NDArray[np.float32]:
    """(4, 64, 64) probabilities of a model that sees these labels."""
    p = np.full((4, SIDE, SIDE), (1 - sure) / 3, np.float32)
    where = np.zeros((SIDE, SIDE), int)
    for label in labels:
        where[label.mask] = label.class_id
    np.put_along_axis(p, where[None], sure, axis=0)
    return p


def evidence(labels=LABELS) -> Evidence:
    return Evidence(seen_as(labels), THRESHOLDS)


def seen(image_id: str, labels, truth=LABELS, void=()) -> Seen:
    masks = tuple((label.class_id, rle.encode(label.mask)) for label in labels)
    p = seen_as(truth).astype(np.float16)
    return Seen(image_id, image_id, masks, tuple(rle.encode(mask) for mask in void), p)
