"""How many labels are wrong, how many of them were found, and what the next ones of the queue hold.

A sample of labels is drawn at random and decided on by people. What it says of the others is said
by a model of how far scores can be trusted: a label with error score s, in stratum h of the sample
and of class c, is wrong with probability p,

    logit p = a + b * logit s + u_h + v_c

a and b recalibrate the scores (Platt 1999); u and v let each stratum and class differ from them.
All four have normal priors around "the scores are right" (a = 0, b = 1, u = v = 0), wide enough
for scores that are off tenfold in their odds. That is multilevel regression and poststratification
(Gelman & Little 1997): what is known of decided labels is counted, and the others are predicted,
by stratum, class and score. As strata and scores are in the model, it does not matter that some
strata are sampled more densely than others. Draws from the posterior come by elliptical slice
sampling (Murray, Adams & MacKay 2010), which has nothing to tune and does not collapse where a
stratum has no error. The 90 % interval is the one that holds 93 % of the draws: scores need not be
off as the model supposes, and the truth should be in 90 of 100 nevertheless
(``tests/benchmarks/estimate_coverage.py``).

Only the sample teaches the model: which other labels were decided on is no chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE = 60
"""Labels in a sample, unless another number is asked for."""

NEXT = 50
"""Labels of the queue whose yield is told."""

STRATA = 6

UNDECIDED, RIGHT, WRONG = -1, 0, 1
"""What people said of a label."""

LEVEL = 0.9
"""Of an interval: how often it holds the truth."""

_DRAWS_HELD = 0.93

_SHIFT_SD, _SLOPE_SD, _STRATUM_SD, _CLASS_SD = 1.5, 0.7, 1.0, 0.9
"""Of a, of b, of each u and of each v."""

_LEAST = 0.0005
"""No score is nearer to 0 or 1 than this: none is that sure."""

_CHAINS, _STEPS, _KEPT, _NEWTON = 128, 20, 14, 8


@dataclass(frozen=True)
class Labels:
    """The labels that an estimate is about.

    Attributes:
        score: (N,) the probability that each is wrong, 0 to 1, as flagging gave it
        category: (N,) its class, as an index
        said: (N,) UNDECIDED, RIGHT or WRONG
        sampled: (N,) whether it was drawn at random
        stratum: (N,) the stratum that it was drawn from, or could have been: see :func:`strata`
    """

    score: NDArray[np.float64]
    category: NDArray[np.int64]
    said: NDArray[np.int8]
    sampled: NDArray[np.bool_]
    stratum: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and where it lies with a probability of LEVEL."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: NDArray[np.float64]) -> Interval:
        """Median and quantiles of (D,) draws."""
        tail = (1 - _DRAWS_HELD) / 2
        low, value, high = np.quantile(draws, [tail, 0.5, 1 - tail]).tolist()
        return cls(value, low, high)


@dataclass(frozen=True)
class Estimate:
    """What a sample says of all labels.

    Attributes:
        labels: how many they are
        rate: the share of them that is, or was, wrong
        wrong: how many that are, those that were found included
        found: how many of them somebody decided on
        share_found: found, of all wrong ones
        by_class: the rate of each class, by its index
        next_wrong: how many of the first labels of the queue are wrong; None for an empty queue
        recalibrated: (N,) the probability that each label is wrong, by the sample
    """

    labels: int
    rate: Interval
    wrong: Interval
    found: int
    share_found: Interval
    by_class: Mapping[int, Interval]
    next_wrong: Interval | None
    recalibrated: NDArray[np.float64]


def strata(score: NDArray[np.float64], count: int = STRATA) -> NDArray[np.int64]:
    """The stratum of each of (N,) labels: of rising scores, equally worth a look.

    A label is worth sqrt(s (1 - s)) (Neyman 1934), so strata of doubtful labels are smaller; but
    none less than a score of 0.01 is, since scores may be wrong.
    """
    order = np.argsort(score, kind="stable")
    doubt = np.clip(score[order], 0.01, 0.99)
    worth = np.cumsum(np.sqrt(doubt * (1 - doubt)))
    found = np.empty(len(score), np.int64)
    found[order] = np.minimum(count * (worth - worth[:1] / 2) / worth[-1:], count - 1)
    return found


def draw(stratum: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of a random sample of as many from each stratum; a larger one begins with it.

    Args:
        size: of the sample; all labels where they are fewer
    """
    # By turns: the first of each stratum, the second of each, until there are enough.
    tickets = rng.random(len(stratum))
    order = np.lexsort((tickets, stratum))
    firsts = np.searchsorted(stratum[order], stratum[order])
    turn = np.arange(len(order)) - firsts
    return order[np.lexsort((rng.random(len(order)), turn))][:size]


def estimate(labels: Labels, queue: Sequence[int] = (), seed: int = 0) -> Estimate:
    """What the decided part of a sample says of all labels.

    With nothing decided it says what the scores say, and how far they can be trusted unseen.

    Args:
        queue: the labels that come next, by index; those that are decided are none of them
        seed: of the draws
    """
    rng = np.random.default_rng(seed)
    ahead = np.isin(np.arange(len(labels.said)), queue)
    first, cell = _cells(labels, ahead)
    taught = labels.sampled & (labels.said != UNDECIDED)
    p = _posterior(labels, np.flatnonzero(taught), first, rng)
    undecided, wrong = labels.said == UNDECIDED, labels.said == WRONG
    left = np.bincount(cell[undecided], minlength=len(first))
    known = np.bincount(cell[wrong], minlength=len(first))
    counts = known + rng.binomial(left, p)  # (D, cells)
    sizes = np.bincount(cell, minlength=len(first))
    total, found = counts.sum(axis=1), int(wrong.sum())
    category = labels.category[first]
    return Estimate(
        labels=len(labels.said),
        rate=Interval.of(total / max(len(labels.said), 1)),
        wrong=Interval.of(total),
        found=found,
        share_found=Interval.of(np.where(total > 0, found / np.maximum(total, 1), 1.0)),
        by_class={
            int(c): Interval.of(counts[:, category == c].sum(axis=1) / sizes[category == c].sum())
            for c in np.unique(category)
        },
        next_wrong=Interval.of(counts[:, ahead[first]].sum(axis=1)) if ahead.any() else None,
        recalibrated=np.where(undecided, p.mean(axis=0)[cell], wrong),
    )


def _cells(labels: Labels, ahead: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One label of each group of those that are alike, and the group of each label."""
    bands = np.round(2 * _logit(labels.score)).astype(np.int64)
    keys = np.stack([labels.stratum, labels.category, bands, ahead], axis=1)
    _, first, cell = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, cell.ravel()


def _posterior(
    labels: Labels, taught: NDArray[np.int64], asked: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """(D, A) draws of the probability that each of some labels is wrong.

    Args:
        taught: (T,) the labels that the model learns from, by index
        asked: (A,) those that it is asked about
    """
    classes = int(labels.category.max(initial=0)) + 1
    sd = np.repeat([_SHIFT_SD, _SLOPE_SD, _STRATUM_SD, _CLASS_SD], [1, 1, STRATA, classes])

    def design(which: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = _logit(labels.score[which])
        columns = [
            np.ones((len(which), 1)),
            x[:, None],
            np.eye(STRATA)[labels.stratum[which]],
            np.eye(classes)[labels.category[which]],
        ]
        return x, np.concatenate(columns, axis=1)

    x, columns = design(taught)
    wrong = labels.said[taught] == WRONG
    x_asked, columns_asked = design(asked)
    draws = _elliptical_slice(x, columns, wrong, sd, rng)
    return _sigmoid(x_asked + draws @ columns_asked.T)


def _elliptical_slice(
    x: NDArray[np.float64],
    columns: NDArray[np.float64],
    wrong: NDArray[np.bool_],
    sd: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(D, E) draws of effects, normal around 0 before anything is known, given what is.

    Args:
        x: (T,) the log odds without any effect
        columns: (T, E) what each effect adds to them
        wrong: (T,) what came of it
        sd: (E,) of each effect before
    """
    sign = np.where(wrong, 1.0, -1.0)

    def log_likelihood(effects: NDArray[np.float64]) -> NDArray[np.float64]:
        return -np.logaddexp(0, -sign * (x + effects @ columns.T)).sum(axis=1)

    now, kept = _laplace(x, columns, wrong, sd, rng), []
    for step in range(_STEPS):
        other = sd * rng.standard_normal(now.shape)
        level = log_likelihood(now) + np.log(rng.random(_CHAINS))
        angle = rng.uniform(0, 2 * np.pi, _CHAINS)
        low, high = angle - 2 * np.pi, angle.copy()
        start, left = now, np.arange(_CHAINS)
        now = now.copy()
        while len(left):
            a = angle[left, None]
            now[left] = start[left] * np.cos(a) + other[left] * np.sin(a)
            left = left[log_likelihood(now[left]) < level[left]]
            back = angle[left] < 0
            low[left] = np.where(back, angle[left], low[left])
            high[left] = np.where(back, high[left], angle[left])
            angle[left] = rng.uniform(low[left], high[left])
        if step >= _STEPS - _KEPT and step % 2:
            kept.append(now)
    return np.concatenate(kept)


def _laplace(
    x: NDArray[np.float64],
    columns: NDArray[np.float64],
    wrong: NDArray[np.bool_],
    sd: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(C, E) effects near where they probably are, so that the chains need not come from afar."""
    mode: NDArray[np.float64] = np.zeros(len(sd))
    for _ in range(_NEWTON):
        p = _sigmoid(x + columns @ mode)
        spread = np.linalg.inv((columns.T * (p * (1 - p))) @ columns + np.diag(sd**-2.0))
        mode += spread @ (columns.T @ (wrong - p) - mode / sd**2)
    return rng.multivariate_normal(mode, spread, _CHAINS)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0, -x))


def _logit(score: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(score, _LEAST, 1 - _LEAST)
    return np.log(kept / (1 - kept))
