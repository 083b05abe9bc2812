"""Each corruption does what its name says, to labels as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from curation.issues import corruptions
from curation.issues.corruptions import (
    CORRUPTIONS,
    MODERATE,
    SEVERE,
    WIDE,
    Corruption,
    ImageLabels,
)
from curation.issues.geometry import InstanceMask, depth, distance, moved
from tests.issues.scene import LABELS, SHIRT, SHOES, SIDE, TROUSERS, block

CLASSES = (1, 2, 3)


def image(seed: int = 0, labels=LABELS, severity=MODERATE) -> ImageLabels:
    donor = InstanceMask(3, block(20, 20, 16, 16))
    return ImageLabels(labels, CLASSES, lambda: donor, np.random.default_rng(seed), severity)


def corrupted(corrupt, seed, **rest) -> tuple[Corruption, list[InstanceMask], int | None]:
    corruption = corrupt(image(seed, **rest))
    assert corruption is not None
    return corruption, *corruption.applied(LABELS)


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=list(CORRUPTIONS))
@pytest.mark.parametrize("severity", [MODERATE, SEVERE, WIDE], ids=["moderate", "severe", "wide"])
def test_an_error_changes_as_much_as_one_can_see_and_repeats(corrupt, severity):
    for seed in range(20):
        corruption, labels, wrong = corrupted(corrupt, seed, severity=severity)
        assert len(labels) == 3 + (corruption.index is None) - (corruption.now is None) - (
            corruption.absorbed is not None
        )
        if wrong is not None:
            assert labels[wrong] == corruption.now
            assert labels[wrong].mask.any()
        again = corrupt(image(seed, severity=severity))
        assert repr(again) == repr(corruption)


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=list(CORRUPTIONS))
def test_labels_as_given_are_not_touched(corrupt):
    before = [label.mask.copy() for label in LABELS]
    for seed in range(5):
        corrupt(image(seed))
    assert all((a == b.mask).all() for a, b in zip(before, LABELS, strict=True))


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=list(CORRUPTIONS))
def test_an_image_without_labels_has_no_room_for_most_errors(corrupt):
    corruption = corrupt(image(labels=[]))
    assert (corruption is not None) == (corrupt is corruptions.add_spurious)


def test_a_merge_absorbs_the_smaller_of_two_that_touch():
    corruption, labels, wrong = corrupted(corruptions.merge, 0)
    assert wrong is not None
    assert labels[wrong].class_id == SHIRT.class_id
    assert (labels[wrong].mask == SHIRT.mask | TROUSERS.mask).all()
    assert not any(label.class_id == TROUSERS.class_id for label in labels)
    assert corruption.absorbed == 1


def test_what_is_absorbed_before_it_moves_the_wrong_label_up():
    corruption = Corruption(1, TROUSERS, absorbed=0)
    labels, wrong = corruption.applied(LABELS)
    assert (len(labels), wrong) == (2, 0)
    assert labels == [TROUSERS, SHOES]


def test_a_duplicate_is_nearly_the_same_mask():
    for seed in range(10):
        corruption, _, _ = corrupted(corruptions.duplicate, seed)
        assert corruption.index is None
        assert corruption.now is not None
        best = max(np.sum(corruption.now.mask & x.mask) / np.sum(corruption.now.mask | x.mask)
                   for x in LABELS if x.class_id == corruption.now.class_id)  # fmt: skip
        assert best > 0.6


def test_a_leak_only_adds():
    for seed in range(10):
        corruption, _, _ = corrupted(corruptions.leak, seed)
        assert corruption.now is not None
        was = LABELS[corruption.index or 0]
        assert (corruption.now.mask & was.mask == was.mask).all()
        assert corruption.now.class_id == was.class_id


def test_a_patch_is_not_what_it_is_called():
    for seed in range(30):
        corruption, _, _ = corrupted(corruptions.patch, seed)
        assert corruption.now is not None
        own = np.any([x.mask for x in LABELS if x.class_id == corruption.now.class_id], axis=0)
        assert np.sum(corruption.now.mask & own) < np.sum(corruption.now.mask)


def test_the_frame_is_an_outline_and_no_mask():
    mask = block(0, 0, 10, SIDE)
    assert depth(mask)[0].max() == 1
    assert distance(mask)[SIDE - 1, 0] == pytest.approx(SIDE - 10, abs=0.5)
    assert (moved(mask, 0, -4) == block(0, 0, 6, SIDE)).all()
    assert not moved(mask, 0, -2 * SIDE).any()
