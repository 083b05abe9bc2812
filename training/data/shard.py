"""What a step of a training on photos is made of, for one worker of several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.config import TrainConfig
from training.data import sampler
from training.data.augment import augment, cutmix
from training.data.examples import Examples

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Photos (B, S, S, 3) RGB and labels (B, S, S): channels 0 to K - 1, 255 ignored."""


@dataclass(frozen=True)
class WorkerShard:
    """What one worker trains on: of the batch of each step, every ``workers``-th example.

    Attributes:
        indices: the examples that are trained on
        worker: from 0; its first example in each batch
    """

    examples: Examples
    indices: NDArray[np.integer]
    config: TrainConfig
    seed: int
    worker: int = 0
    workers: int = 1

    def batch(self, step: int) -> Batch:
        """The augmented and mixed examples of a step of the whole run, from 0.

        Raises:
            CurateError: as ``Examples.image`` and ``labels``
        """
        config = self.config
        batch = sampler.batch_indices(len(self.indices), config.batch, step, self.seed)
        images, labels = (np.empty(shape, np.uint8) for shape in self.shapes)
        for row, position in enumerate(self._own):
            read = self.examples.read(int(self.indices[batch[position]]))
            images[row], labels[row] = augment(
                *read, config, sampler.rng(self.seed, step, position)
            )
        # A worker mixes among its own examples; its numbers are none of an example's.
        rng = sampler.rng(self.seed, step, config.batch + self.worker)
        cutmix([images], labels, config.cutmix, rng)
        return images, labels

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Those of a batch's photos and labels."""
        maps = (len(self._own), self.examples.size, self.examples.size)
        return (*maps, 3), maps

    @property
    def _own(self) -> range:
        """The places of its examples in the whole batch."""
        return range(self.config.batch)[self.worker :: self.workers]
