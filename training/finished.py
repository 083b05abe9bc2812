"""What is done with a finished run: it is measured again, and written for use elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curation.core.errors import RunError
from curation.core.progress import Progress, silent
from training import evaluate
from training.data.examples import Examples
from training.folder import SINGLE, RunFolder
from training.metrics import Figures
from training.predict import Inputs

if TYPE_CHECKING:
    import keras


def measure(
    folder: Path, examples: Examples, *, cache: Path, progress: Progress = silent
) -> Figures:
    """Measures a finished run on photos and labels of now: those it was not trained on.

    A photo of the run is predicted by the model of its fold, or skipped where the run
    trained on it or selected its weights by it; any other by the mean of all models.

    Args:
        folder: of the run
        examples: of the run's size and classes
        cache: folder of the feature caches

    Returns:
        the figures of :class:`training.metrics.Scores`

    Raises:
        RunError: the run is missing or unfinished, the examples do not fit it, or it
            trained on all of them
    """
    run = RunFolder(folder)
    run.finished()
    config = run.config()
    if examples.classes.names != run.classes().names or examples.size != config.size:
        raise RunError(
            folder,
            f"was trained at {config.size} pixels on {', '.join(run.classes().names)}; "
            f"{examples.folder} has {examples.size} and {', '.join(examples.classes.names)}",
            where="config.toml",
        )
    groups = _unseen(run, examples)
    if not groups:
        raise RunError(
            folder, f"this run trained on all photos of {examples.folder}", where="photos.csv"
        )
    inputs = Inputs(config, cache)
    inputs.prepare(
        [examples.images[i] for _, indices in groups for i in indices], progress=progress
    )
    scores = evaluate.measure(groups, examples, inputs, progress=progress)
    return scores.figures(examples.classes.names)


def _unseen(run: RunFolder, examples: Examples) -> list[tuple[list[keras.Model], NDArray[np.intp]]]:
    """Models and the examples that they may be measured on."""
    parts = run.parts()
    part_of = dict(zip(parts.keys, parts.of, strict=True))
    names = [f"fold{p}" for p in sorted(set(parts.of))] if parts.kind == "fold" else [SINGLE]
    trained = {name: run.load_model(name) for name in names}
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, image in enumerate(examples.images):
        part = part_of.get(image.key, "test")
        if part in ("train", "val"):
            continue
        chosen = (f"fold{part}",) if part.isdecimal() else tuple(names)
        groups.setdefault(chosen, []).append(index)
    return [([trained[n] for n in names], np.array(i)) for names, i in sorted(groups.items())]


def export(folder: Path, target: Path, format_: str, fold: int | None = None) -> dict:
    """Writes a model of a finished run for use elsewhere.

    Args:
        format_: one of :data:`training.models.portable.FORMATS`
        fold: which model, where the run has folds

    Returns:
        ``files``, ``bytes`` and ``difference``; see :func:`training.models.portable.export`

    Raises:
        RunError: the run is missing or unfinished, or has no such fold
    """
    from training import models
    from training.models import portable  # needs TensorFlow, without which the rest trains too

    run = RunFolder(folder)
    run.finished()
    config, classes = run.config(), run.classes()
    if (run.parts().kind == "fold") != (fold is not None):
        reason = "this run has folds: name one" if fold is None else "this run has no folds"
        raise RunError(folder, reason, where="--fold")
    name = SINGLE if fold is None else f"fold{fold}"
    if not run.has_model(name):
        raise RunError(folder, f"this run has no fold {fold}", where="--fold")
    model = run.load_model(name)
    if config.frozen:
        model = models.attach(models.encoder(config), model)
    return portable.export(model, target, format_, classes, config.size)
