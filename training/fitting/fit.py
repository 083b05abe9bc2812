"""Trains one model and keeps its best weights; a killed one goes on from its last evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from curation.core.progress import Progress, silent
from training import devices, workers
from training.clock import Stopwatch
from training.config import TrainConfig
from training.errors import DivergedError
from training.fitting import ema
from training.fitting.checkpoint import TrainingState
from training.fitting.losses import SegmentationLoss
from training.fitting.schedule import optimizer
from training.models import low_resolution

_TELL_EVERY = 4
"""Steps between two words on the progress bar."""


class Validate(Protocol):
    """``val_cross_entropy`` and ``val_miou_foreground`` of a model, on its validation photos."""

    def __call__(self, model: keras.Model) -> dict[str, float]: ...


@dataclass(frozen=True)
class FitSpec:
    """What one model is trained with.

    Attributes:
        build: makes the model: inputs to (B, S, S, K) logits
        backbone_variables: those of the model that come from a pretrained backbone
        batches: the global steps from a first one on, for a number of steps: what
            ``keras.Model.fit`` takes, made of (inputs, (B, S, S) label maps)
        validate: measures it
        select_best: whether that selects the weights to keep; else they are the last ones
        steps: how many there are in all
        evals: how often it is validated, evenly; ``steps`` is a multiple of it
        images: how many it is trained on, for the epochs of the history
        class_weights: (K,) or None
    """

    build: Callable[[], keras.Model]
    backbone_variables: Callable[[keras.Model], list[keras.Variable]]
    batches: Callable[[int, int], Any]
    validate: Validate
    select_best: bool
    steps: int
    evals: int
    images: int
    class_weights: NDArray[np.float64] | None

    @property
    def steps_per_eval(self) -> int:
        return self.steps // self.evals


def fit(
    spec: FitSpec,
    config: TrainConfig,
    *,
    seed: int,
    checkpoint: Path,
    log_dir: Path,
    name: str,
    progress: Progress = silent,
) -> tuple[keras.Model, list[dict]]:
    """Trains a model.

    The weights kept are the (averaged) ones with the best foreground mIoU of
    ``spec.evals`` evaluations, or the last ones. At each evaluation all that is
    needed to go on is written to ``checkpoint``: called again with the same
    arguments, a killed training ends with the same weights.

    Args:
        seed: of the first weights, the dropout and the order of the photos
        log_dir: folder for TensorBoard's logs, where TensorBoard is installed
        name: of the task that ``progress`` is told

    Returns:
        the model, not compiled, and one row of history for each evaluation

    Raises:
        DivergedError: the loss is no number any more
        CurateError: the checkpoint cannot be read
    """
    keras.utils.set_random_seed(seed)
    with workers.scope(), _dtype_policy(devices.precision(config.precision)):
        model = spec.build()
        trained = _compiled(model, spec, config)
        state = TrainingState.start(trained, config.ema)
        state.restore(checkpoint, trained)
        evaluation = Evaluation(spec, config, state, model, checkpoint, progress, name)
        workers.all_reduce(trained)
        done = len(state.history)
        if done < spec.evals and not evaluation.is_over:
            trained.fit(
                spec.batches(done * spec.steps_per_eval, (spec.evals - done) * spec.steps_per_eval),
                initial_epoch=done,
                epochs=spec.evals,
                steps_per_epoch=spec.steps_per_eval,
                callbacks=[evaluation, *_tensorboard(log_dir)],
                shuffle=False,
                verbose=0,
            )
    progress(name, spec.steps, spec.steps)  # also where patience ended it before
    trained.set_weights(state.kept_weights)
    return model, state.history


@contextmanager
def _dtype_policy(policy: str) -> Iterator[None]:
    """Models are made, and compiled (float16 needs its loss scaled), under a dtype policy."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _compiled(model: keras.Model, spec: FitSpec, config: TrainConfig) -> keras.Model:
    """The model up to half its side, as it is trained: the two share their weights."""
    trained = low_resolution(model)
    trained.compile(
        optimizer=optimizer(config, spec.steps, spec.backbone_variables(model)),
        loss=SegmentationLoss(config.loss, config.dice_weight, spec.class_weights),
        jit_compile=devices.jit(),
    )
    # Its variables made inside the first step would have that step traced twice.
    trained.optimizer.build(trained.trainable_variables)
    return trained


class Evaluation(keras.callbacks.Callback):
    """Every ``steps_per_eval`` steps, which is an epoch to Keras: validates the (averaged)
    weights, keeps them or not, and writes the checkpoint.

    Args:
        state: of the training, which is brought up to date
        model: the trained one in full resolution, which is validated
    """

    def __init__(
        self,
        spec: FitSpec,
        config: TrainConfig,
        state: TrainingState,
        model: keras.Model,
        checkpoint: Path,
        progress: Progress,
        name: str,
    ) -> None:
        super().__init__()
        self._spec, self._config, self._state, self._full = spec, config, state, model
        self._checkpoint, self._progress, self._name = checkpoint, progress, name
        earlier = state.history[-1] if state.history else {"cpu_seconds": 0.0, "seconds": 0.0}
        self._stopwatch = Stopwatch((earlier["cpu_seconds"], earlier["seconds"]))

    @property
    def is_over(self) -> bool:
        """Whether ``patience`` evaluations brought nothing better: the training stops early."""
        mious = self._state.mious
        if not self._config.patience or not self._spec.select_best or not mious:
            return False
        return len(mious) - 1 - int(np.argmax(mious)) >= self._config.patience

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        state = self._state
        state.step += 1
        if state.ema and state.step % ema.EVERY == 0:
            # self.model and no other: under JAX, asking for it brings the weights into place.
            state.ema.update(self.model, state.step)
        # The loss is still on the device: fetching it each step would make a GPU wait.
        if state.step % _TELL_EVERY == 0 and state.step < self._spec.steps:
            best = max(state.mious, default=0.0)
            note = f"loss {float(logs['loss']):.3f}  best mIoU {best:.3f}"
            self._progress(self._name, state.step, self._spec.steps, note)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            where = f"{self._name}, step {self._state.step}"
            reason = f"the loss is {loss}: the weights ran away; take a lower --learning-rate"
            raise DivergedError(self._checkpoint.parent, reason, where=where)
        figures, weights = self._validate()
        self._keep(figures, weights, loss)
        logs |= figures  # for TensorBoard, which comes after
        if workers.is_chief():
            self._state.save(self._checkpoint, self.model)
        if self.is_over:
            self.model.stop_training = True

    def _validate(self) -> tuple[dict[str, float], list[NDArray]]:
        """The figures of the weights that count here, and these weights."""
        average, step = self._state.ema, self._state.step
        if average is None:
            return self._spec.validate(self._full), self.model.get_weights()
        if step % ema.EVERY:
            average.update(self.model, step)  # the last few steps count too
        with average.in_place(self.model):
            return self._spec.validate(self._full), self.model.get_weights()

    def _keep(self, figures: dict[str, float], weights: list[NDArray], loss: float) -> None:
        """Keeps the weights where they are to be, and adds a row to the history."""
        state = self._state
        best = max(state.mious, default=0.0)
        kept = not self._spec.select_best or figures["val_miou_foreground"] >= best
        if kept:
            state.kept_weights = weights
        cpu, wall = self._stopwatch.spent()
        state.history.append(
            {
                "epoch": round(state.step * self._config.batch / self._spec.images, 2),
                "step": state.step,
                "loss": loss,
                **figures,
                "kept": int(kept),
                "learning_rate": float(self.model.optimizer.learning_rate),
                "cpu_seconds": round(cpu, 2),
                "seconds": round(wall, 2),
            }
        )


def _tensorboard(folder: Path) -> list[keras.callbacks.Callback]:
    """Writes the figures of each evaluation, where TensorFlow is there to write them."""
    if not workers.is_chief():
        return []
    try:
        import tensorboard  # noqa: F401
        import tensorflow  # noqa: F401
    except ImportError:
        return []
    return [keras.callbacks.TensorBoard(folder, write_graph=False)]
