"""What a sample says of all labels: that the interval holds the truth, and what is plain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curation.review.estimate import (
    RIGHT,
    STRATA,
    UNDECIDED,
    WRONG,
    Interval,
    Labels,
    draw,
    estimate,
    strata,
)
from tests.benchmarks import estimate_coverage as simulated

SETTINGS = [(rate, scores) for rate in simulated.RATES for scores in simulated.SCORES]
FEW = [(0.01, "too high"), (0.05, "weak"), (0.15, "sharp")]


@pytest.mark.parametrize(
    ("rate", "scores"),
    [
        pytest.param(*each, marks=pytest.mark.slow if each in FEW else pytest.mark.long)
        for each in SETTINGS
    ],
)
def test_the_interval_holds_the_truth_in_90_of_100_simulated_reviews(rate, scores):
    row = simulated.measure(rate, scores, reviews=100, seed=1000)
    assert row.rate_held >= 90
    assert row.found_held >= 90
    assert row.width < row.plain_width, "scores are worth something"


def labels(count: int = 400, said: int = UNDECIDED, sampled: int = 0) -> Labels:
    """Of one class, all at a score of 0.05; the first few were drawn."""
    told = np.full(count, UNDECIDED, np.int8)
    told[:sampled] = said
    nothing = np.zeros(count, np.int64)
    return Labels(np.full(count, 0.05), nothing, told, np.arange(count) < sampled, nothing)


def test_a_sample_without_an_error_does_not_say_that_there_is_none():
    found = estimate(labels(said=RIGHT, sampled=30))
    assert found.wrong.low <= 5
    assert 3 < found.wrong.high < 50
    assert found.found == 0


def test_nothing_decided_says_what_the_scores_say_and_little_is_known():
    before, after = estimate(labels()), estimate(labels(said=RIGHT, sampled=60))
    assert before.rate.low < 0.05 < before.rate.high
    assert after.rate.high - after.rate.low < (before.rate.high - before.rate.low) / 3


def test_what_all_are_known_of_is_no_estimate():
    every = labels(20)
    said = np.array([WRONG] * 5 + [RIGHT] * 15, np.int8)
    found = estimate(replace(every, said=said))
    assert found.wrong == Interval(5, 5, 5)
    assert found.rate == found.by_class[0] == Interval(0.25, 0.25, 0.25)
    assert found.share_found == Interval(1, 1, 1)
    assert found.next_wrong is None
    assert found.recalibrated.tolist() == [1] * 5 + [0] * 15


def test_what_was_decided_outside_the_sample_is_counted_and_teaches_nothing():
    alone = estimate(labels(said=RIGHT, sampled=30))
    known = labels(said=RIGHT, sampled=30)
    known.said[30:50] = WRONG
    with_known = estimate(known)
    assert with_known.found == 20
    assert with_known.wrong.low >= 20
    assert with_known.recalibrated[60] == pytest.approx(alone.recalibrated[60], abs=0.01)


def test_scores_that_promised_too_much_are_recalibrated():
    promised = replace(labels(said=RIGHT, sampled=40), score=np.full(400, 0.6))
    found = estimate(promised, queue=range(40, 90))
    assert found.recalibrated[50] < 0.2
    assert found.next_wrong
    assert found.next_wrong.high < 15


def test_the_same_seed_says_the_same():
    known = labels(said=WRONG, sampled=10)
    assert estimate(known, seed=3).wrong == estimate(known, seed=3).wrong
    assert estimate(known, seed=3).wrong != estimate(known, seed=4).wrong


def test_no_labels_are_no_error():
    found = estimate(labels(0))
    assert (found.labels, found.wrong.value, found.by_class) == (0, 0, {})


def test_strata_rise_with_the_score_and_doubtful_ones_are_smaller():
    score = np.linspace(0, 1, 1000) ** 3
    stratum = strata(np.random.default_rng(0).permutation(score))
    sizes = np.bincount(stratum, minlength=STRATA)
    assert (sizes > 0).all()
    in_order = strata(score)
    assert (np.diff(in_order) >= 0).all()
    assert np.bincount(in_order)[0] > 2 * np.bincount(in_order)[2]


def test_a_sample_has_as_many_of_each_stratum_and_all_where_there_are_too_few():
    stratum = np.repeat([0, 1, 2], [100, 50, 3])
    chosen = draw(stratum, 21, np.random.default_rng(1))
    assert len(set(chosen)) == 21
    assert np.bincount(stratum[chosen]).tolist() == [9, 9, 3]
    assert sorted(draw(stratum, 500, np.random.default_rng(1))) == list(range(153))


def test_each_label_of_a_stratum_is_as_likely_to_be_drawn():
    stratum = np.repeat([0, 1], [8, 4])
    times = np.zeros(12)
    for seed in range(600):
        times[draw(stratum, 4, np.random.default_rng(seed))] += 1
    assert times[:8] == pytest.approx(150, abs=45)
    assert times[8:] == pytest.approx(300, abs=60)
