"""Batches of photos and label maps, for training under any backend.

:meth:`training.data.shard.WorkerShard.batch` says what the batch of a step is, whoever
asks. Keras' own ``PyDataset`` serves JAX and torch, ``tf.data`` serves TensorFlow, and
both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import keras

from curation.core import parallel
from training.data.shard import Batch, WorkerShard

if TYPE_CHECKING:
    import tensorflow as tf


class ImageBatches(keras.utils.PyDataset):
    """The batches of some steps; item i is that of step ``first_step + i``.

    The next ones are made in threads while the caller works on one: decoding and
    augmenting leave the interpreter free. Not in Keras' threads: they stop at the
    end of each epoch, and in the next one (3.15, with ``steps_per_epoch``) begin
    at batch 0 again. Keras' ``fit`` mixes the order unless told ``shuffle=False``.

    Args:
        first_step: where an earlier run stopped
        steps: how many batches there are
    """

    def __init__(self, shard: WorkerShard, first_step: int, steps: int) -> None:
        super().__init__(workers=1)
        self._batches = _Ahead(lambda index: shard.batch(first_step + index), steps)
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Batch:
        return self._batches[index]


def tf_dataset(shard: WorkerShard, first_step: int, steps: int) -> tf.data.Dataset:
    """The batches of :class:`ImageBatches` as a ``tf.data.Dataset``, with their static shapes.

    It is not to be sharded again: with several workers, each makes its own shard.
    What reading raises comes out as TensorFlow's own error, which quotes it.
    """
    import tensorflow as tf

    def load(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        made = tf.numpy_function(
            lambda s: shard.batch(int(s)), [step], (tf.uint8, tf.uint8), stateful=False
        )
        return tuple(map(tf.ensure_shape, made, shard.shapes))

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
