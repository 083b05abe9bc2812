"""Trains one model and keeps its best weights; a killed training goes on where it last looked."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from curation.core.atomic import replacing
from curation.core.errors import CurateError
from training import average, devices, workers
from training.average import WeightAverage
from training.clock import core_seconds
from training.config import TrainConfig
from training.losses import SegmentationLoss
from training.models import coarse
from training.schedule import optimizer


class DivergedError(CurateError):
    """The loss of a training is no number any more."""


_TOLD = 4
"""Steps between two words on the progress bar."""


class Validate(Protocol):
    """``val_cross_entropy`` and ``val_miou_foreground`` of a model, on photos it is not taught."""

    def __call__(self, model: keras.Model) -> dict[str, float]: ...


@dataclass(frozen=True)
class Teaching:
    """What one model is taught with.

    Attributes:
        build: makes the model: inputs to (B, S, S, K) logits
        slow: the weights of the model that come from a pretrained backbone
        batches: the global steps from a first one on, for a number of steps: what
            ``keras.Model.fit`` takes, made of (inputs, (B, S, S) label maps)
        validate: measures it
        choosing: whether that chooses the weights to keep; else they are the last ones
        steps: how many there are in all
        looks: how often it is validated, evenly; ``steps`` is a multiple of it
        images: how many are taught, for the epochs of the history
        class_weights: (K,) or None
    """

    build: Callable[[], keras.Model]
    slow: Callable[[keras.Model], list[keras.Variable]]
    batches: Callable[[int, int], Any]
    validate: Validate
    choosing: bool
    steps: int
    looks: int
    images: int
    class_weights: NDArray[np.float64] | None


def fit(
    teaching: Teaching,
    config: TrainConfig,
    *,
    seed: int,
    checkpoint: Path,
    board: Path,
    progress: Progress | None,
    name: str,
) -> tuple[keras.Model, list[dict]]:
    """Trains a model.

    The weights kept are the (averaged) ones with the best foreground mIoU of
    ``teaching.looks`` looks at the validation photos, or the last ones. At each look all that is
    needed to go on is written to ``checkpoint``: called again with the same
    arguments, a killed training ends with the same weights.

    Args:
        seed: of the first weights, the dropout and the order of the photos
        board: folder for TensorBoard's logs, where TensorBoard is installed
        name: of the task on ``progress``

    Returns:
        the model, not compiled, and one row of history for each look
    """
    keras.utils.set_random_seed(seed)
    with workers.scope(), _computing_in(devices.precision(config.precision)):
        model = teaching.build()
        taught = coarse(model)
        taught.compile(
            optimizer=optimizer(config, teaching.steps, teaching.slow(model)),
            loss=SegmentationLoss(config.loss, config.dice_weight, teaching.class_weights),
            jit_compile=devices.jit(),
        )
        # Its variables made inside the first step would have that step traced twice.
        taught.optimizer.build(taught.trainable_variables)
        looks = Looks(teaching, config, model, taught, checkpoint, progress, name)
        done = looks.resume(taught)
        workers.unite(taught)
        callbacks: list[keras.callbacks.Callback] = [looks]
        if log := _tensorboard(board):
            callbacks.append(log)
        if done < teaching.looks and not looks.over:
            every = teaching.steps // teaching.looks
            taught.fit(
                teaching.batches(done * every, (teaching.looks - done) * every),
                initial_epoch=done,
                epochs=teaching.looks,
                steps_per_epoch=every,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
    looks.close()
    taught.set_weights(looks.kept_weights)
    return model, looks.history


@contextmanager
def _computing_in(policy: str) -> Iterator[None]:
    """Models are made, and compiled (float16 needs its loss scaled), under a dtype policy."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


class Looks(keras.callbacks.Callback):
    """At each look: validates the averaged weights, keeps them or not, writes the checkpoint.

    A look is what Keras calls an epoch here.
    """

    def __init__(
        self,
        teaching: Teaching,
        config: TrainConfig,
        whole: keras.Model,
        taught: keras.Model,
        checkpoint: Path,
        progress: Progress | None,
        name: str,
    ) -> None:
        super().__init__()
        self._teaching, self._config, self._whole = teaching, config, whole
        self._checkpoint, self._progress, self._name = checkpoint, progress, name
        self._task = progress.add_task(name, total=teaching.steps) if progress else None
        self._average = WeightAverage(taught) if config.average else None
        self._step = 0
        self._began, self._began_core = time.monotonic(), core_seconds()
        self._spent, self._spent_core = 0.0, 0.0
        self.kept_weights: list[NDArray] = taught.get_weights()
        self.history: list[dict] = []

    @property
    def best(self) -> float:
        """The best foreground mIoU so far."""
        return max((row["val_miou_foreground"] for row in self.history), default=0.0)

    @property
    def over(self) -> bool:
        """Whether so many looks brought nothing better that the training stops early."""
        mious = [row["val_miou_foreground"] for row in self.history]
        if not self._config.patience or not self._teaching.choosing or not mious:
            return False
        return len(mious) - 1 - int(np.argmax(mious)) >= self._config.patience

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        self._step += 1
        if self._average and self._step % average.EVERY == 0:
            # self.model and no other: under JAX, asking for it brings the weights into place.
            self._average.update(self.model, self._step)
        # The loss is still on the device: fetching it each step would make a GPU wait.
        if self._progress and self._task is not None and self._step % _TOLD == 0:
            text = f"{self._name}  loss {float(logs['loss']):.3f}  best mIoU {self.best:.3f}"
            self._progress.update(self._task, completed=self._step, description=text)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise DivergedError(
                self._checkpoint.parent,
                f"the loss is {loss}: the weights ran away; take a lower --learning-rate",
                where=f"{self._name}, step {self._step}",
            )
        before = self.best
        if self._average:
            if self._step % average.EVERY:
                self._average.update(self.model, self._step)  # the last few steps count too
            with self._average.in_place(self.model):
                figures, weights = self._look()
        else:
            figures, weights = self._look()
        kept = not self._teaching.choosing or figures["val_miou_foreground"] >= before
        if kept:
            self.kept_weights = weights
        self.history.append(
            {
                "epoch": round(self._step * self._config.batch / self._teaching.images, 2),
                "step": self._step,
                "loss": loss,
                **figures,
                "kept": int(kept),
                "learning_rate": float(self.model.optimizer.learning_rate),
                "core_seconds": round(core_seconds() - self._began_core + self._spent_core, 2),
                "seconds": round(time.monotonic() - self._began + self._spent, 2),
            }
        )
        logs |= figures  # for TensorBoard, which comes after
        if workers.is_chief():
            self._write()
        if self.over:
            self.model.stop_training = True

    def _look(self) -> tuple[dict[str, float], list[NDArray]]:
        return self._teaching.validate(self._whole), self.model.get_weights()

    def _write(self) -> None:
        """All that is needed to go on, under one name at once."""
        arrays: dict[str, Any] = {
            **_numbered("model", [np.asarray(v) for v in _variables(self.model)]),
            **_numbered("optimizer", [np.asarray(v) for v in self.model.optimizer.variables]),
            **_numbered("kept", self.kept_weights),
            "history": np.frombuffer(json.dumps(self.history).encode(), np.uint8),
        }
        if self._average:
            arrays |= _numbered("average", self._average.weights)
        with replacing(self._checkpoint) as part, part.open("wb") as file:
            np.savez(file, **arrays)

    def resume(self, taught: keras.Model) -> int:
        """Puts back what the last look of a killed training left.

        Returns:
            the looks that are done
        """
        if not self._checkpoint.exists():
            return 0
        try:
            with np.load(self._checkpoint, allow_pickle=False) as kept:
                self.history = json.loads(kept["history"].tobytes())
                _assign(_variables(taught), _of(kept, "model"))
                _assign(taught.optimizer.variables, _of(kept, "optimizer"))
                self.kept_weights = _of(kept, "kept")
                self._step = self.history[-1]["step"]
                if self._average:
                    self._average.weights = _of(kept, "average")
            self._spent = self.history[-1]["seconds"]
            self._spent_core = self.history[-1]["core_seconds"]
        except (
            OSError, EOFError, ValueError, TypeError, LookupError, BadZipFile, zlib.error
        ) as error:  # fmt: skip
            reason = f"cannot be read: {error}; delete it to begin {self._name} anew"
            raise CurateError(self._checkpoint, reason) from None
        return len(self.history)

    def close(self) -> None:
        if self._progress and self._task is not None:
            self._progress.remove_task(self._task)


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Weights, and the state of what draws random numbers; not the metrics, which start anew."""
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    return [v for v in model.variables if id(v) not in metrics]


def _numbered(name: str, arrays: list[NDArray]) -> dict[str, NDArray]:
    return {f"{name}/{number:05d}": array for number, array in enumerate(arrays)}


def _of(kept: Any, name: str) -> list[NDArray]:
    return [kept[key] for key in sorted(kept.files) if key.startswith(f"{name}/")]


def _assign(variables: list[keras.Variable], values: list[NDArray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _tensorboard(folder: Path) -> keras.callbacks.Callback | None:
    """Writes the figures of each look for TensorBoard, where TensorFlow is there to write them."""
    if not workers.is_chief():
        return None
    try:
        import tensorboard  # noqa: F401
        import tensorflow  # noqa: F401
    except ImportError:
        return None
    return keras.callbacks.TensorBoard(folder, write_graph=False)
