"""Each kind of mistake does what its name says, to labels as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from curation.issues import corruptions
from curation.issues.corruptions import MODERATE, STRONG, WIDE, Change, Scene
from curation.issues.feature_table import TAUGHT
from curation.issues.geometry import Labelled, depth, distance, moved
from tests.issues.scene import LABELS, SHIRT, SHOES, SIDE, TROUSERS, block

CLASSES = (1, 2, 3)


def scene(seed: int = 0, labels=LABELS, strength=MODERATE) -> Scene:
    donor = Labelled(3, block(20, 20, 16, 16))
    return Scene(labels, CLASSES, lambda: donor, np.random.default_rng(seed), strength)


def changed(kind, seed, **rest) -> tuple[Change, list[Labelled], int | None]:
    change = kind(scene(seed, **rest))
    assert change is not None
    return change, *change.applied(LABELS)


@pytest.mark.parametrize("kind", TAUGHT.values(), ids=list(TAUGHT))
@pytest.mark.parametrize("strength", [MODERATE, STRONG, WIDE], ids=["moderate", "strong", "wide"])
def test_a_mistake_changes_as_much_as_one_can_see_and_repeats(kind, strength):
    for seed in range(20):
        change, labels, wrong = changed(kind, seed, strength=strength)
        assert len(labels) == 3 + (change.place is None) - (change.now is None) - (
            change.absorbed is not None
        )
        if wrong is not None:
            assert labels[wrong] == change.now
            assert labels[wrong].mask.any()
        again = kind(scene(seed, strength=strength))
        assert repr(again) == repr(change)


@pytest.mark.parametrize("kind", TAUGHT.values(), ids=list(TAUGHT))
def test_labels_as_given_are_not_touched(kind):
    before = [label.mask.copy() for label in LABELS]
    for seed in range(5):
        kind(scene(seed))
    assert all((a == b.mask).all() for a, b in zip(before, LABELS, strict=True))


@pytest.mark.parametrize("kind", TAUGHT.values(), ids=list(TAUGHT))
def test_a_image_without_labels_has_no_place_for_most_mistakes(kind):
    change = kind(scene(labels=[]))
    assert (change is not None) == (kind is corruptions.spurious)


def test_a_merge_absorbs_the_smaller_of_two_that_touch():
    change, labels, wrong = changed(corruptions.merged, 0)
    assert wrong is not None
    assert labels[wrong].class_id == SHIRT.class_id
    assert (labels[wrong].mask == SHIRT.mask | TROUSERS.mask).all()
    assert not any(label.class_id == TROUSERS.class_id for label in labels)
    assert change.absorbed == 1


def test_what_is_absorbed_before_it_moves_the_wrong_label_up():
    change = Change(1, TROUSERS, absorbed=0)
    labels, wrong = change.applied(LABELS)
    assert (len(labels), wrong) == (2, 0)
    assert labels == [TROUSERS, SHOES]


def test_a_duplicate_is_nearly_the_same_mask():
    for seed in range(10):
        change, _, _ = changed(corruptions.duplicated, seed)
        assert change.place is None
        assert change.now is not None
        best = max(np.sum(change.now.mask & x.mask) / np.sum(change.now.mask | x.mask)
                   for x in LABELS if x.class_id == change.now.class_id)  # fmt: skip
        assert best > 0.6


def test_a_leak_only_adds():
    for seed in range(10):
        change, _, _ = changed(corruptions.leaking, seed)
        assert change.now is not None
        was = LABELS[change.place or 0]
        assert (change.now.mask & was.mask == was.mask).all()
        assert change.now.class_id == was.class_id


def test_a_patch_is_not_what_it_is_called():
    for seed in range(30):
        change, _, _ = changed(corruptions.patched, seed)
        assert change.now is not None
        own = np.any([x.mask for x in LABELS if x.class_id == change.now.class_id], axis=0)
        assert np.sum(change.now.mask & own) < np.sum(change.now.mask)


def test_the_frame_is_an_outline_and_no_mask():
    mask = block(0, 0, 10, SIDE)
    assert depth(mask)[0].max() == 1
    assert distance(mask)[SIDE - 1, 0] == pytest.approx(SIDE - 10, abs=0.5)
    assert (moved(mask, 0, -4) == block(0, 0, 6, SIDE)).all()
    assert not moved(mask, 0, -2 * SIDE).any()
