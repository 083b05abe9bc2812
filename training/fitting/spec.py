"""What a run says about one of its models, as :func:`training.fitting.fit.fit` wants it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training import evaluate, models, workers
from training.config import TrainConfig
from training.data.examples import Examples
from training.data.shard import WorkerShard
from training.fitting.batches import ImageBatches, tf_dataset
from training.fitting.feature_batches import FeatureBatches
from training.fitting.fit import FitSpec
from training.fitting.losses import balanced
from training.metrics import Scores
from training.plan import SplitIndices
from training.predict import Inputs, probabilities


def fit_spec(
    examples: Examples, split: SplitIndices, inputs: Inputs, config: TrainConfig, seed: int
) -> FitSpec:
    """What a model is trained with.

    Args:
        split: which of the examples it trains on and is validated on
        inputs: prepared for these
        seed: of the order of the photos and what is done to them
    """
    epochs = ceil(config.epochs * len(split.train) / config.batch)
    steps = config.steps or max(epochs, config.min_steps)
    evals = _evals(config.evals, steps)
    return FitSpec(
        build=partial(_build, config, len(examples.classes.names)),
        backbone_variables=partial(models.backbone_variables, config=config),
        batches=_batches(examples, split, inputs, config, seed),
        validate=partial(_validate, examples, split.val, inputs),
        select_best=split.select_best,
        steps=evals * ceil(steps / evals),
        evals=evals,
        images=len(split.train),
        class_weights=_class_weights(examples, split.train, config),
    )


def _build(config: TrainConfig, classes: int) -> keras.Model:
    return models.head(config, classes) if config.frozen else models.full_model(config, classes)


def _batches(
    examples: Examples, split: SplitIndices, inputs: Inputs, config: TrainConfig, seed: int
) -> Callable[[int, int], Any]:
    if inputs.cache is not None:
        rows = inputs.cache.rows(examples.images)
        return partial(FeatureBatches, examples, inputs.cache, rows, split.train, config, seed)
    adapter = tf_dataset if keras.backend.backend() == "tensorflow" else ImageBatches
    return partial(adapter, WorkerShard(examples, split.train, config, seed, *workers.worker()))


def _evals(wanted: int, steps: int) -> int:
    """How often to evaluate so that few steps are added for the evaluations to come evenly.

    >>> _evals(14, 240), _evals(14, 100), _evals(14, 3)
    (12, 10, 3)
    """
    most = min(wanted, steps)
    return min(range(max(1, most // 2), most + 1), key=lambda evals: (-steps % evals, most - evals))


def _class_weights(
    examples: Examples, train: NDArray[np.intp], config: TrainConfig
) -> NDArray[np.float64] | None:
    if config.class_weights == "none":
        return None
    pixels = np.zeros(256, np.int64)
    for index in train.tolist():
        pixels += np.bincount(examples.labels(index).ravel(), minlength=256)
    return balanced(pixels[: len(examples.classes.names)])


def _validate(
    examples: Examples, val: NDArray[np.intp], inputs: Inputs, model: keras.Model
) -> dict[str, float]:
    """``val_cross_entropy`` and ``val_miou_foreground``, of the photos as they are."""
    scores = Scores(len(examples.classes.names))
    for labels, images in evaluate.views(val, examples, inputs, mirrored=False):
        scores.add(labels, probabilities([model], images))
    figures = scores.figures(examples.classes.names)
    return {
        "val_cross_entropy": figures["loss"] or 0.0,
        "val_miou_foreground": figures["miou_foreground"] or 0.0,
    }
