"""An exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from numpy.typing import NDArray

EVERY = 4
"""Steps between two updates: fetching all weights from a GPU makes it wait."""
_DECAY = 0.92


class WeightEma:
    """An average over about the last 50 steps (Polyak and Juditsky 1992, exponential).

    What a few validation photos say of single weights jumps from one evaluation to the
    next, and the best of many jumps is luck; averages move smoothly. Own code, because
    the optimizers' ``use_ema`` fails under JAX.
    """

    def __init__(self, model: keras.Model) -> None:
        self.weights: list[NDArray] = model.get_weights()

    def update(self, model: keras.Model, step: int) -> None:
        """Takes in the weights after a step; early on, the newest count for more."""
        updates = step // EVERY
        decay = min(_DECAY, updates / (updates + 3))
        for mean, new in zip(self.weights, model.get_weights(), strict=True):
            mean += (1 - decay) * (new - mean)

    @contextmanager
    def in_place(self, model: keras.Model) -> Iterator[None]:
        """Puts the averages into the model for as long as it is open."""
        trained = model.get_weights()
        model.set_weights(self.weights)
        yield
        model.set_weights(trained)
