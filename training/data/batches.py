"""Batches of photos and label maps, for training under any backend.

One pure function, :func:`batch_of`, says what the batch of a step is. Keras'
own ``PyDataset`` serves JAX and torch, ``tf.data`` serves TensorFlow, and both
give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from curation import parallel
from training.config import TrainConfig
from training.data import order
from training.data.augment import augment, cutmix
from training.data.records import Records

if TYPE_CHECKING:
    import tensorflow as tf

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Photos (B, S, S, 3) RGB and labels (B, S, S): channels 0 to K - 1, 255 void."""


def example(records: Records, index: int, config: TrainConfig, rng: np.random.Generator) -> Batch:
    """One photo (S, S, 3) and its labels (S, S), augmented. Raises as ``Records.read``."""
    return augment(*records.read(index), config, rng)


def batch_of(
    records: Records,
    indices: NDArray[np.integer],
    config: TrainConfig,
    seed: int,
    step: int,
    worker: int = 0,
    workers: int = 1,
) -> Batch:
    """The augmented and mixed batch of a step, or one worker's share of it.

    Args:
        indices: the records that are trained on
        step: of the whole run, from 0
        worker, workers: every ``workers``-th example of ``config.batch``, from ``worker`` on
    """
    own = range(config.batch)[worker::workers]
    which = indices[order.picks(len(indices), config.batch, step, seed)[worker::workers]]
    photos = np.empty((len(own), records.size, records.size, 3), np.uint8)
    labels = np.empty(photos.shape[:3], np.uint8)
    for row, (index, position) in enumerate(zip(which.tolist(), own, strict=True)):
        rng = order.rng(seed, step, position)
        photos[row], labels[row] = example(records, index, config, rng)
    # A worker mixes among its own examples; its numbers are none of an example's.
    cutmix([photos], labels, config.cutmix, order.rng(seed, step, config.batch + worker))
    return photos, labels


class RecordBatches(keras.utils.PyDataset):
    """The batches of some steps; item i is that of step ``first_step + i``.

    The next ones are made in threads while the caller works on one: decoding and
    augmenting leave the interpreter free. Not in Keras' threads: they stop at the
    end of each epoch, and in the next one (3.15, with ``steps_per_epoch``) begin
    at batch 0 again. Keras' ``fit`` mixes the order unless told ``shuffle=False``.

    Args:
        records, indices, config, seed, worker, workers: as :func:`batch_of` takes them
        first_step: where an earlier run stopped
        steps: how many batches there are
    """

    def __init__(
        self,
        records: Records,
        indices: NDArray[np.integer],
        config: TrainConfig,
        seed: int,
        first_step: int,
        steps: int,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        super().__init__(workers=1)

        def load(index: int) -> Batch:
            return batch_of(records, indices, config, seed, first_step + index, worker, workers)

        self._batches, self._steps = _Ahead(load, steps), steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Batch:
        return self._batches[index]


def tf_dataset(
    records: Records,
    indices: NDArray[np.integer],
    config: TrainConfig,
    seed: int,
    first_step: int,
    steps: int,
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
    """The batches of :class:`RecordBatches` as a ``tf.data.Dataset``, with their static shapes.

    It is not to be sharded again: with several workers, each makes its own share.
    What reading raises comes out as TensorFlow's own error, which quotes it.
    """
    import tensorflow as tf

    def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        photos, labels = tf.numpy_function(
            lambda s: batch_of(records, indices, config, seed, int(s), worker, workers),
            [step],
            (tf.uint8, tf.uint8),
            stateful=False,
        )
        side, count = records.size, len(range(config.batch)[worker::workers])
        return (
            tf.ensure_shape(photos, (count, side, side, 3)),
            tf.ensure_shape(labels, (count, side, side)),
        )

    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return (
        tf.data.Dataset.range(first_step, first_step + steps)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
    )


class _Ahead:
    """What ``make`` makes of 0 to ``count`` - 1; who takes one has the next ones begun in threads.

    To be asked by one thread, in any order.
    """

    def __init__(self, make: Callable[[int], Batch], count: int) -> None:
        self._make, self._count = make, count
        self._threads = parallel.workers()
        self._pool = ThreadPoolExecutor(self._threads)
        self._begun: dict[int, Future[Batch]] = {}

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < self._count:
            raise IndexError(index)
        wanted = range(index, min(index + self._threads + 1, self._count))
        for stale in self._begun.keys() - set(wanted):
            self._begun.pop(stale).cancel()
        for number in wanted:
            if number not in self._begun:
                self._begun[number] = self._pool.submit(self._make, number)
        return self._begun.pop(index).result()
