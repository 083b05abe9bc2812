"""What goes wrong with labels: each error as a corruption of the labels of one photo.

Corruptions and their severity follow the errors that people make. The benchmark injects them into
records to count what is found again; flagging injects them to learn what they look like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from curation.issues.geometry import InstanceMask, Mask, depth, distance, grown, moved
from curation.issues.issue import ErrorType


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad errors are; lengths are in roots of the area of the mask.

    Attributes:
        shift: how far a mask moves
        reach: how much too wide or too narrow an outline is
        kept: share of a mask that is left when a part is cut off
        ragged: whether outlines also waver
    """

    shift: tuple[float, float]
    reach: tuple[float, float]
    kept: tuple[float, float]
    ragged: bool = False


MODERATE = Severity(shift=(0.2, 0.45), reach=(0.08, 0.2), kept=(0.55, 0.85))
SEVERE = Severity(shift=(0.33, 0.75), reach=(0.14, 0.33), kept=(0.35, 0.6))
"""Some 1.7 times as bad: having learned from these, flagging is tested with others."""
WIDE = Severity(shift=(0.12, 0.7), reach=(0.06, 0.32), kept=(0.35, 0.88), ragged=True)
"""What is learned from by default: nobody knows how bad the errors in new data are."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """What one error did to the labels of a photo.

    Attributes:
        index: of the label it befell; None where one was added
        now: what that label became, or what was added; None where it was dropped
        absorbed: index of another label, which went into this one
    """

    index: int | None
    now: InstanceMask | None
    absorbed: int | None = None

    def applied(self, labels: Sequence[InstanceMask]) -> tuple[list[InstanceMask], int | None]:
        """All labels with the error in them, and the index of the wrong one among them.

        >>> shirt, skirt = (InstanceMask(k, np.eye(2) == 1) for k in (1, 2))
        >>> labels, wrong = Corruption(1, skirt, absorbed=0).applied([shirt, shirt])
        >>> [label.class_id for label in labels], wrong
        ([2], 0)
        """
        kept = [
            self.now if i == self.index and self.now else label
            for i, label in enumerate(labels)
            if i != self.absorbed and (i != self.index or self.now)
        ]
        if self.now is None:
            return kept, None
        if self.index is None:
            return [*kept, self.now], len(kept)
        before = self.absorbed is not None and self.absorbed < self.index
        return kept, self.index - before


@dataclass(frozen=True)
class ImageLabels:
    """The labels of one photo, and what a corruption of them may draw on.

    Attributes:
        labels: as given, (H, W) each
        classes: the class ids that a label may have
        donor: draws a label of another photo, in the size of this one; None where it found none
        rng: decides everything
        severity: of the error
    """

    labels: Sequence[InstanceMask]
    classes: Sequence[int]
    donor: Callable[[], InstanceMask | None]
    rng: np.random.Generator
    severity: Severity

    @property
    def least(self) -> int:
        """Pixels that an error must change, see :func:`fewest_pixels`."""
        return fewest_pixels(*self.labels[0].mask.shape) if self.labels else 0

    def large(self) -> list[int]:
        """Indices of the labels that can be seen, in random order."""
        every = self.rng.permutation(len(self.labels)).tolist()
        return [i for i in every if np.count_nonzero(self.labels[i].mask) >= self.least]


def fewest_pixels(height: int, width: int) -> int:
    """Pixels that an error must change in a photo of this size; of less nobody would call it one.

    >>> fewest_pixels(128, 128), fewest_pixels(256, 256)
    (24, 96)
    """
    return int(np.ceil(24 / (128 * 128) * height * width))


def swap_category(image: ImageLabels) -> Corruption | None:
    """Another class."""
    for i in image.large():
        label = image.labels[i]
        if others := [c for c in image.classes if c != label.class_id]:
            return Corruption(i, replace(label, class_id=int(image.rng.choice(others))))
    return None


def drop(image: ImageLabels) -> Corruption | None:
    """Not there any more."""
    return next((Corruption(i, None) for i in image.large()), None)


def add_spurious(image: ImageLabels) -> Corruption | None:
    """A garment of another photo, moved, where its class does not yet stand."""
    for _ in range(8):
        donor = image.donor()
        if donor is None:
            continue
        height, width = donor.mask.shape
        mask = moved(donor.mask, *image.rng.uniform(-0.3, 0.3, 2) * (width, height))
        new = mask.copy()
        for label in image.labels:
            if label.class_id == donor.class_id:
                new &= ~label.mask
        if np.count_nonzero(new) >= fewest_pixels(height, width):
            return Corruption(None, replace(donor, mask=mask))
    return None


def shift(image: ImageLabels) -> Corruption | None:
    """Moved in any direction."""

    def move(mask: Mask) -> Mask:
        angle = image.rng.uniform(0, 2 * np.pi)
        far = image.rng.uniform(*image.severity.shift) * np.sqrt(np.count_nonzero(mask))
        return moved(mask, far * np.cos(angle), far * np.sin(angle))

    return _reshaped(image, move)


def distort_boundary(image: ImageLabels) -> Corruption | None:
    """Too wide, too narrow, a box, a part cut off, or a wavering outline."""
    kinds = ["wide", "narrow", "box", "cut"] + ["ragged"] * image.severity.ragged

    def blunder(mask: Mask) -> Mask:
        reach = image.rng.uniform(*image.severity.reach) * np.sqrt(np.count_nonzero(mask))
        kind = image.rng.choice(kinds)
        if kind == "wide":
            return np.asarray(distance(mask) <= reach)
        if kind == "narrow":
            return np.asarray(depth(mask) > reach)
        if kind == "box":
            box = np.zeros_like(mask)
            rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
            box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
            return box
        if kind == "cut":
            return _part(mask, image.rng, *image.severity.kept)
        noise = image.rng.normal(size=(12, 12)).astype(np.float32)
        waves = cv2.resize(noise, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(depth(mask) - distance(mask) + waves * reach > 0)

    return _reshaped(image, blunder)


def merge(image: ImageLabels) -> Corruption | None:
    """Two touching labels of two classes become one of the larger one's class."""
    large = image.large()
    pairs = [(a, b) for n, a in enumerate(large) for b in large[n + 1 :]]
    for pair in pairs:
        small, other = sorted(pair, key=lambda i: np.count_nonzero(image.labels[i].mask))
        lesser, greater = image.labels[small], image.labels[other]
        if lesser.class_id == greater.class_id:
            continue
        both = lesser.mask | greater.mask
        if np.count_nonzero(both & ~greater.mask) < image.least:
            continue
        # Hand-drawn outlines of neighbours lie a hair apart.
        gap = max(1, round(max(both.shape) / 256))
        if (grown(lesser.mask, gap) & greater.mask).any():
            return Corruption(other, replace(greater, mask=both), absorbed=small)
    return None


def duplicate(image: ImageLabels) -> Corruption | None:
    """The same garment once more, drawn a little otherwise, under its own or another class."""
    for i in image.large():
        label = image.labels[i]
        root = np.sqrt(np.count_nonzero(label.mask))
        mask = moved(label.mask, *image.rng.normal(0, 0.03 * root, 2))
        reach = image.rng.uniform(-0.05, 0.05) * root
        if not mask.any():
            continue
        mask = distance(mask) <= reach if reach > 0 else depth(mask) > -reach
        if np.count_nonzero(mask) >= image.least:
            return Corruption(None, replace(label, mask=np.asarray(mask)))
    return None


def leak(image: ImageLabels) -> Corruption | None:
    """A label that runs out into what lies beside it, at one spot."""

    def spill(mask: Mask) -> Mask:
        rim = grown(mask, 1) & ~mask
        spot = _blob(rim, np.sqrt(np.count_nonzero(mask)) * image.rng.uniform(0.2, 1.0), image.rng)
        return mask | spot

    return _reshaped(image, spill)


def patch(image: ImageLabels) -> Corruption | None:
    """A piece of a garment or of what is around it, under a class that it is not.

    It stands for what no other corruption does: it may be wrong in any way.
    """
    rng = image.rng
    for i in 4 * image.large():
        label = image.labels[i]
        root = np.sqrt(np.count_nonzero(label.mask))
        kind = rng.choice(["part", "blob", "edge"])
        if kind == "part":
            mask = _part(label.mask, rng, 0.3, 0.9)
        elif kind == "blob":
            mask = _blob(label.mask, root * rng.uniform(0.25, 0.8), rng)
        else:
            near = distance(label.mask) <= root * rng.uniform(0.1, 0.5)
            mask = _blob(label.mask, root * rng.uniform(0.4, 0.9), rng) & near
        class_id = int(rng.choice(list(image.classes)))
        right = np.count_nonzero(mask & label.mask) if class_id == label.class_id else 0
        if np.count_nonzero(mask) >= image.least and right <= 0.4 * np.count_nonzero(mask):
            index = i if rng.random() < 0.5 else None
            return Corruption(index, InstanceMask(class_id, mask))
    return None


Corrupt = Callable[[ImageLabels], Corruption | None]
"""Makes one error of its kind; None where these labels have no room for it."""

OF_TYPE: Mapping[ErrorType, Corrupt] = {
    ErrorType.WRONG_CATEGORY: swap_category,
    ErrorType.MISSING: drop,
    ErrorType.SPURIOUS: add_spurious,
    ErrorType.SHIFTED: shift,
    ErrorType.BAD_BOUNDARY: distort_boundary,
    ErrorType.MERGED: merge,
    ErrorType.DUPLICATED: duplicate,
}
"""How an error of each type is made."""

CORRUPTIONS: Mapping[str, Corrupt] = {
    **{str(error_type): corrupt for error_type, corrupt in OF_TYPE.items()},
    "leaking": leak,
    "patched": patch,
}
"""What is learned from: each type of error, and errors of no type, so that what was never
injected is not taken for correct."""


def _reshaped(image: ImageLabels, change: Callable[[Mask], Mask]) -> Corruption | None:
    """The first label, in random order, whose mask changes enough and does not vanish."""
    # A change is drawn by chance, so one that was too small may be large enough the next time.
    for i in 4 * image.large():
        before = image.labels[i].mask
        after = change(before)
        if min(np.count_nonzero(after ^ before), np.count_nonzero(after)) >= image.least:
            return Corruption(i, replace(image.labels[i], mask=after))
    return None


def _part(mask: Mask, rng: np.random.Generator, low: float, high: float) -> Mask:
    """What lies on one side of a line, ``low`` to ``high`` of the pixels."""
    rows, columns = np.nonzero(mask)
    angle = rng.uniform(0, 2 * np.pi)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    keep = along <= np.quantile(along, rng.uniform(low, high))
    part = np.zeros_like(mask)
    part[rows[keep], columns[keep]] = True
    return part


def _blob(within: Mask, radius: float, rng: np.random.Generator) -> Mask:
    """An ellipse around a random pixel of ``within``."""
    rows, columns = np.nonzero(within)
    blob = np.zeros(within.shape, np.uint8)
    if rows.size:
        i = int(rng.integers(rows.size))
        axes = [max(2, round(radius * rng.uniform(0.4, 1.2))) for _ in range(2)]
        center = (int(columns[i]), int(rows[i]))
        cv2.ellipse(blob, center, axes, rng.uniform(0, 180), 0, 360, (1,), -1)
    return blob.view(bool)
