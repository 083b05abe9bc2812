"""Measures the models of a run, each on photos it was not taught, and draws some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from curation import photos as photo_files
from training import metrics, plots
from training.fit import Examples
from training.folder import ClassList, Photo
from training.predict import probabilities

_PICTURES = 8
_TINY = 1e-7


def measure(
    models: Mapping[str, keras.Model],
    measured: Mapping[str, NDArray[np.intp]],
    examples: Examples,
    classes: ClassList,
    batch: int,
    progress: Progress | None,
) -> dict:
    """The figures over all measured photos together.

    Args:
        models: by name
        measured: indices into ``examples`` by the name of the model that predicts them

    Returns:
        ``photos``, those of :func:`training.metrics.scores`, and ``loss``: the mean
        cross-entropy of a labelled pixel under the predicted probabilities
    """
    total = sum(len(indices) for indices in measured.values())
    task = progress.add_task("measure", total=total) if progress else None
    confusion = metrics.Confusion(len(classes.names))
    loss = 0.0
    for name, indices in measured.items():
        for start in range(0, len(indices), batch):
            which = indices[start : start + batch]
            labels = examples.labels[examples.picks[which]]
            chances = probabilities([models[name]], examples.cache, examples.rows[which])
            confusion.add(labels, chances.argmax(-1))
            loss += _cross_entropy(labels, chances)
            if progress and task is not None:
                progress.advance(task, len(which))
    if progress and task is not None:
        progress.remove_task(task)
    pixels = max(1, int(confusion.matrix.sum()))
    figures = metrics.scores(confusion.matrix, classes.names)
    return {"photos": total, **figures, "loss": round(loss / pixels, 6)}


def _cross_entropy(labels: NDArray[np.uint8], chances: NDArray[np.float32]) -> float:
    """The sum over the labelled pixels. labels (B, S, S), chances (B, S, S, K)."""
    seen = labels != metrics.VOID
    right = np.take_along_axis(chances[seen], labels[seen][:, None].astype(np.intp), axis=1)
    return float(-np.log(np.maximum(right, _TINY)).sum(dtype=np.float64))


def draw_grid(
    path: Path,
    models: Mapping[str, keras.Model],
    measured: Mapping[str, NDArray[np.intp]],
    examples: Examples,
    photos: Sequence[Photo],
    classes: ClassList,
) -> None:
    """Writes a PNG of a few measured photos, chosen by the hash of their key."""
    model_of = {int(i): name for name, indices in measured.items() for i in indices}
    chosen = sorted(model_of, key=lambda i: sha256(photos[i].key.encode()).digest())[-_PICTURES:]
    panels = []
    for index in chosen:
        rows = examples.rows[index : index + 1]
        predicted = probabilities([models[model_of[index]]], examples.cache, rows)[0].argmax(-1)
        label = np.asarray(examples.labels[examples.picks[index]])
        photo = photo_files.read(photos[index].path, examples.cache.size)
        panels.append((photos[index].image_id, photo, label, predicted))
    plots.grid(path, panels, classes)
