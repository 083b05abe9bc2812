from pathlib import Path

import numpy as np
import pytest

from curation.errors import RunError
from training import plan
from training.run import Photo

HERE = Path("run")
PHOTOS = [Photo(f"{n:04x}", f"photo-{n}", Path(f"{n}.jpg")) for n in range(40)]


def roles(photos, fold=None, split=None):
    return plan.roles(HERE, photos, plan.parts(HERE, photos, fold, split))


def test_a_fold_is_measured_by_the_model_that_neither_learnt_nor_chose_on_it():
    fold = np.arange(40) % 4
    for name, role in roles(PHOTOS, fold).items():
        held_out = np.flatnonzero(fold == int(name.removeprefix("fold")))
        np.testing.assert_array_equal(role.measured, held_out)
        used = np.concatenate([role.taught, role.checked])
        assert sorted([*used, *held_out]) == list(range(40))
        assert len(role.checked) == 3  # a tenth of 30


def test_the_checking_photos_do_not_depend_on_the_order_of_the_photos():
    split = np.array(["train"] * 40)
    role = roles(PHOTOS, split=split)["model"]
    turned = roles(PHOTOS[::-1], split=split)["model"]
    assert {PHOTOS[i].key for i in role.checked} == {PHOTOS[::-1][i].key for i in turned.checked}


def test_a_split_is_used_as_it_is():
    role = roles(PHOTOS, split=np.array(["train"] * 30 + ["val"] * 4 + ["test"] * 6))["model"]
    np.testing.assert_array_equal(role.taught, np.arange(30))
    np.testing.assert_array_equal(role.checked, np.arange(30, 34))
    np.testing.assert_array_equal(role.measured, np.arange(34, 40))


def test_without_test_photos_the_checking_ones_measure():
    role = roles(PHOTOS, split=np.array(["train"] * 40))["model"]
    assert len(role.taught) == 36
    np.testing.assert_array_equal(role.measured, role.checked)


def test_copies_of_a_photo_stay_on_one_side():
    twice = [photo for photo in PHOTOS for _ in range(2)]
    role = roles(twice, fold=np.arange(80) // 2 % 2)["fold0"]
    taught = {twice[i].key for i in role.taught}
    assert not taught & {twice[i].key for i in role.checked}


def test_one_photo_in_two_folds_is_refused():
    photos = [PHOTOS[0], Photo(PHOTOS[0].key, "copy", Path("copy.jpg")), *PHOTOS[2:]]
    with pytest.raises(RunError, match=r"copy.*the same photo as photo-0"):
        roles(photos, fold=np.arange(40) % 2)


@pytest.mark.parametrize(
    ("fold", "split"),
    [
        (np.zeros(40, int), None),
        (np.arange(39) % 2, None),
        (np.arange(40) % 2 - 1, None),
        (None, np.array(["test"] * 40)),
        (None, np.array(["train"] * 39 + ["tset"])),
        (None, np.array(["train"] * 1 + ["test"] * 39)),
    ],
)
def test_folds_and_splits_that_do_not_fit_are_refused(fold, split):
    with pytest.raises(RunError):
        roles(PHOTOS, fold, split)


def test_either_folds_or_a_split():
    with pytest.raises(ValueError, match="either fold or split"):
        plan.parts(HERE, PHOTOS, None, None)
