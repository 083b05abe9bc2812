"""Several GPUs of one process, or several processes, that train one model on a shared batch.

Where several processes (workers) train together, each is told its place by variables of
the environment, the backend's own: under TensorFlow ``TF_CONFIG``, as Kubeflow and Vertex
AI set it, under JAX ``KERAS_DISTRIBUTION_JOB_ADDRESSES``, ``_NUM_PROCESSES`` and
``_PROCESS_ID``. All run the same command with the same settings, data and run folder,
each with one GPU or none under TensorFlow, and any number of GPUs under JAX. torch takes
one process and one GPU.

A step is the same for every number of workers where each takes an equal share of the
batch, but for what the layers and the loss take from the batch they see: under JAX that
is the whole batch. Under TensorFlow it is each process', and each GPU's, own share: batch
normalization and the Dice loss see that share, and gradients, running means and
variances are averaged.

Keras 3.15's own ``Model.fit`` and ``train_on_batch`` fail under TensorFlow's
``MultiWorkerMirroredStrategy`` (keras issue 20585). So each process here has a plain model
of its own and lets TensorFlow do no more than average: validating, saving and predicting
involve no other worker.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.core.errors import CurateError
from training.quiet import backend

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)

_VARIABLES = {"tensorflow": "TF_CONFIG", "jax": "KERAS_DISTRIBUTION_NUM_PROCESSES"}
"""Where each backend that can work in several processes is told so."""
_LOST = ("Collective ops is aborted", "Gloo")
"""What TensorFlow's and JAX' errors say when another worker went away."""


def worker() -> tuple[int, int]:
    """Which of how many workers this process is; (0, 1) where it is the only one.

    Worker ``index`` of ``count`` takes the examples ``[index::count]`` of each batch.
    Starts Keras where a variable of the environment speaks of others, and only there.

    Raises:
        CurateError: the variables of the environment cannot be read
    """
    return place(backend()) if is_announced() else (0, 1)


def is_announced() -> bool:
    """Whether a variable of the environment speaks of workers; starts nothing."""
    return not set(_VARIABLES.values()).isdisjoint(os.environ)


def place(framework: str) -> tuple[int, int]:
    """As :func:`worker`, by the variables of one backend."""
    name = _VARIABLES.get(framework, "")
    try:
        if name == "TF_CONFIG":
            return _tensorflow(json.loads(os.environ.get(name, "{}")))
        if name:
            index = os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", 0)
            return int(index), int(os.environ.get(name, 1))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CurateError(name, f"cannot be read: {type(error).__name__}: {error}") from None
    return 0, 1


def is_distributed() -> bool:
    """Whether other workers train with this process."""
    return worker()[1] > 1


def _tensorflow(told: dict[str, Any]) -> tuple[int, int]:
    """What ``TF_CONFIG`` says; a job 'chief', where there is one, comes before the workers.

    >>> _tensorflow({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}})
    (1, 2)
    """
    cluster = told.get("cluster", {})
    places = [(job, i) for job in ("chief", "worker") for i in range(len(cluster.get(job, ())))]
    if len(places) < 2:
        return 0, 1
    return places.index((told["task"]["type"], int(told["task"]["index"]))), len(places)


def is_chief() -> bool:
    """Whether this process is the one that writes."""
    return worker()[0] == 0


@cache
def initialize() -> Any:
    """Takes this process' place among the workers and its GPUs; waits for the other workers.

    To be called before Keras computes anything, or JAX is asked for its devices: only
    then can a process join others. TensorFlow waits for them half an hour and more, JAX 5
    minutes.

    Returns:
        TensorFlow's strategy; None where there is nothing to share, and under JAX, where
        Keras keeps it

    Raises:
        CurateError: as :func:`worker`; variables of another backend are set; or a worker
            sees several GPUs under TensorFlow
    """
    index, count = worker()
    ours = backend()
    for name in set(_VARIABLES.values()) & set(os.environ) - {_VARIABLES.get(ours)}:
        reason = f"KERAS_BACKEND={ours} has no use for it: unset it, or take another backend"
        raise CurateError(name, reason)
    if count > 1:
        _log.info("Worker %d of %d: waiting for the others.", index, count)
    if ours == "tensorflow":
        import tensorflow as tf

        gpus = len(tf.config.list_physical_devices("GPU"))
        if count > 1 and gpus > 1:
            reason = f"a worker takes one GPU and sees {gpus}: start a process for each of them"
            raise CurateError("CUDA_VISIBLE_DEVICES", reason)
        if count > 1:
            return tf.distribute.MultiWorkerMirroredStrategy()
        if gpus > 1:
            return tf.distribute.MirroredStrategy()
    elif ours == "jax":
        import keras

        if count > 1:
            keras.distribution.initialize()
        if len(keras.distribution.list_devices()) > 1:
            # Each worker makes its own share of a batch: nothing is left to deal out.
            share = keras.distribution.DataParallel(auto_shard_dataset=False)
            keras.distribution.set_distribution(share)
    return None


@contextmanager
def scope() -> Iterator[None]:
    """In here a model is built, compiled and trained; on one device it does nothing.

    Raises:
        CurateError: another worker is gone. TensorFlow says so at once where its process
            died, and after some 10 seconds where it does not answer. JAX ends the process
            itself, without this error where it was the chief that died, else up to 100
            seconds after it.
    """
    strategy = initialize()
    try:
        with strategy.scope() if strategy and not is_distributed() else nullcontext():
            yield
    except Exception as error:  # each backend has its own kinds, of no common base
        if is_distributed() and any(sign in str(error) for sign in _LOST):
            reason = "another worker is gone: see what it said; --resume in all of them goes on"
            raise CurateError("workers", reason) from error
        raise


def all_reduce(model: keras.Model) -> None:
    """Makes each step of a compiled model one step of all workers, who end it with equal weights.

    Waits for all workers. Alone, and under JAX, where Keras does it, nothing is changed.

    Raises:
        CurateError: the workers' models do not have the same weights
    """
    if not is_distributed() or backend() != "tensorflow":
        return
    weights = model.get_weights()
    for own, mean in zip(weights, _mean(weights), strict=True):
        if not np.allclose(own, mean, rtol=1e-4, atol=1e-6):
            reason = "they begin with different weights: all need the same settings and run folder"
            raise CurateError("workers", reason)
    apply = model.optimizer.apply
    running = [v for v in model.non_trainable_variables if v.dtype == "float32"]

    def apply_mean(gradients: list, variables: list | None = None) -> None:
        means = _mean([*gradients, *(v.value for v in running)])
        for variable, mean in zip(running, means[len(gradients) :], strict=True):
            variable.assign(mean)
        apply(means[: len(gradients)], variables)

    # The outermost apply: float16's loss scaling must see the same overflow everywhere.
    model.optimizer.apply = apply_mean


def barrier() -> None:
    """Waits until every worker is here."""
    if not is_distributed():
        return
    if backend() == "jax":
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("curate")
    else:
        _mean([np.zeros(1, np.float32)])


def _mean(arrays: list) -> list:
    """The mean over TensorFlow's workers of each float32 array, all sent as one."""
    import tensorflow as tf

    def reduce(flat: tf.Tensor) -> tf.Tensor:
        # identity: TensorFlow wants to know the device, which an input of a graph has not.
        return tf.distribute.get_replica_context().all_reduce("MEAN", tf.identity(flat))

    flat = tf.concat([tf.reshape(array, [-1]) for array in arrays], 0)
    means = tf.split(initialize().run(reduce, args=(flat,)), [tf.size(array) for array in arrays])
    return [tf.reshape(mean, tf.shape(a)) for mean, a in zip(means, arrays, strict=True)]
