"""Two runs on the same photos: mean IoU before and after, and the interval of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.core.masks import IGNORE_INDEX
from curation.core.text import count

LEVEL = 0.9
"""The share of intervals that hold the truth."""

_FEWEST = 5
"""Photos that an interval takes, those that go together being one: fewer all become better, or all
worse, by chance in more than one case of ten."""

_RESAMPLES = 2000
_AT_ONCE = 64


@dataclass(frozen=True)
class Interval:
    """A figure, and between what it lies in :data:`LEVEL` of the cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """A figure before and after a round, and the difference, paired photo by photo."""

    before: float
    after: float
    difference: Interval


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same photos and labels.

    Attributes:
        photos: that both predicted
        miou: mean IoU of the classes, background not among them
        iou: of each class that is there
        frozen: whether the photos are the frozen test set; else each was predicted out of fold
    """

    photos: int
    miou: Change
    iou: Mapping[str, Change]
    frozen: bool = False

    @property
    def measured_on(self) -> str:
        """In one sentence, what the figures are worth."""
        if self.frozen:
            return "Measured on the frozen test set, with its labels of now."
        return (
            "Measured out of fold on the labels of now, which nobody need have checked: no test "
            "set was frozen before the round."
        )

    @property
    def verdict(self) -> str:
        """In one sentence, whether the models became better."""
        found = self.miou.difference
        share = f"{found.value:+.3f} mIoU ({found.low:+.3f} to {found.high:+.3f})"
        if found.low > 0:
            return f"The round helped: {share}."
        if found.high < 0:
            return f"The round did harm: {share}."
        photos = count(self.photos, "photo")
        return f"The round made no difference that {photos} can show: {share}."


def counts(
    labels: NDArray[np.uint8], predicted: NDArray[np.uint8], ids: Sequence[int]
) -> NDArray[np.int64]:
    """What the IoU of each class is made of in one photo.

    Args:
        labels: (H, W) class ids, 255 ignored
        predicted: (H, W) class ids
        ids: of the K classes

    Returns:
        (3, K) pixels in the intersection, in the union, and labelled

    >>> counts(np.array([[1, 1, 255]], np.uint8), np.array([[1, 2, 2]], np.uint8), [1, 2]).tolist()
    [[1, 0], [2, 1], [2, 0]]
    """
    seen = labels != IGNORE_INDEX
    given, guess = (np.bincount(x[seen], minlength=256) for x in (labels, predicted))
    both = np.bincount(labels[seen & (labels == predicted)], minlength=256)
    wanted = list(ids)
    return np.stack([both[wanted], (given + guess - both)[wanted], given[wanted]]).astype(np.int64)


def compare(
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    groups: Sequence[str],
    names: Sequence[str],
    *,
    frozen: bool = False,
    seed: int = 0,
) -> Comparison:
    """Mean IoU of two runs, and the bootstrap interval of the difference.

    Photos are drawn anew with all that go together with them, the same ones for both runs (Efron
    and Tibshirani 1993, chapter 8), so that what is hard for both does not widen the interval.

    Args:
        before, after: (N, 3, K) as :func:`counts` gives of each photo
        groups: (N,) of each photo; those that go together share one
        names: of the K classes
        frozen: whether the photos are the frozen test set
        seed: of the resamples

    Raises:
        ValueError: no photo, or no class that is there
    """
    _, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if not len(group_of):
        raise ValueError("there is no photo that both runs predicted")
    runs = np.stack([_summed(x, group_of) for x in (before, after)])  # (2 runs, G, 3, K)
    whole = runs.sum(axis=1)
    # A class that models see and nobody labelled would count in the run alone that sees it.
    there = whole[0, 2] > 0
    if not there.any():
        raise ValueError("no photo shows a class")
    drawn = _resampled(runs, seed)  # (R, 2 runs, K)
    ious, means = _iou(whole), _mean(_iou(whole), there)
    changes = _mean(drawn, there)
    showing = np.count_nonzero(runs[0, :, 2] > 0, axis=0).tolist()  # (K,) groups
    of_classes = {
        name: _change(ious[:, k], drawn[:, :, k], showing[k])
        for k, name in enumerate(names)
        if there[k]
    }
    miou = _change(means, changes, int(np.count_nonzero((runs[0, :, 2] > 0).any(axis=1))))
    return Comparison(len(groups), miou, of_classes, frozen)


def _summed(of_photos: NDArray[np.int64], group_of: NDArray[np.intp]) -> NDArray[np.float64]:
    """(G, 3, K) the counts of each group's photos together."""
    total = np.zeros((group_of.max() + 1, *of_photos.shape[1:]))
    np.add.at(total, group_of, of_photos)
    return total


def _resampled(runs: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """(R, 2 runs, K) the IoU of each class in each resample of the groups."""
    rng = np.random.default_rng(seed)
    groups = runs.shape[1]
    found = []
    for start in range(0, _RESAMPLES, _AT_ONCE):
        size = min(_AT_ONCE, _RESAMPLES - start)
        times = rng.multinomial(groups, np.full(groups, 1 / groups), size=size)
        found.append(_iou(np.einsum("rg,bgik->rbik", times.astype(float), runs, optimize=True)))
    return np.concatenate(found)


def _iou(counts_: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, K) to (..., K); NaN where a class is not there.

    By its labels, which are the same before and after: a class that a resample lacks and one of
    the runs sees in it would count in that run alone.
    """
    both, union, labelled = (counts_[..., n, :] for n in range(3))
    return np.divide(both, union, out=np.full(both.shape, np.nan), where=labelled > 0)


def _mean(ious: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean over the classes that are there; of those, what a resample lacks is left out."""
    kept = ious[..., there]
    seen = ~np.isnan(kept)
    total = np.where(seen, kept, 0).sum(axis=-1)
    return np.divide(total, seen.sum(axis=-1), out=np.zeros(total.shape), where=seen.any(axis=-1))


def _change(figure: NDArray[np.float64], drawn: NDArray[np.float64], groups: int) -> Change:
    """Of (2,) before and after, and (R, 2) the same in each resample.

    Args:
        groups: of photos that show it; of few, an interval says that nothing is known
    """
    before, after = (0.0 if np.isnan(v) else float(v) for v in figure)
    differences = drawn[:, 1] - drawn[:, 0]
    tail = (1 - LEVEL) / 2 * 100
    low, high = np.nanpercentile(differences, [tail, 100 - tail]) if groups >= _FEWEST else (-1, 1)
    return Change(before, after, Interval(after - before, float(low), float(high)))
