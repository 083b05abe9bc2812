from pathlib import Path

import numpy as np
import pytest

from curation.core.errors import RunError
from training import plan
from training.folder import Parts

HERE = Path("run")
KEYS = [f"{n:04x}" for n in range(40)]


def parts(of, keys=KEYS, kind="fold"):
    return Parts(kind, tuple(keys), tuple(f"photo-{key}" for key in keys), tuple(map(str, of)))


def roles(of, keys=KEYS, kind="fold"):
    made = parts(of, keys, kind)
    plan.check(HERE, made)
    return plan.splits(HERE, made)


def test_a_fold_is_measured_by_the_model_that_neither_learnt_nor_chose_on_it():
    fold = np.arange(40) % 4
    for name, role in roles(fold).items():
        held_out = np.flatnonzero(fold == int(name.removeprefix("fold")))
        np.testing.assert_array_equal(role.test, held_out)
        used = np.concatenate([role.train, role.val])
        assert sorted([*used, *held_out]) == list(range(40))
        assert len(role.val) == 3  # a tenth of 30


def test_the_checking_images_do_not_depend_on_the_order_of_the_images():
    turned = KEYS[::-1]
    role = roles(["train"] * 40, kind="split")["model"]
    other = roles(["train"] * 40, turned, kind="split")["model"]
    assert {KEYS[i] for i in role.val} == {turned[i] for i in other.val}


def test_a_split_is_used_as_it_is():
    role = roles(["train"] * 30 + ["val"] * 4 + ["test"] * 6, kind="split")["model"]
    np.testing.assert_array_equal(role.train, np.arange(30))
    np.testing.assert_array_equal(role.val, np.arange(30, 34))
    np.testing.assert_array_equal(role.test, np.arange(34, 40))


def test_without_test_images_the_checking_ones_measure():
    role = roles(["train"] * 40, kind="split")["model"]
    assert len(role.train) == 36
    np.testing.assert_array_equal(role.test, role.val)


def test_copies_of_a_image_stay_on_one_side():
    twice = [key for key in KEYS for _ in range(2)]
    role = roles(np.arange(80) // 2 % 2, twice)["fold0"]
    taught = {twice[i] for i in role.train}
    assert not taught & {twice[i] for i in role.val}


def test_one_image_in_two_folds_is_refused():
    keys = [KEYS[0], KEYS[0], *KEYS[2:]]
    with pytest.raises(RunError, match=r"is the same photo as photo-0000, .*fold 0, not 1"):
        roles(np.arange(40) % 2, keys)


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        ("fold", np.zeros(40, int)),
        ("fold", np.arange(40) % 2 - 1),
        ("split", ["test"] * 40),
        ("split", ["train"] * 39 + ["tset"]),
        ("split", ["train"] * 1 + ["test"] * 39),
    ],
)
def test_folds_and_splits_that_do_not_fit_are_refused(kind, of):
    with pytest.raises(RunError):
        roles(of, kind=kind)


@pytest.mark.parametrize(("val", "select_best"), [(1, False), (7, False), (8, True)])
def test_a_few_images_choose_no_weights(val, select_best):
    of = ["val"] * val + ["train"] * (40 - val)
    assert roles(of, kind="split")["model"].select_best is select_best


def test_of_many_photos_some_are_learned_from_and_no_class_is_passed_over():
    keys = [f"{n:04x}" for n in range(4000)]
    present = np.zeros((4000, 4), bool)
    present[:, 0] = True
    for k, every in ((1, 2), (2, 10), (3, 100)):
        present[::every, k] = True
    rarest = plan.rarest_classes(present)
    assert np.bincount(rarest).tolist() == [2000, 1600, 360, 40]
    whole = plan.splits(HERE, parts(np.arange(4000) % 2, keys))["fold0"]
    some = plan.thinned(whole, keys, rarest, 400)
    np.testing.assert_array_equal(some.test, whole.test)
    assert (len(some.train), len(some.val)) == (400, 44)
    assert set(some.train) <= set(whole.train)
    assert set(some.val) <= set(whole.val)
    shares = [np.bincount(rarest[x], minlength=4) / len(x) for x in (whole.train, some.train)]
    np.testing.assert_allclose(shares[1], shares[0], atol=1 / 400)
    again = plan.thinned(whole, keys, rarest, 400)
    np.testing.assert_array_equal(again.train, some.train)


def test_fewer_photos_than_are_asked_for_are_all_learned_from():
    whole = roles(np.arange(40) % 2)["fold0"]
    some = plan.thinned(whole, KEYS, np.zeros(40, int), 100)
    np.testing.assert_array_equal(some.train, whole.train)
    np.testing.assert_array_equal(some.val, whole.val)
