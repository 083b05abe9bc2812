"""Measures the models of a run, each on photos it was not taught, and draws some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from curation.core.atomic import replacing
from training import plots
from training.data.records import Records
from training.folder import RunFolder
from training.metrics import Scores
from training.predict import Inputs, Views, probabilities

_PICTURES = 8


def measure(
    groups: Sequence[tuple[Sequence[keras.Model], NDArray[np.intp]]],
    records: Records,
    inputs: Inputs,
    progress: Progress | None,
) -> Scores:
    """The figures over all photos of all groups together, each with its mirror image.

    Args:
        groups: models, whose mean counts, and indices of the records that they are measured on
        inputs: prepared for these photos
    """
    total = sum(len(indices) for _, indices in groups)
    task = progress.add_task("measure", total=total) if progress else None
    scores = Scores(len(records.classes.names))
    for models, indices in groups:
        for labels, both in views(indices, records, inputs):
            scores.add(labels, probabilities(models, both))
            if progress and task is not None:
                progress.advance(task, len(labels))
    if progress and task is not None:
        progress.remove_task(task)
    return scores


def views(
    indices: NDArray[np.intp], records: Records, inputs: Inputs, *, mirrored: bool = True
) -> Iterator[tuple[NDArray[np.uint8], Views]]:
    """Label maps (B, S, S) of some records and what models take of them, batch by batch."""
    at, images = 0, [records.images[index] for index in indices]
    for batch, taken in inputs.views(images, mirrored=mirrored):
        labels = [records.labels(index) for index in indices[at : at + len(batch)].tolist()]
        at += len(batch)
        yield np.stack(labels), taken


def draw_grid(
    path: Path,
    groups: Sequence[tuple[Sequence[keras.Model], NDArray[np.intp]]],
    records: Records,
    inputs: Inputs,
) -> None:
    """Writes a PNG of a few photos of the groups, chosen by the hash of their key."""
    models_of = {int(i): models for models, indices in groups for i in indices}
    digest = {i: sha256(records.images[i].key.encode()).digest() for i in models_of}
    panels = []
    for index in sorted(models_of, key=lambda i: digest[i])[-_PICTURES:]:
        image = records.images[index]
        ((_, both),) = inputs.views([image])
        guess = probabilities(models_of[index], both)[0].argmax(-1)
        panels.append((image.image_id, image.read(records.size), records.labels(index), guess))
    plots.grid(path, panels, records.classes)


def draw_scores(run: RunFolder, scores: Scores, names: Sequence[str]) -> None:
    """Writes ``confusion.png`` and ``calibration.png`` of a run."""
    with replacing(run.confusion) as path:
        plots.confusion(path, scores.confusion.matrix, names)
    with replacing(run.calibration) as path:
        plots.reliability(path, scores.calibration)
