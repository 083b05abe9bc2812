"""Which photos train, validate and test which model of a run; nothing here looks at pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.core.errors import RunError
from training.folder import SINGLE, Parts

_VAL = 0.1
"""Share of the training photos that select the weights to keep, where no 'val' does."""

_FEWEST = 8
"""Fewer photos than these select no weights: in one photo a barely trained model may look best."""


@dataclass(frozen=True)
class SplitIndices:
    """Indices of photos: none is in two parts for one model, but for want of a test set.

    Attributes:
        train: the model learns from them
        val: select which of its weights are kept
        test: say how good it is; ``val`` again where there is no 'test'
    """

    train: NDArray[np.intp]
    val: NDArray[np.intp]
    test: NDArray[np.intp]

    @property
    def select_best(self) -> bool:
        """Whether ``val`` selects; else the last weights are kept, and it but draws a curve."""
        return len(self.val) >= _FEWEST


def check(folder: Path, parts: Parts) -> None:
    """Checks the folds or the split of the photos of a run.

    Raises:
        RunError: they are no folds or splits, or one photo is in two of them
    """
    if parts.kind == "fold":
        if len(set(parts.of)) < 2 or not all(value.isdecimal() for value in parts.of):
            raise RunError(folder, "at least two folds are needed, numbered from 0", where="fold")
    elif not {"train"} <= set(parts.of) <= {"train", "val", "test"}:
        raise RunError(
            folder, "is not made of 'train', 'val' and 'test', or lacks 'train'", where="split"
        )
    seen: dict[str, tuple[str, str]] = {}
    for key, image_id, part in zip(parts.keys, parts.image_ids, parts.of, strict=True):
        other, other_part = seen.setdefault(key, (image_id, part))
        if other_part != part:
            raise RunError(
                folder,
                f"is the same photo as {other}, which is in {parts.kind} {other_part}, not {part}: "
                "a model would be tested on what it was trained on; keep them together",
                where=image_id,
            )


def splits(folder: Path, parts: Parts) -> dict[str, SplitIndices]:
    """The photos of each model, by its name: 'fold0', 'fold1', ... or 'model'.

    Raises:
        RunError: there are too few
    """
    of = np.array(parts.of)
    if parts.kind == "fold":
        return {
            f"fold{part}": SplitIndices(
                *_carve(folder, parts.keys, np.flatnonzero(of != part)), np.flatnonzero(of == part)
            )
            for part in sorted(set(parts.of), key=int)
        }
    train, val = np.flatnonzero(of == "train"), np.flatnonzero(of == "val")
    if not len(val):
        train, val = _carve(folder, parts.keys, train)
    test = np.flatnonzero(of == "test")
    return {SINGLE: SplitIndices(train, val, test if len(test) else val)}


def rarest_classes(present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(N,) of each photo the class that the fewest have.

    Args:
        present: (N, K) which classes are in each photo, background among them in all
    """
    return np.where(present, present.sum(axis=0), len(present) + 1).argmin(axis=1)


def thinned(
    split: SplitIndices, keys: Sequence[str], rarest: NDArray[np.intp], count: int
) -> SplitIndices:
    """The same test photos, and fewer to learn from.

    Args:
        keys: (N,) the hash of each photo
        rarest: (N,) as :func:`rarest_classes`; each keeps its share
        count: of the training photos at most; of those that validate there are a ninth as many
    """
    digests = [sha256(key.encode()).digest() for key in keys]

    def some(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
        if len(indices) <= most:
            return indices
        # Every so manieth of them in the order of their classes: no class is passed over.
        ordered = sorted(indices.tolist(), key=lambda i: (rarest[i], digests[i]))
        return np.sort(np.array(ordered)[np.arange(most) * len(ordered) // most])

    train, val = some(split.train, count), some(split.val, max(_FEWEST, count // 9))
    return SplitIndices(train, val, split.test)


def _carve(
    folder: Path, keys: Sequence[str], indices: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Parts off a tenth of the photos, by the hash of their key: the same ones whoever asks."""
    digests = {keys[i]: sha256(keys[i].encode()).hexdigest() for i in indices}
    ordered = sorted(digests, key=lambda key: digests[key])
    if len(ordered) < 2:
        raise RunError(folder, f"{len(ordered)} photo to train on: at least 2 are needed")
    chosen = set(ordered[: max(1, round(_VAL * len(ordered)))])
    apart = np.array([keys[i] in chosen for i in indices])
    return indices[~apart], indices[apart]
