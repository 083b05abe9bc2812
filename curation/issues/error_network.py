"""The error network in flagging: taught with errors made in the labels, asked about each label.

Two networks, each taught with one half of the photos and asked about the other one. They are taught
with some photos of the run and no more, so that what they cost does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from curation.core import npz, parallel
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent
from curation.issues.corruptions import CORRUPTIONS, WIDE, Corrupt, Corruption, ImageLabels, halve
from curation.issues.error_crops import COARSE, Crops, FeatureScale, PhotoCrops, Square, target
from curation.issues.feature_table import AGAIN, fold_of, hashed
from curation.issues.geometry import InstanceMask, Mask
from curation.issues.instance_features import FEWEST
from curation.issues.issue import ErrorType
from curation.issues.observation import Observation

HALVES = 2
"""Networks: each is asked about the photos that it was not taught with."""
TAUGHT = 800
"""Photos at most that are taught with."""
FEWEST_TAUGHT = 200
"""Photos below which there is no network."""
DRAWS = 8
"""Errors made in each of them."""
FEWEST_WINDOWS = 200
"""Labels, as given and with errors made in them, below which a network is taught nothing."""

_KINDS: Mapping[str, tuple[Corrupt, int]] = {
    "half": (halve, 3),
    str(ErrorType.MERGED): (CORRUPTIONS[ErrorType.MERGED], 3),
    str(ErrorType.BAD_BOUNDARY): (CORRUPTIONS[ErrorType.BAD_BOUNDARY], 2),
    **{
        name: (CORRUPTIONS[name], 1)
        for name in (
            ErrorType.WRONG_CATEGORY, ErrorType.SPURIOUS, ErrorType.SHIFTED, "leaking", "patched"
        )
    },
}  # fmt: skip
"""What it is taught with, and how often: most often what shapes tell and pooled numbers do not."""

_SCALE = "error-network.npz"

Windows = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Judge = Callable[[Windows], NDArray[np.float32]]


class Network(Protocol):
    """What :mod:`training.error_network` does."""

    def fit(
        self,
        path: Path,
        windows: Windows,
        errors: NDArray[np.uint8],
        seed: int,
        *,
        progress: Progress = silent,
    ) -> None: ...

    def load(self, path: Path) -> Judge: ...


@dataclass(frozen=True)
class Asked:
    """The windows around the labels of one photo.

    Attributes:
        half: of the photos, that it is in
        side: S of its grid
        squares: where the windows are
        crops: what is in them; None where it has no label
    """

    half: int
    side: int
    squares: list[Square]
    crops: Crops | None


class ErrorNetwork:
    """Both networks, taught.

    Args:
        scale: of the features of all photos
        judges: of each half of the photos
    """

    def __init__(self, scale: FeatureScale, judges: Sequence[Judge]) -> None:
        self.scale, self._judges = scale, judges

    def judge(self, asked: Sequence[Asked]) -> list[NDArray[np.float32]]:
        """Of the labels of each photo (N, COARSE, COARSE) the chance of an error in each cell."""
        judged = [np.empty((0, COARSE, COARSE), np.float32)] * len(asked)
        for half, judge in enumerate(self._judges):
            own = [i for i, photo in enumerate(asked) if photo.crops and photo.half == half]
            if own:
                crops = Crops.concat([photo.crops for i in own if (photo := asked[i]).crops])
                ends = np.cumsum([len(asked[i].squares) for i in own])[:-1]
                parts = np.split(judge((crops.fine, crops.coarse)), ends)
                for i, part in zip(own, parts, strict=True):
                    judged[i] = part
        return judged


def ask(observation: Observation, indices: Sequence[int], scale: FeatureScale) -> Asked:
    """The windows around some labels of a photo, none of which is empty."""
    labels, cutter = observation.label_masks, PhotoCrops(observation, scale)
    squares = [Square.around(labels[i].mask) for i in indices]
    cut = [cutter.of(labels, i) for i in indices]
    crops = Crops(*(np.stack(each) for each in zip(*cut, strict=True))) if cut else None
    return Asked(_half_of(observation), observation.side, squares, crops)


def _half_of(observation: Observation) -> int:
    return fold_of(observation.group) % HALVES


def taught(
    folder: Path,
    image_ids: Sequence[str],
    observe: Callable[[Sequence[str]], Iterator[Observation]],
    network: Network,
    *,
    shard: int,
    progress: Progress = silent,
) -> ErrorNetwork | None:
    """Teaches the networks, unless they are there.

    Args:
        folder: where they are kept
        image_ids: of the run
        shard: photos that a worker makes errors in at once; donors of labels come from there

    Returns:
        None with fewer than ``FEWEST_TAUGHT`` photos, too few labels, or no features of a backbone
    """
    if len(image_ids) < FEWEST_TAUGHT:
        return None
    paths = [folder / f"error-network-{half}.keras" for half in range(HALVES)]
    if not all(path.exists() for path in [folder / _SCALE, *paths]):
        rng = np.random.default_rng(0)
        sample = sorted(rng.permutation(len(image_ids))[:TAUGHT].tolist())
        chosen = [image_ids[i] for i in sample]
        first = list(observe(chosen[:shard]))
        if not first[0].feature_maps:
            return None
        scale = FeatureScale.fit(first)
        with replacing(folder / _SCALE) as part:
            np.savez(part, **_as_arrays(scale))
        if not _teach(paths, chosen, observe, network, scale, shard, progress):
            return None
    return ErrorNetwork(_load_scale(folder / _SCALE), [network.load(path) for path in paths])


def _teach(
    paths: Sequence[Path],
    image_ids: Sequence[str],
    observe: Callable[[Sequence[str]], Iterator[Observation]],
    network: Network,
    scale: FeatureScale,
    shard: int,
    progress: Progress,
) -> bool:
    """Whether there was enough to teach with."""
    parts: list[list[tuple[Crops, NDArray[np.uint8]]]] = [[] for _ in paths]

    def shards() -> Iterator[list[Observation]]:
        observations = observe(image_ids)
        for start in range(0, len(image_ids), shard):
            yield [next(observations) for _ in image_ids[start : start + shard]]

    done = 0
    for count, examples in parallel.ordered(_examples, scale, shards(), len(image_ids)):
        for half, crops, errors in examples:
            parts[half].append((crops, errors))
        done += count
        progress("errors to learn from", done, len(image_ids))
    taught_with = [[x for i, each in enumerate(parts) if i != half for x in each]
                   for half in range(len(parts))]  # fmt: skip
    if min(sum(map(len, (crops for crops, _ in each))) for each in taught_with) < FEWEST_WINDOWS:
        return False
    for half, (path, each) in enumerate(zip(paths, taught_with, strict=True)):
        crops = Crops.concat([crops for crops, _ in each])
        errors = np.concatenate([errors for _, errors in each])
        network.fit(path, (crops.fine, crops.coarse), errors, half, progress=progress)
    return True


Example = tuple[int, Crops, NDArray[np.uint8]]
"""The half that a photo is in, its windows, and (N, COARSE, COARSE) how much of each cell is an
error, times 255."""


def _examples(scale: FeatureScale, observations: list[Observation]) -> tuple[int, list[Example]]:
    """How many photos, and what is taught with each, in a worker."""
    examples: list[Example] = []
    for number, observation in enumerate(observations):
        others = [*observations[:number], *observations[number + 1 :]]
        cutter = PhotoCrops(observation, scale)
        cut, errors = [], []
        for labels, index, error in _labels(observation, others):
            if np.count_nonzero(labels[index].mask) >= FEWEST:
                cut.append(cutter.of(labels, index))
                errors.append(target(labels[index].mask, error))
        if cut:
            crops = Crops(*(np.stack(each) for each in zip(*cut, strict=True)))
            examples.append((_half_of(observation), crops, np.stack(errors)))
        observation.forget()
    return len(observations), examples


def _labels(
    observation: Observation, others: Sequence[Observation]
) -> Iterator[tuple[list[InstanceMask], int, Mask]]:
    """Labels of a photo, the index of one of them, and where it is wrong: all as given, which
    count as right, and some with an error."""
    given = observation.label_masks
    nowhere = np.zeros((observation.side,) * 2, bool)
    for index in range(len(given)):
        yield given, index, nowhere
    if not given:
        return
    rng = np.random.default_rng([5, hashed(observation.image_id)])

    def donor() -> InstanceMask | None:
        labels = others[int(rng.integers(len(others)))].label_masks if others else []
        return labels[int(rng.integers(len(labels)))] if labels else None

    image = ImageLabels(given, range(1, len(observation.p)), donor, rng, WIDE)
    names = [name for name, (_, often) in _KINDS.items() for _ in range(often)]
    for _ in range(DRAWS):
        corrupt, _often = _KINDS[str(rng.choice(names))]
        if (corruption := corrupt(image)) and corruption.now:
            labels, wrong = corruption.applied(given)
            if wrong is not None:
                yield labels, wrong, _error(given, corruption.now, corruption)


def _error(given: Sequence[InstanceMask], now: InstanceMask, corruption: Corruption) -> Mask:
    """(S, S) where a label is wrong now: all of it, if it is of another class or was not there."""
    was = given[corruption.index] if corruption.index is not None else None
    if was is None or was.class_id != now.class_id:
        return now.mask
    return now.mask ^ was.mask


def _as_arrays(scale: FeatureScale) -> dict[str, Any]:
    return {
        f"{f.name}{level}": array
        for f in fields(scale)
        for level, array in enumerate(getattr(scale, f.name))
    }


def _load_scale(path: Path) -> FeatureScale:
    arrays = npz.read(path, AGAIN)
    try:
        levels = range(len(arrays) // len(fields(FeatureScale)))
        return FeatureScale(
            *(tuple(arrays[f"{f.name}{i}"] for i in levels) for f in fields(FeatureScale))
        )
    except KeyError as error:
        raise CurateError(path, f"lacks {error}; {AGAIN}") from None
