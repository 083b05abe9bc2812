"""Measures the models of a run, each on photos it was not trained on, and draws some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curation.core.atomic import replacing
from curation.core.progress import Progress, silent
from training.data.examples import Examples
from training.folder import Parts, RunFolder
from training.metrics import Scores
from training.plan import SplitIndices
from training.predict import Inputs, Views, probabilities
from training.stored import RunMetrics

if TYPE_CHECKING:
    import keras

_PICTURES = 8


def measure(
    groups: Sequence[tuple[Sequence[keras.Model], NDArray[np.intp]]],
    examples: Examples,
    inputs: Inputs,
    *,
    progress: Progress = silent,
) -> Scores:
    """The figures over all photos of all groups together, each with its mirror image.

    Args:
        groups: models, whose mean counts, and indices of the examples that they are measured on
        inputs: prepared for these photos
    """
    total = sum(len(indices) for _, indices in groups)
    scores = Scores(len(examples.classes.names))
    for models, indices in groups:
        for labels, both in views(indices, examples, inputs):
            scores.add(labels, probabilities(models, both))
            progress("measure", scores.images, total)
    return scores


def views(
    indices: NDArray[np.intp], examples: Examples, inputs: Inputs, *, mirrored: bool = True
) -> Iterator[tuple[NDArray[np.uint8], Views]]:
    """Label maps (B, S, S) of some examples and what models take of them, batch by batch."""
    at, images = 0, [examples.images[index] for index in indices]
    for batch, taken in inputs.views(images, mirrored=mirrored):
        labels = [examples.labels(index) for index in indices[at : at + len(batch)].tolist()]
        at += len(batch)
        yield np.stack(labels), taken


def draw_grid(
    path: Path,
    groups: Sequence[tuple[Sequence[keras.Model], NDArray[np.intp]]],
    examples: Examples,
    inputs: Inputs,
) -> None:
    """Writes a PNG of a few photos of the groups, chosen by the hash of their key."""
    from training import plots  # matplotlib, which every verb would wait half a second for

    models_of = {int(i): models for models, indices in groups for i in indices}
    digest = {i: sha256(examples.images[i].key.encode()).digest() for i in models_of}
    panels = []
    for index in sorted(models_of, key=lambda i: digest[i])[-_PICTURES:]:
        image = examples.images[index]
        ((_, both),) = inputs.views([image])
        guess = probabilities(models_of[index], both)[0].argmax(-1)
        panels.append((image.image_id, image.read(examples.size), examples.labels(index), guess))
    plots.grid(path, panels, examples.classes)


def summarize(
    run: RunFolder,
    examples: Examples,
    parts: Parts,
    splits: Mapping[str, SplitIndices],
    inputs: Inputs,
    *,
    progress: Progress = silent,
) -> RunMetrics:
    """Draws the pictures of a run whose models are trained, and measures these.

    Args:
        parts: of the examples, in their order
        splits: the examples of each model, by its name

    Returns:
        what metrics.json is to hold; the two times are 0 so far
    """
    from training import plots

    names = examples.classes.names
    with replacing(run.curves) as path:
        plots.curves(path, run.history())
    trained = {name: run.load_model(name) for name in splits}
    groups = [([trained[name]], split.test) for name, split in splits.items()]
    with replacing(run.grid) as path:
        draw_grid(path, groups, examples, inputs)
    scores = measure(groups, examples, inputs, progress=progress)
    draw_scores(run, scores, names)
    metrics: RunMetrics = {
        "measured_on": _measured_on(parts),
        **scores.figures(names),
        "parameters": next(iter(trained.values())).count_params(),
        "cpu_seconds": 0.0,
        "seconds": 0.0,
    }
    if metrics["measured_on"] == "test":
        groups = [([trained[name]], split.val) for name, split in splits.items()]
        metrics["val"] = measure(groups, examples, inputs, progress=progress).figures(names)
    return metrics


def _measured_on(parts: Parts) -> str:
    if parts.kind == "fold":
        return "out-of-fold"
    return "test" if "test" in parts.of else "val"


def draw_scores(run: RunFolder, scores: Scores, names: Sequence[str]) -> None:
    """Writes ``confusion.png`` and ``calibration.png`` of a run."""
    from training import plots

    with replacing(run.confusion) as path:
        plots.confusion(path, scores.confusion.matrix, names)
    with replacing(run.calibration) as path:
        plots.reliability(path, scores.calibration)
