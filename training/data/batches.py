"""Batches of photos and label maps, for training under any backend.

:meth:`Share.batch` says what the batch of a step is, whoever asks. Keras' own
``PyDataset`` serves JAX and torch, ``tf.data`` serves TensorFlow, and both give
the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from curation.core import parallel
from training.config import TrainConfig
from training.data import order
from training.data.augment import augment, cutmix
from training.data.records import Records

if TYPE_CHECKING:
    import tensorflow as tf

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Photos (B, S, S, 3) RGB and labels (B, S, S): channels 0 to K - 1, 255 void."""


@dataclass(frozen=True)
class Share:
    """What one worker trains on: of the batch of each step, every ``workers``-th example.

    Attributes:
        indices: the records that are trained on
        worker: from 0; its first example in each batch
    """

    records: Records
    indices: NDArray[np.integer]
    config: TrainConfig
    seed: int
    worker: int = 0
    workers: int = 1

    def batch(self, step: int) -> Batch:
        """The augmented and mixed examples of a step of the whole run, from 0.

        Raises:
            CurateError: as ``Records.read``
        """
        config = self.config
        picks = order.picks(len(self.indices), config.batch, step, self.seed)
        images, labels = (np.empty(shape, np.uint8) for shape in self.shapes)
        for row, position in enumerate(self._own):
            read = self.records.read(int(self.indices[picks[position]]))
            images[row], labels[row] = augment(*read, config, order.rng(self.seed, step, position))
        # A worker mixes among its own examples; its numbers are none of an example's.
        rng = order.rng(self.seed, step, config.batch + self.worker)
        cutmix([images], labels, config.cutmix, rng)
        return images, labels

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Those of a batch's photos and labels."""
        maps = (len(self._own), self.records.size, self.records.size)
        return (*maps, 3), maps

    @property
    def _own(self) -> range:
        """The places of its examples in the whole batch."""
        return range(self.config.batch)[self.worker :: self.workers]


class RecordBatches(keras.utils.PyDataset):
    """The batches of some steps; item i is that of step ``first_step + i``.

    The next ones are made in threads while the caller works on one: decoding and
    augmenting leave the interpreter free. Not in Keras' threads: they stop at the
    end of each epoch, and in the next one (3.15, with ``steps_per_epoch``) begin
    at batch 0 again. Keras' ``fit`` mixes the order unless told ``shuffle=False``.

    Args:
        first_step: where an earlier run stopped
        steps: how many batches there are
    """

    def __init__(self, share: Share, first_step: int, steps: int) -> None:
        super().__init__(workers=1)
        self._batches = _Ahead(lambda index: share.batch(first_step + index), steps)
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Batch:
        return self._batches[index]


def tf_dataset(share: Share, first_step: int, steps: int) -> tf.data.Dataset:
    """The batches of :class:`RecordBatches` as a ``tf.data.Dataset``, with their static shapes.

    It is not to be sharded again: with several workers, each makes its own share.
    What reading raises comes out as TensorFlow's own error, which quotes it.
    """
    import tensorflow as tf

    def load(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        made = tf.numpy_function(
            lambda s: share.batch(int(s)), [step], (tf.uint8, tf.uint8), stateful=False
        )
        return tuple(map(tf.ensure_shape, made, share.shapes))

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
