"""What a training goes on from after a kill: all of its state, in one file that is whole or absent.

It is an ``.npz`` of arrays and nothing that could run: ``model``, ``optimizer``, ``kept`` and,
where there is one, ``ema``, each numbered; and the history as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from curation.core import npz
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from training.fitting.ema import WeightEma


@dataclass
class TrainingState:
    """Where a training is.

    Attributes:
        ema: the average of its weights, or None where none is kept
        kept_weights: the best ones so far, or the last ones
        history: one row for each evaluation that is done
        step: how many steps are done
    """

    ema: WeightEma | None
    kept_weights: list[NDArray]
    history: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0

    @classmethod
    def start(cls, model: keras.Model, ema: bool) -> TrainingState:
        """The state before the first step."""
        return cls(WeightEma(model) if ema else None, model.get_weights())

    @property
    def mious(self) -> list[float]:
        """The foreground mIoU of each evaluation."""
        return [row["val_miou_foreground"] for row in self.history]

    def save(self, path: Path, model: keras.Model) -> None:
        """Writes all that is needed to go on, under one name at once.

        Args:
            model: that is trained, compiled, its optimizer built
        """
        arrays: dict[str, Any] = {
            **_numbered("model", [np.asarray(v) for v in variables(model)]),
            **_numbered("optimizer", [np.asarray(v) for v in model.optimizer.variables]),
            **_numbered("kept", self.kept_weights),
            "history": np.frombuffer(json.dumps(self.history).encode(), np.uint8),
        }
        if self.ema:
            arrays |= _numbered("ema", self.ema.weights)
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)

    def restore(self, path: Path, model: keras.Model) -> None:
        """Puts back what the last evaluation of a killed training left, if it left anything.

        Raises:
            CurateError: the file cannot be read, or is of another model
        """
        if not path.exists():
            return
        way_out = f"delete it to begin {path.stem} anew"
        saved = npz.read(path, way_out)
        try:
            self.history = json.loads(saved["history"].tobytes())
            _assign(variables(model), _of(saved, "model"))
            _assign(model.optimizer.variables, _of(saved, "optimizer"))
            self.kept_weights = _of(saved, "kept")
            self.step = self.history[-1]["step"]
            if self.ema:
                self.ema.weights = _of(saved, "ema")
        except (ValueError, TypeError, LookupError) as error:
            raise CurateError(path, f"cannot be read: {error}; {way_out}") from None


def variables(model: keras.Model) -> list[keras.Variable]:
    """Weights, and the state of what draws random numbers; not the metrics, which start anew."""
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    return [v for v in model.variables if id(v) not in metrics]


def _numbered(name: str, arrays: list[NDArray]) -> dict[str, NDArray]:
    return {f"{name}/{number:05d}": array for number, array in enumerate(arrays)}


def _of(saved: dict[str, NDArray], name: str) -> list[NDArray]:
    return [saved[key] for key in sorted(saved) if key.startswith(f"{name}/")]


def _assign(variables: list[keras.Variable], values: list[NDArray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
