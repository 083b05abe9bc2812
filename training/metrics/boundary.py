"""Whether predicted borders lie where labelled ones do."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.metrics.confusion import IGNORE_INDEX, check_shapes

_TOLERANCE = 0.0075  # of the diagonal
_TINY = 1e-7


class BoundaryF:
    """How well predicted borders lie on labelled ones: the boundary F-score of each class.

    After Csurka et al. (BMVC 2013) and Perazzi et al. (DAVIS, CVPR 2016). The
    boundary of a class are its pixels that have a pixel of another class above,
    below, left or right; the edge of the image makes none. A boundary pixel is
    right where the other map has a boundary pixel of the same class no further
    away than 0.75 % of the image's diagonal (Euclidean, between pixel centres,
    not rounded). Precision is the share of right ones among the predicted
    boundary pixels, recall among the labelled ones, and F their harmonic mean.

    F is computed for each image and class, and averaged over the images in which
    the class has a boundary in the label or in the prediction; where it has one in
    only one of them, F is 0.

    Both maps are ignored where the label is, and a border to that is none. What is
    predicted there thus changes nothing. A boundary pixel that has ignored ones within
    the tolerance is not counted in precision and recall, as its counterpart may lie
    in there; pixels of the other map may still be right by it.
    """

    def __init__(self, classes: int) -> None:
        self._sum = np.zeros(classes)
        self._images = np.zeros(classes, dtype=np.int64)

    def add(self, labels: NDArray[np.uint8], predicted: NDArray) -> None:
        """Takes in label maps (B, H, W), 255 ignored, and predicted class ids (B, H, W).

        Raises:
            ValueError: shapes differ
        """
        check_shapes(labels, predicted)
        for label, guess in zip(labels, predicted, strict=True):
            self._add_image(
                label, np.where(label == IGNORE_INDEX, IGNORE_INDEX, guess).astype(np.uint8)
            )

    def _add_image(self, label: NDArray[np.uint8], guess: NDArray[np.uint8]) -> None:
        disc = _disc(_TOLERANCE * np.hypot(*label.shape))
        countable = cv2.dilate((label == IGNORE_INDEX).astype(np.uint8), disc) == 0
        label_edges, guess_edges = _edges(label), _edges(guess)
        for k in np.union1d(label[label_edges], guess[guess_edges]):
            true, found = label_edges & (label == k), guess_edges & (guess == k)
            precision = _near(found & countable, true, disc)
            recall = _near(true & countable, found, disc)
            if precision is None and recall is None:
                continue
            # Where one has no pixel to count, it has none that is wrong either.
            precision, recall = (1.0 if x is None else x for x in (precision, recall))
            self._sum[k] += 2 * precision * recall / max(precision + recall, _TINY)
            self._images[k] += 1

    def score(self) -> NDArray[np.float64]:
        """(K,) mean F from 0 to 1; nan for a class without a boundary in any image."""
        with np.errstate(invalid="ignore"):
            return self._sum / self._images


def _edges(ids: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels of an (H, W) map with a 4-neighbour of another class; what is ignored is none."""
    edges = np.zeros(ids.shape, dtype=bool)
    for one, other, edge, edge_other in (
        (ids[1:], ids[:-1], edges[1:], edges[:-1]),
        (ids[:, 1:], ids[:, :-1], edges[:, 1:], edges[:, :-1]),
    ):
        differ = (one != other) & (one != IGNORE_INDEX) & (other != IGNORE_INDEX)
        edge |= differ
        edge_other |= differ
    return edges


def _disc(radius: float) -> NDArray[np.uint8]:
    """The pixels no further than ``radius`` from the one in the middle."""
    reach = np.arange(-int(radius), int(radius) + 1)
    return (np.hypot(*np.meshgrid(reach, reach)) <= radius).astype(np.uint8)


def _near(
    pixels: NDArray[np.bool_], others: NDArray[np.bool_], disc: NDArray[np.uint8]
) -> float | None:
    """The share of the pixels that have one of the others within the disc; None of none."""
    count = np.count_nonzero(pixels)
    if not count:
        return None
    reached = cv2.dilate(others.astype(np.uint8), disc) != 0
    return np.count_nonzero(pixels & reached) / count
