"""Which photos teach, check and measure which model of a run; nothing here looks at pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.core.errors import RunError
from training.folder import SINGLE, Parts

_CHECKED = 0.1
"""Share of the training photos that choose the weights to keep, where no 'val' does."""

_FEWEST = 8
"""Fewer photos than these choose no weights: in one photo a barely trained model may look best."""


@dataclass(frozen=True)
class Roles:
    """Indices of photos: no photo has two roles for one model, but for want of a test set.

    Attributes:
        taught: the model learns from them
        checked: choose which of its weights are kept
        measured: say how good it is; ``checked`` again where there is no 'test'
    """

    taught: NDArray[np.intp]
    checked: NDArray[np.intp]
    measured: NDArray[np.intp]

    @property
    def choosing(self) -> bool:
        """Whether ``checked`` choose; else the last weights are kept, and they but draw a curve."""
        return len(self.checked) >= _FEWEST


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
                "a model would be measured on what it was taught; keep them together",
                where=image_id,
            )


def roles(folder: Path, parts: Parts) -> dict[str, Roles]:
    """The photos of each model, by its name: 'fold0', 'fold1', ... or 'model'."""
    of = np.array(parts.of)
    if parts.kind == "fold":
        return {
            f"fold{part}": Roles(
                *_carve(folder, parts.keys, np.flatnonzero(of != part)), np.flatnonzero(of == part)
            )
            for part in sorted(set(parts.of), key=int)
        }
    taught, checked = np.flatnonzero(of == "train"), np.flatnonzero(of == "val")
    if not len(checked):
        taught, checked = _carve(folder, parts.keys, taught)
    measured = np.flatnonzero(of == "test")
    return {SINGLE: Roles(taught, checked, measured if len(measured) else checked)}


def _carve(
    folder: Path, keys: Sequence[str], indices: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Parts off a tenth of the photos, by the hash of their key: the same ones whoever asks."""
    digests = {keys[i]: sha256(keys[i].encode()).hexdigest() for i in indices}
    ordered = sorted(digests, key=lambda key: digests[key])
    if len(ordered) < 2:
        raise RunError(folder, f"{len(ordered)} photo to train on: at least 2 are needed")
    chosen = set(ordered[: max(1, round(_CHECKED * len(ordered)))])
    apart = np.array([keys[i] in chosen for i in indices])
    return indices[~apart], indices[apart]
