"""What is done with a finished run: it is measured again, and written for use elsewhere."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from curation.core.errors import RunError
from training import evaluate, models
from training.data.records import Records
from training.folder import SINGLE, RunFolder
from training.predict import Inputs


def measure(folder: Path, data: Path, *, cache: Path, progress: Progress | None) -> dict:
    """Measures a finished run on photos and labels of now: those it was not taught.

    A photo of the run is predicted by the model of its fold, or left out where it was
    taught or chose the weights; any other by the mean of all models.

    Args:
        folder: of the run
        data: a folder of TFRecords, of the run's size and classes

    Returns:
        the figures of :class:`training.metrics.Scores`

    Raises:
        RunError: the run is missing or unfinished, the data do not fit it, or all
            of them were taught
    """
    run = RunFolder(folder)
    run.finished()
    config, records = run.config(), Records(data)
    if records.classes.names != run.classes().names or records.size != config.size:
        raise RunError(
            folder,
            f"was trained at {config.size} pixels on {', '.join(run.classes().names)}; {data} has "
            f"{records.size} and {', '.join(records.classes.names)}",
            where="config.toml",
        )
    groups = _unseen(run, records)
    if not groups:
        raise RunError(folder, f"all photos of {data} were taught to this run", where="photos.csv")
    inputs = Inputs(config, cache)
    inputs.prepare([records.images[i] for _, indices in groups for i in indices], progress)
    return evaluate.measure(groups, records, inputs, progress).figures(records.classes.names)


def _unseen(run: RunFolder, records: Records) -> list[tuple[list[keras.Model], NDArray[np.intp]]]:
    """Models and the records that they may be measured on."""
    parts = run.parts()
    part_of = dict(zip(parts.keys, parts.of, strict=True))
    names = [f"fold{p}" for p in sorted(set(parts.of))] if parts.kind == "fold" else [SINGLE]
    trained = {name: run.load_model(name) for name in names}
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, image in enumerate(records.images):
        part = part_of.get(image.key, "test")
        if part in ("train", "val"):
            continue
        chosen = (f"fold{part}",) if part.isdecimal() else tuple(names)
        groups.setdefault(chosen, []).append(index)
    return [([trained[n] for n in names], np.array(i)) for names, i in sorted(groups.items())]


def export(folder: Path, target: Path, format_: str, fold: int | None) -> dict:
    """Writes a model of a finished run for use elsewhere; see :func:`training.portable.export`.

    Args:
        fold: which model, where the run has folds

    Raises:
        RunError: the run is missing or unfinished, or has no such fold
    """
    from training import portable  # imports TensorFlow, without which the rest trains too

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
