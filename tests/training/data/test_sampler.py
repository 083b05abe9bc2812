import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data import sampler


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**40), st.integers(1, 4))
def test_each_record_comes_once_an_epoch(count, batch, seed, epochs):
    steps = -(-count * epochs // batch)
    taken = np.concatenate(
        [sampler.batch_indices(count, batch, step, seed) for step in range(steps)]
    )
    whole = taken[: count * epochs].reshape(epochs, count)
    np.testing.assert_array_equal(np.sort(whole), np.tile(np.arange(count), (epochs, 1)))


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 99), st.integers(0, 1000))
def test_a_step_is_the_same_whatever_came_before_it(count, batch, seed, step):
    sampler._permutation.cache_clear()
    alone = sampler.batch_indices(count, batch, step, seed)
    for earlier in range(max(0, step - 3), step):
        sampler.batch_indices(count, batch, earlier, seed)
    np.testing.assert_array_equal(sampler.batch_indices(count, batch, step, seed), alone)


def test_epochs_are_numpys_permutations():
    first, second = (np.random.default_rng([7, p]).permutation(5) for p in (0, 1))
    np.testing.assert_array_equal(sampler.batch_indices(5, 3, 0, 7), first[:3])
    np.testing.assert_array_equal(sampler.batch_indices(5, 3, 1, 7), [*first[3:], second[0]])


def test_epochs_and_seeds_differ():
    orders = {
        tuple(sampler.batch_indices(20, 20, step, seed)) for step in (0, 1, 2) for seed in (0, 1)
    }
    assert len(orders) == 6


def test_a_step_of_a_long_run_costs_no_more_than_the_first():
    assert len(sampler.batch_indices(100, 8, 10**9, 0)) == 8


def test_no_two_examples_share_their_random_numbers():
    """NumPy takes [1, 2, 0] for [1, 2], which is what orders the records."""
    drawn = [sampler.rng(1, step, place).random() for step in range(4) for place in range(4)]
    epochs = [np.random.default_rng([1, number]).random() for number in range(4)]
    assert len({*drawn, *epochs}) == 20
    assert sampler.rng(1, 2, 3).random() == sampler.rng(1, 2, 3).random()


def test_no_records_are_an_error():
    with pytest.raises(ValueError, match="no records"):
        sampler.batch_indices(0, 4, 0, 0)
