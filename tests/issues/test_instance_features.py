"""Features of instances and of candidates, by hand on a drawn photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curation.issues import instance_features, missing_instances
from curation.issues.geometry import InstanceMask, moved
from tests.issues.scene import (
    LABELS,
    SHIRT,
    SHOES,
    SIDE,
    THRESHOLDS,
    TROUSERS,
    block,
    observed,
    predicted,
)

NOWHERE = np.zeros((SIDE, SIDE), bool)


def of(labels, index, truth=LABELS) -> dict[str, float]:
    values = instance_features.features(observed("a", truth=truth), THRESHOLDS, labels, index)
    assert values is not None
    assert all(np.isfinite(value) for value in values.values())
    return values


def candidates(labels, ignored=()):
    return missing_instances.candidates(observed("a", ignored=ignored), THRESHOLDS, labels)


def test_a_correct_label_agrees_with_the_model():
    values = of(LABELS, 0)
    assert values["p_own"] == pytest.approx(0.91, rel=1e-3)
    assert (values["share_own"], values["share_background"]) == (1, 0)
    assert values["iou_piece"] == values["explains"] == 1
    assert values["fit_gain"] == pytest.approx(0, abs=1e-5)
    assert values["goes_on_unlabelled"] == values["piece"] == values["goes_on"] == 0


def test_a_wrong_category_is_seen_as_what_it_is():
    wrong = [replace(SHIRT, class_id=3), TROUSERS, SHOES]
    values = of(wrong, 0)
    assert values["p_own"] == pytest.approx(0.03, rel=1e-3)
    assert (values["other"], values["share_other"], values["sure_other"]) == (1, 1, 1)
    assert values["margin_other"] == pytest.approx(np.log(0.03 / 0.91), rel=1e-3)


def test_a_label_on_nothing_is_seen_as_background():
    values = of([*LABELS, InstanceMask(1, block(4, 48, 12, 12))], 3)
    assert (values["share_background"], values["iou_piece"]) == (1, 0)
    assert values["margin_background"] < values["margin_other"] == 0


def test_a_shifted_mask_is_found_where_it_belongs():
    labels = [replace(SHIRT, mask=moved(SHIRT.mask, 8, 0)), TROUSERS, SHOES]
    values = of(labels, 0)
    root = np.sqrt(20 * 24)
    assert values["fit_distance"] == pytest.approx(8 / root, abs=1.5 / root)
    assert values["fit_gain"] > 0.5
    assert values["goes_on_unlabelled"] == pytest.approx(8 / 24)


def test_a_label_does_not_belong_where_another_one_of_its_class_is():
    """Of two shoes, of which the model sees one less surely, each has its own label."""
    left, right = block(50, 12, 8, 8), block(50, 20, 8, 8)
    p = predicted([])
    p[:, left] = np.array([0.50, 0.05, 0.05, 0.40])[:, None]
    p[:, right] = np.array([0.03, 0.03, 0.03, 0.91])[:, None]
    seen = replace(observed("a"), p=p.astype(np.float16))
    labels = [InstanceMask(3, left), InstanceMask(3, right)]
    alone = instance_features.features(seen, THRESHOLDS, labels[:1], 0)
    assert alone["fit_gain"] > 1
    both = instance_features.features(seen, THRESHOLDS, labels, 0)
    assert both["fit_gain"] == pytest.approx(0, abs=1e-5)


def test_too_narrow_and_too_wide_show_along_the_outline():
    narrow = of([replace(SHIRT, mask=block(12, 20, 12, 16)), TROUSERS, SHOES], 0)
    wide = of([replace(SHIRT, mask=block(4, 12, 24, 32)), TROUSERS, SHOES], 0)
    right = of(LABELS, 0)
    assert narrow["outside_0_own"] > right["outside_0_own"]
    assert wide["inside_0_own"] < right["inside_0_own"]
    assert narrow["goes_on"] == pytest.approx((20 * 24 - 12 * 16) / (12 * 16))


def test_a_merge_has_a_piece_of_another_class_that_nobody_labelled():
    both = replace(SHIRT, mask=SHIRT.mask | TROUSERS.mask)
    values = of([both, SHOES], 0)
    share = 22 * 20 / (20 * 24 + 22 * 20)
    assert (values["piece_class"], values["piece_unlabelled"]) == (2, 1)
    assert values["piece"] == pytest.approx(share, abs=0.01)  # its corners are rounded
    assert values["piece_p"] == pytest.approx(0.91, rel=1e-3)
    assert of([both, TROUSERS, SHOES], 0)["piece_unlabelled"] == 0


def test_two_labels_of_one_thing_lie_on_each_other():
    values = of([SHIRT, SHIRT, TROUSERS, SHOES], 0)
    assert (values["iou_same_class"], values["covered"]) == (1, 1)
    assert of([SHIRT, replace(SHIRT, class_id=2)], 0)["under_another_class"] == 1


def test_the_names_are_the_same_for_all_and_crumbs_have_none():
    names = {tuple(of(LABELS, i)) for i in range(3)}
    assert len(names) == 1
    crumb = [InstanceMask(1, block(0, 0, 1, 3))]
    assert instance_features.features(observed("a"), THRESHOLDS, crumb, 0) is None


def test_what_is_not_labelled_is_a_candidate_and_what_is_is_none():
    assert candidates(LABELS) == []
    (found,) = candidates([SHIRT, SHOES])
    assert found.class_id == TROUSERS.class_id
    assert missing_instances.matches(found.mask, TROUSERS.mask)
    assert found.features["p"] == pytest.approx(0.91, rel=1e-3)
    assert found.features["unlabelled"] == 1
    assert found.features["share_of_seen"] == pytest.approx(1, abs=0.02)
    assert all(np.isfinite(value) for value in found.features.values())


def test_a_candidate_under_another_label_is_told_by_how_much_of_it_is_labelled():
    wrong = replace(TROUSERS, class_id=1)
    (found,) = candidates([SHIRT, wrong, SHOES])
    assert found.features["unlabelled"] == 0


def test_nothing_is_missing_where_the_labels_say_nothing():
    assert candidates([SHIRT, SHOES], ignored=[TROUSERS.mask]) == []


def test_a_region_matches_by_overlap_or_by_lying_on_a_part():
    truth = block(0, 0, 20, 20)
    assert missing_instances.matches(block(0, 0, 20, 8), truth)
    assert not missing_instances.matches(block(0, 0, 20, 5), truth)
    assert not missing_instances.matches(block(40, 40, 10, 10), truth)
    assert not missing_instances.matches(NOWHERE, NOWHERE)
