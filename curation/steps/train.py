"""The verb ``train``: a run of models, each measured on photos that it never saw."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from filelock import FileLock

from curation.core.alone import alone
from curation.core.progress import Progress, silent
from curation.steps.runs import Runs
from training import run as trainer
from training.config import TrainConfig


def train(
    runs: Runs, run: str, config: TrainConfig, *, folds: int = 0, progress: Progress = silent
) -> trainer.RunMetrics:
    """Trains a run: K models out of fold, or one on the train split.

    Called again with the same settings, photos and labels, it goes on where it was killed.

    Args:
        runs: where runs lie, and what they are trained on
        run: the name of this one
        folds: K; 0 for one model on the train split, tested on the test split

    Returns:
        what the run's metrics.json holds

    Raises:
        RunError: another run has the name, or settings and photos do not fit
        DivergedError: the loss is no number any more
        CurateError: a photo cannot be read, or none has a pixel of any class, or another
            process trains this run
    """
    with _alone(runs, run):
        finished = runs.begin(run, config, folds=folds, progress=progress)
        return finished or _go_on(runs, run, progress)


def resume(runs: Runs, run: str, *, progress: Progress = silent) -> trainer.RunMetrics:
    """Goes on with a run that was killed, on the labels that it began with.

    Returns:
        what the run's metrics.json holds

    Raises:
        RunError: there is no such run, or what it was trained on is gone
        CurateError: another process trains it
    """
    with _alone(runs, run):
        return _go_on(runs, run, progress)


def train_fold(
    runs: Runs,
    run: str,
    fold: int,
    config: TrainConfig | None = None,
    *,
    folds: int = 0,
    progress: Progress = silent,
) -> trainer.RunMetrics | None:
    """Trains one fold's model of a run, as :func:`train`; other processes train the others.

    Args:
        fold: from 0
        config: None to go on with a run, as :func:`resume` does

    Returns:
        what the run's metrics.json holds, where this was the last fold; else None

    Raises:
        RunError: as :func:`train`, or there is no such fold
        CurateError: as :func:`train`, or another process trains this fold
    """
    folder = runs.folder(run)
    if config:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Jobs of one queue start at once: the first begins the run, the others find it.
        with FileLock(folder.with_name(f".{folder.name}.begin.lock")):
            runs.begin(run, config, folds=folds, progress=progress)
    if trainer.is_begun(folder):
        examples = runs.examples(run, progress=progress)
        cache = runs.features(run)
        if not trainer.train_fold(folder, examples, fold, cache=cache, progress=progress):
            return None
    runs.close(run)
    return trainer.load_metrics(folder)


def _alone(runs: Runs, run: str) -> AbstractContextManager[None]:
    """Two processes would write into one run's folder. Workers of one training do so by turns."""
    if trainer.is_distributed():
        return nullcontext()
    folder = runs.folder(run)
    return alone(folder.with_name(f".{folder.name}.lock"), run, "is being trained")


def _go_on(runs: Runs, run: str, progress: Progress) -> trainer.RunMetrics:
    folder = runs.folder(run)
    if trainer.is_begun(folder):
        examples = runs.examples(run, progress=progress)
        trainer.train(folder, examples, cache=runs.features(run), progress=progress)
    runs.close(run)
    return trainer.load_metrics(folder)
