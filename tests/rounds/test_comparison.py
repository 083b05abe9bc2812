"""Before and after on drawn masks, and whether the interval holds what it says."""

from __future__ import annotations

import numpy as np
import pytest

from curation.rounds.comparison import compare, counts
from tests.conftest import picture

LABELS = picture("##..", "##..").astype(np.uint8)


def test_intersection_and_union_are_counted_by_hand():
    guess = picture(".##.", ".##.").astype(np.uint8)
    assert counts(LABELS, guess, [1]).tolist() == [[2], [6], [4]]


def test_what_is_ignored_counts_nowhere():
    labels = LABELS.copy()
    labels[:, 0] = 255
    assert counts(labels, LABELS, [1, 2]).tolist() == [[2, 0], [2, 0], [2, 0]]


def photos(both, union):
    """(N, 3, 1) of one class."""
    return np.stack([both, union, union], axis=1)[:, :, None].astype(np.int64)


def test_the_figures_are_of_all_photos_together():
    before, after = photos([1, 3], [4, 4]), photos([2, 4], [4, 4])
    found = compare(before, after, ["a", "b"], ["dress"])
    assert (found.miou.before, found.miou.after) == (0.5, 0.75)
    assert found.miou.difference.value == 0.25
    assert found.iou["dress"] == found.miou


def test_a_class_that_nobody_labelled_is_left_out_also_where_it_is_seen():
    one = np.array([[[1, 0], [2, 3], [2, 0]]])
    found = compare(one, one, ["a"], ["dress", "cape"])
    assert list(found.iou) == ["dress"]
    assert found.miou.before == 0.5


def test_rare_classes_that_one_run_sees_where_none_are_do_not_move_the_interval():
    """Each class but the first is labelled in one photo, which a third of the resamples lack."""
    rare = np.arange(1, 21)
    before = np.zeros((200, 3, 21))
    before[:, :, 0] = 80, 100, 90
    before[rare, :, rare] = 50, 100, 75
    after = before.copy()
    before[rare + 20, 1, rare] = 1  # one pixel that is seen elsewhere
    found = compare(before, after, list(map(str, range(200))), list(map(str, range(21))))
    difference = found.miou.difference
    assert 0 < difference.value < 0.01
    assert 0 <= difference.low <= difference.value <= difference.high < 0.01


def test_the_same_predictions_make_no_difference():
    rng = np.random.default_rng(0)
    same = photos(rng.integers(0, 50, 40), np.full(40, 100))
    found = compare(same, same, [str(n) for n in range(40)], ["dress"])
    assert found.miou.difference == type(found.miou.difference)(0, 0, 0)
    assert found.verdict.startswith("The round made no difference that 40 photos can show")


@pytest.mark.parametrize(("gain", "verdict"), [(30, "The round helped"), (-30, "did harm")])
def test_a_clear_difference_is_said(gain, verdict):
    rng = np.random.default_rng(0)
    both = rng.integers(40, 60, 60)
    before, after = photos(both, np.full(60, 100)), photos(both + gain, np.full(60, 100))
    assert verdict in compare(before, after, list(map(str, range(60))), ["dress"]).verdict


@pytest.mark.parametrize(("names", "known"), [("abcd", False), ("abcde", True), ("aabbcc", False)])
def test_so_few_photos_that_all_become_better_by_chance_say_nothing(names, known):
    union = [100] * len(names)
    before, after = photos([50] * len(names), union), photos([60] * len(names), union)
    found = compare(before, after, list(names), ["dress"])
    assert ("The round helped" in found.verdict) == known
    assert found.miou == found.iou["dress"]
    assert found.miou.difference.value == pytest.approx(0.1)


def test_a_class_that_few_of_many_photos_show_has_no_interval():
    before = np.full((40, 3, 2), 100)
    before[4:, :, 1] = 0
    before[:, 0] //= 2
    after = before.copy()
    after[:, 0] = after[:, 0] * 6 // 5
    found = compare(before, after, list(map(str, range(40))), ["dress", "cape"])
    assert (found.iou["cape"].difference.low, found.iou["cape"].difference.high) == (-1, 1)
    assert found.iou["dress"].difference.low > 0
    assert found.miou.difference.low > 0


def test_copies_are_drawn_together_so_they_narrow_nothing():
    rng = np.random.default_rng(1)
    before, after = (photos(rng.integers(20, 80, 30), np.full(30, 100)) for _ in range(2))
    names = [str(n) for n in range(30)]
    once = compare(before, after, names, ["dress"]).miou.difference
    four = compare(
        np.tile(before, (4, 1, 1)), np.tile(after, (4, 1, 1)), names * 4, ["dress"]
    ).miou.difference
    assert (four.low, four.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_nine_of_ten_intervals_hold_the_truth():
    """100 draws of 60 photos out of many, of which the true difference is known."""
    rng = np.random.default_rng(7)
    held = 0
    union = np.full(4000, 100)
    both = rng.integers(30, 70, 4000)
    gained = np.clip(both + rng.normal(2, 12, 4000).round(), 0, 100).astype(int)
    truth = (gained.sum() - both.sum()) / union.sum()
    for _ in range(100):
        some = rng.choice(4000, 60, replace=False)
        found = compare(
            photos(both[some], union[some]), photos(gained[some], union[some]),
            list(map(str, some)), ["dress"],
        ).miou.difference  # fmt: skip
        held += found.low <= truth <= found.high
    assert 84 <= held <= 97  # of 100, two standard deviations around 90


def test_no_photo_is_no_figure():
    with pytest.raises(ValueError, match="no photo"):
        compare(np.zeros((0, 3, 1)), np.zeros((0, 3, 1)), [], ["dress"])
