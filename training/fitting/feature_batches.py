"""Batches of cached features and label maps: what a head on a frozen backbone is trained on."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from training.config import TrainConfig
from training.data import sampler
from training.data.augment import cutmix
from training.data.examples import Examples
from training.data.features import VIEWS, FeatureCache


class FeatureBatches(keras.utils.PyDataset):
    """The batches of some steps; item i is that of step ``first_step + i``.

    Photos are mirrored at random, by way of the features of the mirror image, and mixed
    by :func:`cutmix`; nothing else can be done to a photo whose features are computed.

    Args:
        rows: (N,) row in the cache of each example
        indices: the examples that are trained on
        first_step: where an earlier run stopped
        steps: how many batches there are
    """

    def __init__(
        self,
        examples: Examples,
        cache: FeatureCache,
        rows: NDArray[np.int64],
        indices: NDArray[np.integer],
        config: TrainConfig,
        seed: int,
        first_step: int,
        steps: int,
    ) -> None:
        super().__init__()
        self._examples, self._cache, self._rows, self._indices = examples, cache, rows, indices
        self._config, self._seed, self._first, self._steps = config, seed, first_step, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[tuple[NDArray, ...], NDArray[np.uint8]]:
        """Feature maps, each (B, h, w, channels) float32, and labels (B, S, S) uint8."""
        config, step = self._config, self._first + index
        batch = sampler.batch_indices(len(self._indices), config.batch, step, self._seed)
        which = self._indices[batch]
        rng = sampler.rng(self._seed, step, 0)
        mirrored = rng.integers(0, VIEWS, config.batch) if config.flip else np.zeros_like(which)
        feature_maps = self._cache.feature_maps(self._rows[which], mirrored)
        maps = [self._examples.labels(i) for i in which.tolist()]
        labels = np.stack(
            [m[:, ::-1] if flip else m for m, flip in zip(maps, mirrored, strict=True)]
        )
        cutmix(feature_maps, labels, config.cutmix, rng)
        return tuple(feature_maps), labels
