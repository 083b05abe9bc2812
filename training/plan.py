"""Which photos teach, check and measure which model of a run; nothing here looks at pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.errors import RunError
from training.folder import SINGLE, Parts, Photo

_CHECKED = 0.1
"""Share of the training photos that choose the weights to keep, where no 'val' does."""


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


def parts(
    folder: Path, photos: Sequence[Photo], fold: NDArray | None, split: NDArray | None
) -> Parts:
    """Checks the folds or the split of N photos.

    Raises:
        ValueError: both or neither are given
        RunError: they do not fit the photos, or one photo is in two of them
    """
    if (fold is None) == (split is None):
        raise ValueError("give either fold or split")
    kind, values = ("fold", fold) if fold is not None else ("split", split)
    of = tuple(str(value) for value in np.asarray(values).tolist())
    if len(of) != len(photos):
        raise RunError(folder, kind, f"{len(of)} values for {len(photos)} photos")
    if kind == "fold" and (len(set(of)) < 2 or not all(value.isdecimal() for value in of)):
        raise RunError(folder, kind, "at least two folds are needed, numbered from 0")
    if kind == "split" and not {"train"} <= set(of) <= {"train", "val", "test"}:
        raise RunError(folder, kind, "is not made of 'train', 'val' and 'test', or lacks 'train'")
    seen: dict[str, tuple[str, str]] = {}
    for photo, part in zip(photos, of, strict=True):
        other, other_part = seen.setdefault(photo.key, (photo.image_id, part))
        if other_part != part:
            raise RunError(
                folder,
                photo.image_id,
                f"is the same photo as {other}, which is in {kind} {other_part}, not {part}: "
                "a model would be measured on what it was taught; keep them together",
            )
    return Parts(kind, of)


def roles(folder: Path, photos: Sequence[Photo], parts: Parts) -> dict[str, Roles]:
    """The photos of each model, by its name: 'fold0', 'fold1', ... or 'model'."""
    of = np.array(parts.of)
    if parts.kind == "fold":
        return {
            f"fold{part}": Roles(
                *_carve(folder, photos, np.flatnonzero(of != part)), np.flatnonzero(of == part)
            )
            for part in sorted(set(parts.of), key=int)
        }
    taught, checked = np.flatnonzero(of == "train"), np.flatnonzero(of == "val")
    if not len(checked):
        taught, checked = _carve(folder, photos, taught)
    measured = np.flatnonzero(of == "test")
    return {SINGLE: Roles(taught, checked, measured if len(measured) else checked)}


def _carve(
    folder: Path, photos: Sequence[Photo], indices: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Parts off a tenth of the photos, by the hash of their key: the same ones whoever asks."""
    digests = {photos[i].key: sha256(photos[i].key.encode()).hexdigest() for i in indices}
    ordered = sorted(digests, key=lambda key: digests[key])
    if len(ordered) < 2:
        raise RunError(folder, "", f"{len(ordered)} photo to train on: at least 2 are needed")
    chosen = set(ordered[: max(1, round(_CHECKED * len(ordered)))])
    apart = np.array([photos[i].key in chosen for i in indices])
    return indices[~apart], indices[apart]
