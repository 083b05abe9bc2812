"""Which records make up which step: computed from seed and step, never replayed.

So every backend trains on the same batches, and a killed run goes on at step n
without reading what came before it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def batch_indices(count: int, batch: int, step: int, seed: int) -> NDArray[np.int64]:
    """(batch,) which of ``count`` records the step (from 0) takes.

    The steps go through one permutation after another, so that each record
    comes once an epoch; a batch may end one epoch and begin the next. One of W
    workers takes the slice ``[worker::W]`` of it.

    Raises:
        ValueError: there are no records
    """
    if count < 1:
        raise ValueError("no records to take batches from")
    epochs, places = np.divmod(np.arange(step * batch, (step + 1) * batch), count)
    return np.concatenate(
        [
            _permutation(count, seed, number)[places[epochs == number]]
            for number in range(epochs[0], epochs[-1] + 1)
        ]
    )


def rng(seed: int, step: int, position: int) -> np.random.Generator:
    """The random numbers of one example: the ``position``-th of the whole batch of a step."""
    # From 1: [seed, step, 0] would be the same source as a permutation's [seed, step].
    return np.random.default_rng([seed, step, position + 1])


@lru_cache(maxsize=2)  # a batch needs two at most, unless it is larger than the data set
def _permutation(count: int, seed: int, number: int) -> NDArray[np.int64]:
    order = np.random.default_rng([seed, number]).permutation(count)
    order.flags.writeable = False
    return order
