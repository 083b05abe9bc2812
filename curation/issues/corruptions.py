"""What goes wrong with labels: each kind of mistake as a change to the labels of one photo.

Kinds and strengths follow the errors that people make. The benchmark plants them into
records to count what is found again; the flagger plants them to learn what they look like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from curation.issues.geometry import Labelled, Mask, depth, distance, grown, moved
from curation.issues.issue import ErrorType


@dataclass(frozen=True, slots=True)
class Strength:
    """How bad mistakes are; lengths are in roots of the area of the mask.

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


MODERATE = Strength(shift=(0.2, 0.45), reach=(0.08, 0.2), kept=(0.55, 0.85))
STRONG = Strength(shift=(0.33, 0.75), reach=(0.14, 0.33), kept=(0.35, 0.6))
"""Some 1.7 times as bad: taught with these, a flagger is tested with others."""
WIDE = Strength(shift=(0.12, 0.7), reach=(0.06, 0.32), kept=(0.35, 0.88), ragged=True)
"""What is taught by default: nobody knows how bad the mistakes in new data are."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one mistake did to the labels of a photo.

    Attributes:
        place: index of the label it befell; None where one was added
        now: what that label became, or what was added; None where it was dropped
        absorbed: index of another label, which went into this one
    """

    place: int | None
    now: Labelled | None
    absorbed: int | None = None

    def applied(self, labels: Sequence[Labelled]) -> tuple[list[Labelled], int | None]:
        """All labels with the mistake in them, and where the wrong one is among them."""
        kept = [
            self.now if i == self.place and self.now else label
            for i, label in enumerate(labels)
            if i != self.absorbed and (i != self.place or self.now)
        ]
        if self.now is None:
            return kept, None
        if self.place is None:
            return [*kept, self.now], len(kept)
        before = self.absorbed is not None and self.absorbed < self.place
        return kept, self.place - before


@dataclass(frozen=True)
class Scene:
    """The labels of one photo, and what a mistake in them may draw on.

    Attributes:
        labels: the labels as given
        classes: the class ids that a label may have
        donor: a label of another photo, in the size of this one; None where none was found
        rng: decides everything
    """

    labels: Sequence[Labelled]
    classes: Sequence[int]
    donor: Callable[[], Labelled | None]
    rng: np.random.Generator
    strength: Strength

    @property
    def least(self) -> int:
        """Pixels that a mistake must change, see :func:`fewest_pixels`."""
        return fewest_pixels(*self.labels[0].mask.shape) if self.labels else 0

    def large(self) -> list[int]:
        """Indices of the labels that can be seen, in random order."""
        every = self.rng.permutation(len(self.labels)).tolist()
        return [i for i in every if np.count_nonzero(self.labels[i].mask) >= self.least]


def fewest_pixels(height: int, width: int) -> int:
    """Pixels that a mistake must change in a photo of this size: 24 in a view of 128 x 128.

    Of less nobody would say that it is one.
    """
    return int(np.ceil(24 / (128 * 128) * height * width))


def swapped(scene: Scene) -> Change | None:
    """Another class."""
    for i in scene.large():
        label = scene.labels[i]
        if others := [c for c in scene.classes if c != label.class_id]:
            return Change(i, replace(label, class_id=int(scene.rng.choice(others))))
    return None


def dropped(scene: Scene) -> Change | None:
    """Not there any more."""
    return next((Change(i, None) for i in scene.large()), None)


def spurious(scene: Scene) -> Change | None:
    """A garment of another photo, moved, where its class does not yet stand."""
    for _ in range(8):
        donor = scene.donor()
        if donor is None:
            continue
        height, width = donor.mask.shape
        mask = moved(donor.mask, *scene.rng.uniform(-0.3, 0.3, 2) * (width, height))
        new = mask.copy()
        for label in scene.labels:
            if label.class_id == donor.class_id:
                new &= ~label.mask
        if np.count_nonzero(new) >= fewest_pixels(height, width):
            return Change(None, replace(donor, mask=mask))
    return None


def shifted(scene: Scene) -> Change | None:
    """Moved in any direction."""

    def move(mask: Mask) -> Mask:
        angle = scene.rng.uniform(0, 2 * np.pi)
        far = scene.rng.uniform(*scene.strength.shift) * np.sqrt(np.count_nonzero(mask))
        return moved(mask, far * np.cos(angle), far * np.sin(angle))

    return _reshaped(scene, move)


def bad_boundary(scene: Scene) -> Change | None:
    """Too wide, too narrow, a box, a part cut off, or a wavering outline."""
    kinds = ["wide", "narrow", "box", "cut"] + ["ragged"] * scene.strength.ragged

    def blunder(mask: Mask) -> Mask:
        reach = scene.rng.uniform(*scene.strength.reach) * np.sqrt(np.count_nonzero(mask))
        kind = scene.rng.choice(kinds)
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
            return _part(mask, scene.rng, *scene.strength.kept)
        noise = scene.rng.normal(size=(12, 12)).astype(np.float32)
        waves = cv2.resize(noise, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(depth(mask) - distance(mask) + waves * reach > 0)

    return _reshaped(scene, blunder)


def merged(scene: Scene) -> Change | None:
    """Two touching labels of two classes become one of the larger one's class."""
    large = scene.large()
    pairs = [(a, b) for n, a in enumerate(large) for b in large[n + 1 :]]
    for pair in pairs:
        small, other = sorted(pair, key=lambda i: np.count_nonzero(scene.labels[i].mask))
        lesser, greater = scene.labels[small], scene.labels[other]
        if lesser.class_id == greater.class_id:
            continue
        both = lesser.mask | greater.mask
        if np.count_nonzero(both & ~greater.mask) < scene.least:
            continue
        # Hand-drawn outlines of neighbours lie a hair apart.
        gap = max(1, round(max(both.shape) / 256))
        if (grown(lesser.mask, gap) & greater.mask).any():
            return Change(other, replace(greater, mask=both), absorbed=small)
    return None


def duplicated(scene: Scene) -> Change | None:
    """The same garment once more, drawn a little otherwise, under its own or another class."""
    for i in scene.large():
        label = scene.labels[i]
        root = np.sqrt(np.count_nonzero(label.mask))
        mask = moved(label.mask, *scene.rng.normal(0, 0.03 * root, 2))
        reach = scene.rng.uniform(-0.05, 0.05) * root
        if not mask.any():
            continue
        mask = distance(mask) <= reach if reach > 0 else depth(mask) > -reach
        if np.count_nonzero(mask) >= scene.least:
            return Change(None, replace(label, mask=np.asarray(mask)))
    return None


def leaking(scene: Scene) -> Change | None:
    """A label that runs out into what lies beside it, at one place."""

    def leak(mask: Mask) -> Mask:
        rim = grown(mask, 1) & ~mask
        spot = _blob(rim, np.sqrt(np.count_nonzero(mask)) * scene.rng.uniform(0.2, 1.0), scene.rng)
        return mask | spot

    return _reshaped(scene, leak)


def patched(scene: Scene) -> Change | None:
    """A piece of a garment or of what is around it, under a class that it is not.

    It stands for what no other kind does: it may be wrong in any way.
    """
    rng = scene.rng
    for i in 4 * scene.large():
        label = scene.labels[i]
        root = np.sqrt(np.count_nonzero(label.mask))
        kind = rng.choice(["part", "blob", "edge"])
        if kind == "part":
            mask = _part(label.mask, rng, 0.3, 0.9)
        elif kind == "blob":
            mask = _blob(label.mask, root * rng.uniform(0.25, 0.8), rng)
        else:
            near = distance(label.mask) <= root * rng.uniform(0.1, 0.5)
            mask = _blob(label.mask, root * rng.uniform(0.4, 0.9), rng) & near
        class_id = int(rng.choice(list(scene.classes)))
        right = np.count_nonzero(mask & label.mask) if class_id == label.class_id else 0
        if np.count_nonzero(mask) >= scene.least and right <= 0.4 * np.count_nonzero(mask):
            place = i if rng.random() < 0.5 else None
            return Change(place, Labelled(class_id, mask))
    return None


Kind = Callable[[Scene], Change | None]

KINDS: dict[ErrorType, Kind] = {
    ErrorType.WRONG_CATEGORY: swapped,
    ErrorType.MISSING: dropped,
    ErrorType.SPURIOUS: spurious,
    ErrorType.SHIFTED: shifted,
    ErrorType.BAD_BOUNDARY: bad_boundary,
    ErrorType.MERGED: merged,
    ErrorType.DUPLICATED: duplicated,
}
"""How a mistake of each type is made."""


def _reshaped(scene: Scene, change: Callable[[Mask], Mask]) -> Change | None:
    """The first label, in random order, whose mask changes enough and does not vanish."""
    # A change is drawn by chance, so one that was too small may be large enough the next time.
    for i in 4 * scene.large():
        before = scene.labels[i].mask
        after = change(before)
        if min(np.count_nonzero(after ^ before), np.count_nonzero(after)) >= scene.least:
            return Change(i, replace(scene.labels[i], mask=after))
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


def _blob(where: Mask, radius: float, rng: np.random.Generator) -> Mask:
    """An ellipse around a random pixel of ``where``."""
    rows, columns = np.nonzero(where)
    blob = np.zeros(where.shape, np.uint8)
    if rows.size:
        i = int(rng.integers(rows.size))
        axes = [max(2, round(radius * rng.uniform(0.4, 1.2))) for _ in range(2)]
        center = (int(columns[i]), int(rows[i]))
        cv2.ellipse(blob, center, axes, rng.uniform(0, 180), 0, 360, (1,), -1)
    return blob.view(bool)
