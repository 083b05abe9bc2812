"""Habits: what one source of labels calls otherwise than the rest does.

A model that was taught a habit is unsure of each label of it, so that none stands out by itself.
Together they do: where the model sees one class, one source gives another one more often than the
others. Sources are runs of rows of an annotation file, as annotators work one after another, and
folders of photos. Photos are what is counted upon: the labels of one are not independent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.issues.scoring import LEAST_SURE

HABITS = "habits.csv"
"""The table of all habits, in the folder of a run."""

FEWEST = 10
"""Labels of a habit, and photos of a source: fewer are decided one by one."""
LIFT = 2
"""A habit is at least so many times as frequent in its source as elsewhere: half of its labels
and more would be called otherwise there."""
SURE = 2
"""A class is seen where it is so many times as likely as the other one."""
SHUFFLES = 99
"""A habit stands out more than anything does in each of so many random orders of the photos: of
data without one, one in a hundred shows one, for each kind of source."""
STRETCHES = 64
"""Parts of a file between which a run of rows is looked for, before its ends are placed exactly."""

_NOTHING = 0
"""Seen in a label where the model is sure of no garment."""
_PLACE = re.compile(r"(?P<file>.+?):(?P<what>.*?)(?P<number>\d+)\D*")
"""Of a source, such as ``train.csv:1042``."""


@dataclass(frozen=True)
class Habit:
    """One finding over many labels.

    Attributes:
        source: which labels, e.g. ``rows 1-4,000 of train.csv``
        given: the class that they are labelled
        seen: the class that the model sees in them
        rows: (called,) of the labels, in the table that was looked through
        called: labels in the source that are given where the other class is seen
        of: labels in the source in which it is seen, whatever they are called
        called_elsewhere, of_elsewhere: the same of all other sources
        log_likelihood_ratio: how much likelier two shares are than one, natural logarithm
    """

    source: str
    given: str
    seen: str
    rows: NDArray[np.intp]
    called: int
    of: int
    called_elsewhere: int
    of_elsewhere: int
    log_likelihood_ratio: float

    def __str__(self) -> str:
        here, elsewhere = self.called / self.of, self.called_elsewhere / self.of_elsewhere
        anyway = round(self.of * elsewhere)
        too = f", some {anyway:,} of them as elsewhere" if anyway else ""
        return (
            f"{self.source} call {here:.0%} of {self.seen} {self.given}, the rest {elsewhere:.0%}: "
            f"{self.called:,} labels{too}"
        )


def seen_classes(given: pd.DataFrame) -> NDArray[np.intp]:
    """The class that a model sees in each label: its own or the likeliest other, whichever is
    ``SURE`` times as likely as the other one; 0 where neither is.

    Args:
        given: class_id, other, p_own and p_other, see :mod:`curation.issues.instance_features`
    """
    columns = ["class_id", "other", "p_own", "p_other"]  # of no label, there are no features
    class_id, other_id, own, other = given.reindex(columns=columns).to_numpy(float).T
    seen = np.where(other > own, other_id, class_id)
    likelier, less = np.maximum(own, other), np.minimum(own, other)
    sure = (likelier >= LEAST_SURE) & (likelier >= SURE * less)
    return np.where(sure, seen, _NOTHING).astype(np.intp)


def find(labels: pd.DataFrame, names: Sequence[str], seed: int = 0) -> list[Habit]:
    """The habits of all sources, the plainest first; the same for the same labels.

    Args:
        labels: image_id, class_id, seen (a class id, 0 for none), and source, where each stands in
            its file
        names: (K,) of the classes, background first
    """
    if labels.empty:
        return []
    labels = labels.reset_index(drop=True)
    photo, image_ids = pd.factorize(labels["image_id"])
    pairs = [
        _Pair(names[a], names[b], _per(photo, labels["seen"] == b),
              _per(photo, (labels["seen"] == b) & (labels["class_id"] == a)))
        for b in range(1, len(names))
        for a in range(1, len(names))
        if a != b and ((labels["seen"] == b) & (labels["class_id"] == a)).sum() >= FEWEST
    ]  # fmt: skip
    if not pairs:
        return []
    rng = np.random.default_rng(seed)
    found = []
    for order in (_by_folder(list(image_ids)), _by_file(labels, photo)):
        for pair, photos, score in order.habits(pairs, rng):
            inside = np.isin(photo, photos)
            of = inside & (labels["seen"] == names.index(pair.seen)).to_numpy()
            called = of & (labels["class_id"] == names.index(pair.given)).to_numpy()
            n, k = int(of.sum()), int(called.sum())
            rest_n, rest_k = int(pair.of.sum()) - n, int(pair.called.sum()) - k
            found.append(
                Habit(order.called(photos), pair.given, pair.seen, np.flatnonzero(called),
                      k, n, rest_k, rest_n, score)
            )  # fmt: skip
    found.sort(key=lambda habit: -habit.log_likelihood_ratio)
    return [habit for i, habit in enumerate(found) if not any(_same(habit, x) for x in found[:i])]


def _same(one: Habit, other: Habit) -> bool:
    """Whether two sources, such as a folder and the rows of its photos, are one habit."""
    if (one.given, one.seen) != (other.given, other.seen):
        return False
    both = len(np.intersect1d(one.rows, other.rows))
    return 2 * both > len(np.union1d(one.rows, other.rows))


@dataclass(frozen=True)
class _Pair:
    """What is called how.

    Attributes:
        of: (photos,) labels in which a class is seen
        called: (photos,) those of them that are given another
    """

    given: str
    seen: str
    of: NDArray[np.intp]
    called: NDArray[np.intp]


def _per(photo: NDArray[np.intp], wanted: pd.Series) -> NDArray[np.intp]:
    return np.bincount(photo[wanted.to_numpy()], minlength=photo.max() + 1)


@dataclass(frozen=True)
class _Order:
    """Photos in an order in which those of a source follow each other.

    Attributes:
        photos: (P,) in that order
        edges: (E,) places in it where a source may begin or end, from 0 to P
        starts, ends: (C,) of the sources, among the edges
        called: what a source is called, from its photos
        exact: whether a source begins and ends at edges alone
    """

    photos: NDArray[np.intp]
    edges: NDArray[np.intp]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    called: Callable[[NDArray[np.intp]], str]
    exact: bool

    def habits(
        self, pairs: Sequence[_Pair], rng: np.random.Generator
    ) -> list[tuple[_Pair, NDArray[np.intp], float]]:
        """Pairs, the photos of the source, and the log likelihood ratio."""
        if not self.starts.size:
            return []
        all_of = np.stack([pair.of for pair in pairs], axis=1)
        all_called = np.stack([pair.called for pair in pairs], axis=1)
        by_chance = 0.0
        for _ in range(SHUFFLES):
            shuffled = rng.permutation(self.photos)
            by_chance = max(by_chance, self._scores(all_of[shuffled], all_called[shuffled]).max())
        found = []
        for pair in pairs:
            of, called = pair.of[self.photos].copy(), pair.called[self.photos].copy()
            while True:
                scores = self._scores(of[:, None], called[:, None])[:, 0]
                best = int(scores.argmax())
                if scores[best] <= by_chance:
                    break
                start, end = self._placed(of, called, best)
                found.append((pair, self.photos[start:end], float(scores[best])))
                of[start:end] = called[start:end] = 0
        return found

    def _scores(self, of: NDArray[np.intp], called: NDArray[np.intp]) -> NDArray[np.float64]:
        """(C, pairs) from (P, pairs), in the order."""
        n, k = (_sums(counts, self.edges) for counts in (of, called))
        return _log_likelihood_ratio(
            n[self.ends] - n[self.starts], k[self.ends] - k[self.starts], n[-1], k[-1]
        )

    def _placed(
        self, of: NDArray[np.intp], called: NDArray[np.intp], source: int
    ) -> tuple[int, int]:
        """Where a source begins and ends among the photos: near its edges, as is likeliest."""
        first, last = self.starts[source], self.ends[source]
        start, end = int(self.edges[first]), int(self.edges[last])
        if self.exact:
            return start, end
        within = np.flatnonzero(self.ends == last)
        low = self.edges[max(first - 1, self.starts[within].min())]
        high = self.edges[min(last + 1, self.ends[self.starts == first].max())]
        everywhere = np.arange(len(of) + 1)
        n, k = (_sums(counts, everywhere) for counts in (of, called))
        for _ in range(2):
            begin = np.arange(low, min(self.edges[first + 1], end - 1) + 1)
            start = int(begin[_log_likelihood_ratio(
                n[end] - n[begin], k[end] - k[begin], n[-1], k[-1]).argmax()])  # fmt: skip
            stop = np.arange(max(self.edges[last - 1], start + 1), high + 1)
            end = int(stop[_log_likelihood_ratio(
                n[stop] - n[start], k[stop] - k[start], n[-1], k[-1]).argmax()])  # fmt: skip
        inside = start + np.flatnonzero(called[start:end])
        return int(inside[0]), int(inside[-1]) + 1


def _sums(counts: NDArray[np.intp], edges: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of all before each edge."""
    until = np.zeros((len(edges), *counts.shape[1:]), np.intp)
    np.cumsum(np.add.reduceat(counts, edges[:-1], axis=0), axis=0, out=until[1:])
    return until


def _log_likelihood_ratio(
    n: NDArray[np.intp], k: NDArray[np.intp], all_n: NDArray[np.intp], all_k: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How much likelier k of n and the rest of it are with a share each than with one for both;
    0 where k is not a habit's."""
    n, k, all_n, all_k = np.broadcast_arrays(n, k, all_n, all_k)
    rest_n, rest_k = all_n - n, all_k - k
    habit = (k >= FEWEST) & (rest_n > 0) & (k * rest_n >= LIFT * rest_k * n)
    ratio = np.zeros(n.shape)
    ratio[habit] = _log_likelihood(k[habit], n[habit])
    ratio[habit] += _log_likelihood(rest_k[habit], rest_n[habit])
    ratio[habit] -= _log_likelihood(all_k[habit], all_n[habit])
    return ratio


def _log_likelihood(k: NDArray[np.intp], n: NDArray[np.intp]) -> NDArray[np.float64]:
    """Of k of n, at their own share."""
    return k * np.log(np.maximum(k, 1) / n) + (n - k) * np.log(np.maximum(n - k, 1) / n)


def _by_folder(image_ids: Sequence[str]) -> _Order:
    """Each folder of enough photos is a source."""
    folder, folders = pd.factorize(pd.Series(image_ids).str.rpartition("/")[0], sort=True)
    photos = np.argsort(folder, kind="stable")
    edges = np.searchsorted(folder[photos], np.arange(len(folders) + 1))
    large = np.flatnonzero(np.diff(edges) >= FEWEST)

    def called(of: NDArray[np.intp]) -> str:
        name = folders[folder[of[0]]]
        return f"photos in {name}/" if name else "photos in no folder"

    return _Order(photos, edges, large, large + 1, called, exact=True)


def _by_file(labels: pd.DataFrame, photo: NDArray[np.intp]) -> _Order:
    """Each run of rows of a file of enough photos is a source."""
    places = labels["source"].str.extract(f"^{_PLACE.pattern}$").fillna({"file": "", "number": "0"})
    places["number"] = places["number"].astype(float)
    first = places.groupby(photo)[["file", "number"]].agg({"file": "first", "number": "min"})
    of_file = first.groupby("file")["file"].transform("size")
    large = (of_file >= FEWEST) & (first["file"] != "")
    first = first.assign(small=~large).sort_values(["small", "file", "number"], kind="stable")
    sizes = first[~first["small"]].groupby("file", sort=True).size()
    edges, starts, ends = [0], [], []
    for size in sizes:
        parts = min(size, max(1, round(STRETCHES * size / len(first))))
        begin, end = np.triu_indices(parts + 1, 1)
        starts += (begin + len(edges) - 1).tolist()
        ends += (end + len(edges) - 1).tolist()
        edges += (edges[-1] + np.linspace(0, size, parts + 1).round()[1:].astype(int)).tolist()
    if edges[-1] < len(first):
        edges.append(len(first))

    def called(of: NDArray[np.intp]) -> str:
        inside = places[np.isin(photo, of) & (places["file"] == first.loc[of[0], "file"])]
        low, high = (inside.loc[i] for i in (inside["number"].idxmin(), inside["number"].idxmax()))
        if low["what"] or high["what"]:
            between = (f"{x['what']}{x['number']:.0f}" for x in (low, high))
            return f"labels from {' to '.join(between)} of {low['file']}"
        what = "rows" if low["file"].endswith(".csv") else "labels"
        return f"{what} {low['number']:,.0f}-{high['number']:,.0f} of {low['file']}"

    begin, end = np.array(starts, np.intp), np.array(ends, np.intp)
    return _Order(first.index.to_numpy(), np.array(edges), begin, end, called, exact=False)
