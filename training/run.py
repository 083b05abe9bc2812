"""A training run: from photos and label maps to a folder with models and figures.

The rest of the product calls what is named in ``__all__`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from curation.core import text
from curation.core.alone import alone
from curation.core.atomic import replacing
from curation.core.errors import RunError
from curation.core.progress import Progress, silent
from training import card, evaluate, plan, workers
from training.clock import Stopwatch
from training.config import TrainConfig
from training.data.examples import Examples
from training.data.image import ImageFile, InputImage
from training.data.label_maps import LabelMaps
from training.data.records import Records
from training.finished import export, measure
from training.folder import SINGLE, ClassList, Parts, RunFolder
from training.metrics import Figures
from training.plan import SplitIndices
from training.predict import Inputs, predict, predict_with_features, prepare
from training.stored import RunMetrics
from training.workers import is_distributed

__all__ = [
    "ClassList",
    "Examples",
    "Figures",
    "ImageFile",
    "InputImage",
    "LabelMaps",
    "Parts",
    "Records",
    "RunMetrics",
    "begin",
    "digest",
    "export",
    "has_folds",
    "is_begun",
    "is_distributed",
    "load_classes",
    "load_config",
    "load_metrics",
    "load_parts",
    "measure",
    "missing_models",
    "predict",
    "predict_with_features",
    "prepare",
    "train",
    "train_fold",
]


def load_classes(folder: Path) -> ClassList:
    """The classes of a run; RunError when there is no run."""
    return RunFolder(folder).classes()


def load_config(folder: Path) -> TrainConfig:
    """The settings of a run; RunError when there is no run."""
    return RunFolder(folder).config()


def load_metrics(folder: Path) -> RunMetrics:
    """What metrics.json holds; RunError when there is no run, or it is not finished."""
    return RunFolder(folder).finished()


def load_parts(folder: Path) -> Parts:
    """Which photo of a run is in which fold or split; RunError when there is no run."""
    return RunFolder(folder).parts()


def has_folds(folder: Path) -> bool:
    """Whether each photo of a run is predicted by a model that never saw it."""
    return load_parts(folder).kind == "fold"


def digest(folder: Path) -> str:
    """A hash that tells a finished run from any other; RunError when it is not finished."""
    return RunFolder(folder).digest()


def is_begun(folder: Path) -> bool:
    """Whether a run has begun and is not finished; RunError when there is no run."""
    run = RunFolder(folder)
    run.config()
    return run.metrics() is None


def begin(
    folder: Path, config: TrainConfig, classes: ClassList, parts: Parts, labels: str
) -> RunMetrics | None:
    """Makes a run's folder and writes down what it is made of. Starts nothing.

    Args:
        folder: of the run
        parts: the fold or the split of each photo
        labels: a hash of the photos and labels that will be trained on

    Returns:
        metrics.json, where this very run is finished already

    Raises:
        RunError: the folder holds another run or something else, or settings and parts
            cannot be trained with; nothing is written then
    """
    plan.check(folder, parts)
    plan.splits(folder, parts)
    _check_settings(folder, config)
    run = RunFolder(folder)
    if workers.is_chief():
        run.begin(config, classes, parts, labels)
    workers.barrier()
    run.begin(config, classes, parts, labels)  # the others hold theirs against it
    return run.metrics()


def train(
    folder: Path, examples: Examples, *, cache: Path, progress: Progress = silent
) -> RunMetrics:
    """Trains one model per fold, or one on a split, and measures it on photos it never saw.

    Called again, it goes on where a killed run stopped: finished models, the last
    evaluation of the one in training, and cached features are kept. Of several workers,
    all call it, on one folder that all of them see, and the chief writes.

    Args:
        folder: of a run that has begun
        examples: what to train on: wherever it lies, the same at each call
        cache: folder of the feature caches, shared by all runs

    Raises:
        RunError: no run has begun here, or its data are not those it began with
        DivergedError: the loss of a model is no number any more
        CurateError: a photo cannot be read
    """
    return _train(folder, examples, None, cache, progress) or RunFolder(folder).finished()


def train_fold(
    folder: Path, examples: Examples, fold: int, *, cache: Path, progress: Progress = silent
) -> RunMetrics | None:
    """Trains the model of one fold, as :func:`train`; other processes train the others.

    Returns:
        the metrics, where this was the last one; None where models are to be trained yet

    Raises:
        RunError: as :func:`train`, or the run has no such fold
        CurateError: as :func:`train`, or another process trains this model
    """
    return _train(folder, examples, fold, cache, progress)


def missing_models(folder: Path) -> list[str]:
    """Names of the models of a run that are not trained yet: 'fold0', ... or 'model'."""
    run = RunFolder(folder)
    return [name for name in plan.splits(folder, run.parts()) if not run.has_model(name)]


def _train(
    folder: Path, examples: Examples, fold: int | None, cache: Path, progress: Progress
) -> RunMetrics | None:
    run = RunFolder(folder)
    config, finished = run.config(), run.metrics()
    if finished is not None:
        return finished
    workers.initialize()
    stopwatch = Stopwatch()
    parts = _in_order(run, examples)
    if workers.is_chief():
        run.check_fingerprint(examples.digest())
    splits = plan.splits(folder, parts)
    if fold is not None and f"fold{fold}" not in splits:
        raise RunError(folder, f"its models are {', '.join(splits)}", where="--fold")
    if config.train_on:
        rarest = plan.rarest_classes(_present(examples, progress))
        splits = {
            name: plan.thinned(split, parts.keys, rarest, config.train_on)
            for name, split in splits.items()
        }
    inputs = Inputs(config, cache)
    inputs.prepare(examples.images, progress=progress)
    names = list(splits) if fold is None else [f"fold{fold}"]
    fitted = _fit_all(run, examples, splits, names, inputs, config, progress)
    with _by_turns(run):  # the last two folds may have ended together
        if not all(map(run.has_model, splits)):
            return None
        _finish(run, examples, parts, splits, inputs, stopwatch, fitted, progress)
    workers.barrier()
    return run.finished()


def _finish(
    run: RunFolder,
    examples: Examples,
    parts: Parts,
    splits: Mapping[str, SplitIndices],
    inputs: Inputs,
    stopwatch: Stopwatch,
    fitted: tuple[float, float],
    progress: Progress,
) -> None:
    """Measures the models and writes what the run came to, unless another process has."""
    if workers.is_chief() and run.metrics() is None:
        metrics = evaluate.summarize(run, examples, parts, splits, inputs, progress=progress)
        # What went into the models is in their histories, that of killed calls included.
        models, spent = _spent(run), stopwatch.spent()
        metrics["cpu_seconds"] = round(spent[0] - fitted[0] + models[0], 1)
        metrics["seconds"] = round(spent[1] - fitted[1] + models[1], 1)
        with replacing(run.card) as path:
            path.write_text(card.write(run, metrics), "utf-8")
        run.write_metrics(metrics)
        for lock in run.models.glob(".*lock"):  # nobody trains a run that is finished
            lock.unlink(missing_ok=True)


def _by_turns(run: RunFolder) -> AbstractContextManager:
    """One process at a time; workers of one training wait for each other as it is."""
    return nullcontext() if workers.is_distributed() else FileLock(run.models / ".lock")


def _alone(run: RunFolder, name: str) -> AbstractContextManager:
    """One process trains a model, whichever machine it is on."""
    if workers.is_distributed():
        return nullcontext()
    lock = run.models / f".{name}.lock"
    return alone(lock, f"{run.path.name} {name}", "is being trained")


def _fit_all(
    run: RunFolder,
    examples: Examples,
    splits: Mapping[str, SplitIndices],
    names: Sequence[str],
    inputs: Inputs,
    config: TrainConfig,
    progress: Progress,
) -> tuple[float, float]:
    """Trains the models that are not there yet; the CPU seconds and seconds that it took."""
    from training.fitting.fit import fit
    from training.fitting.spec import fit_spec

    cpu = wall = 0.0
    for number, (name, split) in enumerate(splits.items()):
        if name not in names:
            continue
        with _alone(run, name):
            if run.has_model(name):
                continue
            seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0])
            stopwatch = Stopwatch()
            model, rows = fit(
                fit_spec(examples, split, inputs, config, seed),
                config,
                seed=seed,
                checkpoint=run.checkpoint(name),
                log_dir=run.logs / name,
                name=name,
                progress=progress,
            )
            spent = stopwatch.spent()
            cpu, wall = cpu + spent[0], wall + spent[1]
            if workers.is_chief():
                with _by_turns(run):
                    label = _fold(name)
                    history = [row for row in run.history() if row["fold"] != label]
                    history += [{"fold": label, **row} for row in rows]
                    run.write_history(sorted(history, key=lambda row: row["fold"].zfill(9)))
                run.save_model(name, model)  # last: its being there says that the fold is done
                run.checkpoint(name).unlink(missing_ok=True)
            workers.barrier()
    return cpu, wall


def _present(examples: Examples, progress: Progress) -> NDArray[np.bool_]:
    """(N, K) which classes are in which example; background is in all."""
    classes = len(examples.classes.names)
    present = np.zeros((len(examples.images), 256), bool)
    present[:, 0] = True
    for index in range(len(present)):
        present[index, np.unique(examples.labels(index))] = True
        progress("classes of each photo", index + 1, len(present))
    return present[:, :classes]


def _check_settings(folder: Path, config: TrainConfig) -> None:
    """What would fail later, when the folder has the settings written down already."""
    if config.weights not in ("imagenet", "none") and not Path(config.weights).is_file():
        raise RunError(folder, f"no such file: {config.weights}", where="--weights")
    count = workers.worker()[1]
    if config.frozen and count > 1:
        reason = "features are cached by one process: take one worker, or --finetune"
        raise RunError(folder, reason, where="--frozen")
    if config.batch % count:
        reason = f"{config.batch} photos a step cannot be shared by {count} workers alike"
        raise RunError(folder, reason, where="--batch")


def _in_order(run: RunFolder, examples: Examples) -> Parts:
    """The parts in the order of the examples."""
    parts, images = run.parts(), examples.images
    if examples.classes != run.classes() or examples.size != run.config().size:
        reason = f"{examples.folder} has other classes or another size by now"
        raise RunError(run.path, reason, where="config.toml")
    of = dict(zip(parts.keys, parts.of, strict=True))
    missing = {image.key for image in images} ^ set(of)
    if missing:
        what = text.count(len(missing), "photo")
        reason = f"{what} in one of this run and {examples.folder}, and not in the other"
        raise RunError(run.path, reason, where="photos.csv")
    keys, image_ids = tuple(p.key for p in images), tuple(p.image_id for p in images)
    return Parts(parts.kind, keys, image_ids, tuple(of[key] for key in keys))


def _fold(name: str) -> str:
    """What history.csv calls a model: 'fold3' -> '3', the only model -> ''."""
    return "" if name == SINGLE else name.removeprefix("fold")


def _spent(run: RunFolder) -> tuple[float, float]:
    """CPU seconds and seconds that went into the models, of whatever call."""
    last = {row["fold"]: row for row in run.history()}.values()
    return (
        sum(float(row["cpu_seconds"]) for row in last),
        sum(float(row["seconds"]) for row in last),
    )
