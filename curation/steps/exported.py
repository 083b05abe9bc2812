"""Runs on a folder of TFRecords, for a machine that has the export and no FiftyOne.

The same verbs as :mod:`curation.steps.rounds`, whose place this takes: a run is a
folder anywhere, and goes into ``runs`` of its dataset to be predicted with there.
"""

from __future__ import annotations

from pathlib import Path

from rich.progress import Progress

from curation.core import splits
from curation.core.errors import RunError
from training import run as trainer
from training.config import TrainConfig


def train(data: Path, run: str, folds: int, config: TrainConfig, progress: Progress) -> dict:
    """Trains a run: K models out of fold, or one on the train split of the export.

    Returns:
        the metrics; see :func:`training.run.train`

    Raises:
        RunError: the photos have another size than the settings say
    """
    records = trainer.Records(data)
    records.verify(progress)
    if records.size != config.size:
        raise RunError(
            run,
            f"photos in {data} have {records.size} pixels a side, the settings say {config.size}: "
            f"take --size {records.size}, or export with --size {config.size}",
            where="--size",
        )
    if folds:
        of = _folds(records, folds, progress)
    else:
        of = tuple(image.split for image in records.images)
    parts = trainer.Parts(
        "fold" if folds else "split",
        tuple(image.key for image in records.images),
        tuple(image.image_id for image in records.images),
        of,
    )
    folder = run_folder(data, run)
    finished = trainer.begin(folder, config, records.classes, parts, records.digest())
    return finished or _train(data, run, progress)


def resume(data: Path, run: str, progress: Progress) -> dict:
    """Goes on with a run that was killed, on the export that it began with, wherever that lies.

    Returns:
        the metrics; see :func:`training.run.train`
    """
    trainer.Records(data).verify(progress)
    return _train(data, run, progress)


def _train(data: Path, run: str, progress: Progress) -> dict:
    return trainer.train(run_folder(data, run), data, cache=feature_cache(run), progress=progress)


def evaluate(data: Path, run: str, progress: Progress) -> dict:
    """Measures a finished run on an export, on photos that it was not taught.

    Returns:
        the figures; see :func:`training.run.measure`
    """
    folder = run_folder(data, run)
    return trainer.measure(folder, data, cache=feature_cache(run), progress=progress)


def run_folder(data: Path, run: str) -> Path:
    """A run is where its name says."""
    return Path(run)


def feature_cache(run: str) -> Path:
    """The features of the frozen backbone: beside the runs, for all of them."""
    return Path(run).absolute().parent / "features"


def _folds(records: trainer.Records, folds: int, progress: Progress) -> tuple[str, ...]:
    """Dealt by the rarest class of each photo, as those of a dataset are."""
    task = progress.add_task("classes of each photo", total=len(records))
    groups, present = {}, {}
    for index, image in enumerate(records.images):
        seen = set(records.labels(index).ravel().tolist())
        groups[image.image_id] = image.key
        present[image.image_id] = [
            n for k, n in enumerate(records.classes.names) if k and k in seen
        ]
        progress.advance(task)
    progress.remove_task(task)
    try:
        dealt = splits.folds(groups, splits.strata(present), folds)
    except ValueError as error:
        raise RunError(records.folder, str(error), where="--folds") from None
    return tuple(str(dealt[image.image_id]) for image in records.images)
