"""Trains one decoder on cached features and keeps its best weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from rich.progress import Progress

from training import metrics
from training.clock import core_seconds
from training.config import TrainConfig
from training.data.features import VIEWS, FeatureCache
from training.losses import CrossEntropyDice
from training.models import fpn

_WARM_UP = 40
_DECAY = 0.98


@dataclass(frozen=True)
class Examples:
    """Photos with labels.

    Attributes:
        cache: holds the features of all of them
        rows: (N,) row numbers in the cache
        labels: (M, S, S) uint8 label maps of all photos of the run, 255 void
        picks: (N,) which of the label maps belong to the rows
    """

    cache: FeatureCache
    rows: NDArray[np.int64]
    labels: NDArray[np.uint8]
    picks: NDArray[np.int64]

    def batch(
        self, which: NDArray[np.int64], view: NDArray[np.int64]
    ) -> tuple[list[NDArray], NDArray[np.uint8]]:
        """Taps and label maps of some examples, mirrored where ``view`` (B,) is 1."""
        taps = self.cache.taps(self.rows[which], view)
        maps = [
            self.labels[pick][:, ::-1] if mirrored else self.labels[pick]
            for pick, mirrored in zip(self.picks[which], view, strict=True)
        ]
        return taps, np.stack(maps)

    def only(self, indices: NDArray[np.intp]) -> Examples:
        """Some of the examples."""
        return Examples(self.cache, self.rows[indices], self.labels, self.picks[indices])

    def __len__(self) -> int:
        return len(self.rows)


@keras.saving.register_keras_serializable("curate")
class WarmUpCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line to ``peak`` over ``warm_up`` steps, then falls along a cosine to 0."""

    def __init__(self, peak: float, steps: int, warm_up: int) -> None:
        self.peak, self.steps, self.warm_up = peak, steps, warm_up

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = ops.minimum((step + 1) / self.warm_up, 1.0)
        done = ops.clip((step - self.warm_up) / max(1, self.steps - self.warm_up), 0.0, 1.0)
        return self.peak * rise * 0.5 * (1 + ops.cos(np.pi * done))

    def get_config(self) -> dict:
        return {"peak": self.peak, "steps": self.steps, "warm_up": self.warm_up}


class WeightAverage:
    """A running average of a model's weights over about the last 50 steps.

    What a few validation photos say of single weights jumps from look to look, and
    the best of many jumps is luck; averages move smoothly. Own code, because the
    optimizers' ``use_ema`` fails under JAX.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._weights = model.get_weights()
        self._steps = 0

    def update(self) -> None:
        """Takes in the weights after one more step; early on, the newest count for more."""
        self._steps += 1
        decay = min(_DECAY, self._steps / (self._steps + 9))
        for mean, new in zip(self._weights, self._model.get_weights(), strict=True):
            mean += (1 - decay) * (new - mean)

    @contextmanager
    def in_place(self) -> Iterator[list[NDArray]]:
        """Puts the averages, which it also gives, into the model for as long as it is open."""
        trained = self._model.get_weights()
        self._model.set_weights(self._weights)
        yield [mean.copy() for mean in self._weights]
        self._model.set_weights(trained)


def fit(
    train: Examples,
    validation: Examples,
    classes: int,
    config: TrainConfig,
    *,
    seed: int,
    progress: Progress | None,
    name: str,
) -> tuple[keras.Model, list[dict]]:
    """Trains a decoder from scratch.

    Args:
        train, validation: the (averaged) weights kept are those with the best
            foreground mIoU on ``validation``, which is looked at ``config.looks`` times
        classes: K, background included
        seed: of the first weights, the dropout and the order of the photos
        name: of the task on ``progress``

    Returns:
        the model (taps to (B, S, S, K) logits), not compiled, and one row of
        history for each look
    """
    keras.utils.set_random_seed(seed)
    model = fpn.fpn(train.cache.shapes, classes, config.dropout)
    coarse = fpn.coarse(model)
    steps = max(ceil(config.epochs * len(train) / config.batch), config.min_steps)
    every = ceil(steps / config.looks)
    coarse.compile(optimizer=_optimizer(config, steps), loss=CrossEntropyDice(config.dice_weight))
    # Its variables made inside the first step would have that step traced twice.
    coarse.optimizer.build(coarse.trainable_variables)
    batches = _shuffled(train, config, np.random.default_rng(seed))
    history: list[dict] = []
    average = WeightAverage(model)
    best_weights, best_miou = model.get_weights(), -1.0
    began, began_core = time.monotonic(), core_seconds()
    task = progress.add_task(name, total=steps) if progress else None
    losses = []
    for step in range(1, steps + 1):
        losses.append(float(coarse.train_on_batch(*next(batches))))
        average.update()
        if step % every == 0 or step == steps:
            with average.in_place() as weights:
                figures = _validate(model, validation, classes, config)
            miou = figures["val_miou_foreground"]
            if miou >= best_miou:
                best_weights, best_miou = weights, miou
            history.append(
                {
                    "epoch": round(step * config.batch / len(train), 2),
                    "step": step,
                    "loss": float(np.mean(losses)),
                    **figures,
                    "core_seconds": round(core_seconds() - began_core, 2),
                    "seconds": round(time.monotonic() - began, 2),
                }
            )
            losses = []
        if progress and task is not None:
            best = f"{max(best_miou, 0):.3f}"
            loss = losses[-1] if losses else history[-1]["loss"]
            text = f"{name}  loss {loss:.3f}  best mIoU {best}"
            progress.update(task, advance=1, description=text)
    if progress and task is not None:
        progress.remove_task(task)
    model.set_weights(best_weights)
    return model, history


def _optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    schedule = WarmUpCosine(config.learning_rate, steps, min(_WARM_UP, max(1, steps // 4)))
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _shuffled(
    examples: Examples, config: TrainConfig, rng: np.random.Generator
) -> Iterator[tuple[list[NDArray], NDArray[np.uint8]]]:
    """Batches without end, each photo once a pass, each time mirrored or not at random."""
    order = np.empty(0, dtype=np.int64)
    while True:
        while len(order) < config.batch:
            order = np.concatenate([order, rng.permutation(len(examples))])
        which, order = order[: config.batch], order[config.batch :]
        taps, labels = examples.batch(which, rng.integers(0, VIEWS, config.batch))
        cutmix(taps, labels, config.cutmix, rng)
        yield taps, labels


def cutmix(
    taps: list[NDArray], labels: NDArray[np.uint8], share: float, rng: np.random.Generator
) -> None:
    """Pastes a rectangle of another photo of the batch, with its label, into some, in place.

    After arXiv 1905.04899, on features: rectangles lie on the grid of the deepest
    tap, so that each of its cells moves as a whole. What the other photo's
    features saw beyond the rectangle comes along, which did no harm when measured.

    Args:
        taps: four (B, h, w, channels)
        labels: (B, S, S)
        share: of the photos that get one
    """
    grid = taps[-1].shape[1]
    others = rng.permutation(len(labels))
    for index in np.flatnonzero(rng.random(len(labels)) < share):
        height, width = rng.integers(max(1, grid // 4), max(2, grid - 1), 2)
        top, left = rng.integers(0, grid - height + 1), rng.integers(0, grid - width + 1)
        for array in (*taps, labels):
            cell = array.shape[1] // grid
            rows = slice(top * cell, (top + height) * cell)
            columns = slice(left * cell, (left + width) * cell)
            array[index, rows, columns] = array[others[index], rows, columns]


def _validate(
    model: keras.Model, examples: Examples, classes: int, config: TrainConfig
) -> dict[str, float]:
    """``val_loss`` and ``val_miou_foreground`` over the photos as they are, not mirrored."""
    confusion = metrics.Confusion(classes)
    loss = CrossEntropyDice(config.dice_weight)
    losses = []
    for start in range(0, len(examples), config.batch):
        which = np.arange(start, min(start + config.batch, len(examples)))
        taps, labels = examples.batch(which, np.zeros(len(which), dtype=np.int64))
        logits = model.predict_on_batch(taps)
        losses += [float(loss(labels, logits))] * len(which)
        confusion.add(labels, logits.argmax(-1))
    figures = metrics.scores(confusion.matrix, [str(k) for k in range(classes)])
    return {
        "val_loss": float(np.mean(losses)),
        "val_miou_foreground": figures["miou_foreground"] or 0.0,
    }
