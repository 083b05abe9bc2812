"""How often the interval of ``curate estimate`` holds the truth, and how wide it is.

    python -m tests.benchmarks.estimate_coverage [--reviews 100] [--seed 1000] [--json FILE]

Reviews are simulated: labels of which a known share is wrong, scores that tell them well, badly,
or with the wrong probabilities, the first 50 of the queue decided, and a sample of 60. Beside it
stands what 60 labels drawn from all alike would say: Clopper and Pearson's interval. A second table
holds the scores against what the estimate makes of them, on the labels that nobody decided on: log
loss, average precision, and how many of the 50 with the highest are wrong.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.metrics import average_precision_score

from curation.core import console
from curation.review.estimate import (
    LEVEL,
    NEXT,
    SAMPLE,
    UNDECIDED,
    Estimate,
    Interval,
    Labels,
    draw,
    estimate,
    strata,
)

RATES = (0.01, 0.05, 0.15)
COUNT = 3000
CLASS_SHARES = (0.4, 0.3, 0.15, 0.1, 0.05)
CLASS_ODDS = (0.7, 1.0, 1.0, 1.5, 2.5)
"""Errors are not alike in all classes."""

Pair = tuple[float, float]
"""Of scores, and of recalibrated ones."""

Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Scores:
    """How scores tell wrong labels from right ones.

    Attributes:
        apart: how many standard deviations
        off: what is done to the log odds of the true probability
    """

    apart: float
    off: Score


SCORES = {
    "sharp": Scores(3.5, lambda x: x),
    "weak": Scores(1.0, lambda x: x),
    "too sure": Scores(2.0, lambda x: 1.6 * x + 1),
    "too high": Scores(2.0, lambda x: x + 2),
}


@dataclass(frozen=True)
class Row:
    """A setting, how many of the reviews had the truth in the interval, and means over them: of
    widths, and of scores and recalibrated ones log loss, average precision, wrong ones of 50."""

    rate: float
    scores: str
    reviews: int
    rate_held: float
    found_held: float
    next_held: float
    class_held: float
    width: float
    plain_width: float
    losses: Pair
    precisions: Pair
    in_next: Pair


def review(rate: float, scores: Scores, seed: int) -> tuple[Labels, NDArray[np.bool_], list[int]]:
    """A simulated review: what is known, what is true, and the next of the queue."""
    rng = np.random.default_rng(seed)
    category = rng.choice(len(CLASS_SHARES), COUNT, p=CLASS_SHARES)
    odds = np.array(CLASS_ODDS)[category]
    wrong = rng.random(COUNT) < rate * odds / odds.mean()
    seen = rng.normal(scores.apart * wrong, 1)
    true = np.log(rate / (1 - rate)) + scores.apart * (seen - scores.apart / 2)
    score = 1 / (1 + np.exp(-scores.off(true)))
    stratum = strata(score)
    sampled = np.zeros(COUNT, bool)
    sampled[draw(stratum, SAMPLE, rng)] = True
    order = np.argsort(-score)
    said = np.full(COUNT, UNDECIDED, np.int8)
    decided = sampled | np.isin(np.arange(COUNT), order[:NEXT])
    said[decided] = wrong[decided]
    ahead = order[said[order] == UNDECIDED][:NEXT]
    return Labels(score, category, said, sampled, stratum), wrong, ahead.tolist()


def plain(rng: np.random.Generator, wrong: NDArray[np.bool_]) -> Interval:
    """Clopper and Pearson's interval from a sample of all labels alike."""
    found, tail = int(rng.choice(wrong, SAMPLE, replace=False).sum()), (1 - LEVEL) / 2
    low = beta.ppf(tail, found, SAMPLE - found + 1) if found else 0.0
    high = beta.ppf(1 - tail, found + 1, SAMPLE - found) if found < SAMPLE else 1.0
    return Interval(found / SAMPLE, float(low), float(high))


def holds(interval: Interval | None, truth: float) -> bool:
    return interval is not None and bool(interval.low - 1e-9 <= truth <= interval.high + 1e-9)


def held(
    found: Estimate, labels: Labels, wrong: NDArray[np.bool_], ahead: list[int]
) -> dict[str, float]:
    """Which intervals hold the truth; of the classes, the share of them."""
    share = found.found / wrong.sum() if wrong.any() else 1.0
    by_class = [holds(i, wrong[labels.category == c].mean()) for c, i in found.by_class.items()]
    return {
        "rate_held": holds(found.rate, wrong.mean()),
        "found_held": holds(found.share_found, share),
        "next_held": holds(found.next_wrong, float(wrong[ahead].sum())),
        "class_held": float(np.mean(by_class)),
    }


def measure(rate: float, name: str, reviews: int, seed: int) -> Row:
    told, widths, plains, worth = [], [], [], []
    for number in range(seed, seed + reviews):
        labels, wrong, ahead = review(rate, SCORES[name], number)
        found = estimate(labels, ahead, number)
        told.append(held(found, labels, wrong, ahead))
        widths.append(found.rate.high - found.rate.low)
        by_chance = plain(np.random.default_rng(number), wrong)
        plains.append(by_chance.high - by_chance.low)
        left = labels.said == UNDECIDED
        both = labels.score[left], found.recalibrated[left]
        if wrong[left].any():  # else no order is better than another
            worth.append([of_scores(p, wrong[left]) for p in both])
    sums = {key: sum(one[key] for one in told) for key in told[0]}
    width, plain_width = float(np.mean(widths)), float(np.mean(plains))
    pairs = [(float(a), float(b)) for a, b in np.mean(worth, axis=0).T]
    return Row(rate, name, reviews, **sums, width=width, plain_width=plain_width,
               losses=pairs[0], precisions=pairs[1], in_next=pairs[2])  # fmt: skip


def of_scores(p: NDArray[np.float64], wrong: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Log loss, average precision, and how many of the 50 with the highest are wrong."""
    kept = np.clip(p, 0.0005, 0.9995)
    loss = -np.log(np.where(wrong, kept, 1 - kept)).mean()
    first = np.argsort(-p, kind="stable")[:NEXT]
    return float(loss), float(average_precision_score(wrong, p)), float(wrong[first].sum())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--reviews", type=int, default=100, help="of each setting")
    parser.add_argument("--seed", type=int, default=1000, help="of the first")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    began = time.perf_counter()
    rows = [measure(rate, name, args.reviews, args.seed) for rate in RATES for name in SCORES]
    header = ("wrong", "scores", "rate", "found", "next 50", "by class", "width", "plain width")
    shown = [
        (f"{r.rate:.0%}", r.scores, r.rate_held, r.found_held, r.next_held,
         f"{r.class_held:.0f}", f"{100 * r.width:.1f}", f"{100 * r.plain_width:.1f}")
        for r in rows
    ]  # fmt: skip
    title = f"{args.reviews} reviews a setting; {time.perf_counter() - began:.0f} s"
    console.out.print(console.table(header, shown, title))
    header = ("wrong", "scores", "log loss", "recalibrated", "average precision", "recalibrated",
              "of the next 50", "recalibrated")  # fmt: skip
    worth = [
        (f"{r.rate:.0%}", r.scores, *(f"{x:.3f}" for x in (*r.losses, *r.precisions)),
         *(f"{x:.1f}" for x in r.in_next))
        for r in rows
    ]  # fmt: skip
    console.out.print(console.table(header, worth))
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
