"""A training run, from a folder of TFRecords to a folder with models and figures.

The rest of the product calls what is named in ``__all__`` and nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from curation.core.atomic import replacing
from curation.core.errors import RunError
from training import card, evaluate, models, plan, plots, workers
from training.clock import core_seconds
from training.config import TrainConfig
from training.data.batches import RecordBatches, Share, tf_dataset
from training.data.feature_batches import FeatureBatches
from training.data.image import ImageFile, InputImage
from training.data.records import Records
from training.finished import export, measure
from training.fit import Teaching, fit
from training.folder import SINGLE, ClassList, Parts, RunFolder
from training.losses import balanced
from training.metrics import Scores
from training.plan import Roles
from training.predict import Inputs, evidence, predict, probabilities

__all__ = [
    "ClassList",
    "ImageFile",
    "InputImage",
    "Parts",
    "Records",
    "alone",
    "begin",
    "digest",
    "evidence",
    "export",
    "has_folds",
    "image_size",
    "is_begun",
    "load_classes",
    "measure",
    "predict",
    "train",
]  # fmt: skip


def load_classes(folder: Path) -> ClassList:
    """The classes of a run; RunError when there is no run."""
    return RunFolder(folder).classes()


def has_folds(folder: Path) -> bool:
    """Whether each photo of a run is predicted by a model that never saw it."""
    return RunFolder(folder).parts().kind == "fold"


def image_size(folder: Path) -> int:
    """The side in pixels of the photos that a run takes; RunError when there is no run."""
    return RunFolder(folder).config().size


def digest(folder: Path) -> str:
    """A hash that tells a finished run from any other; RunError when it is not finished."""
    run = RunFolder(folder)
    run.finished()
    return sha256(json.dumps(run.metrics(), sort_keys=True).encode()).hexdigest()


def is_begun(folder: Path) -> bool:
    """Whether a run has begun and is not finished; RunError when there is no run."""
    run = RunFolder(folder)
    run.config()
    return run.metrics() is None


def alone() -> bool:
    """Whether no other worker trains with this process."""
    return workers.worker()[1] == 1


def begin(
    folder: Path,
    config: TrainConfig,
    classes: ClassList,
    parts: Parts,
    labels: str,
) -> dict | None:
    """Makes a run's folder and writes down what it is made of.

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
    plan.roles(folder, parts)
    _check_settings(folder, config)
    run = RunFolder(folder)
    if workers.is_chief():
        run.begin(config, classes, parts, labels)
    workers.wait()
    run.begin(config, classes, parts, labels)  # the others hold theirs against it
    return run.metrics()


def train(folder: Path, data: Path, *, cache: Path, progress: Progress | None) -> dict:
    """Trains one model per fold, or one on a split, and measures it on photos it never saw.

    Called again, it goes on where a killed run stopped: finished models, the last look
    of the one in training, and cached features are kept. Of several workers, all call
    it, on one folder that all of them see, and the chief writes.

    Args:
        folder: of a run that has begun
        data: the folder of TFRecords to train on: wherever it lies, the same at each call
        cache: folder of the feature caches, shared by all runs

    Returns:
        what metrics.json holds: ``measured_on`` ('out-of-fold', 'test' or 'val'),
        ``images`` measured, the figures of :class:`training.metrics.Scores`,
        ``parameters``, ``core_seconds`` and ``seconds`` of this call's features and all
        models' training and measuring, and, beside 'test', the figures on ``val``

    Raises:
        RunError: no run has begun here, or its data are not those it began with
        CurateError: a photo cannot be read
    """
    began, began_core = time.monotonic(), core_seconds()
    run = RunFolder(folder)
    config, finished = run.config(), run.metrics()
    if finished is not None:
        return finished
    records = Records(data)
    parts = _in_order(run, records)
    if workers.is_chief():
        run.pin(records.digest())
    roles = plan.roles(folder, parts)
    inputs = Inputs(config, cache)
    inputs.prepare(records.images, progress)
    fitted_core = fitted = 0.0
    for number, (name, role) in enumerate(roles.items()):
        if run.has_model(name):
            continue
        seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0])
        fit_began, fit_began_core = time.monotonic(), core_seconds()
        model, rows = fit(
            _teaching(records, role, inputs, config, seed),
            config,
            seed=seed,
            checkpoint=run.checkpoint(name),
            board=run.logs / name,
            progress=progress,
            name=name,
        )
        fitted += time.monotonic() - fit_began
        fitted_core += core_seconds() - fit_began_core
        if workers.is_chief():
            label = _fold(name)
            kept = [row for row in run.history() if row["fold"] != label]
            run.write_history(kept + [{"fold": label, **row} for row in rows])
            run.save_model(name, model)  # last: its being there says that the fold is done
            run.checkpoint(name).unlink(missing_ok=True)
        workers.wait()
    if workers.is_chief():
        result = _measure(run, records, parts, roles, inputs, progress)
        # What went into the models is in their histories, that of killed calls included.
        models_core, models_seconds = _spent(run)
        result["core_seconds"] = round(core_seconds() - began_core - fitted_core + models_core, 1)
        result["seconds"] = round(time.monotonic() - began - fitted + models_seconds, 1)
        with replacing(run.card) as path:
            path.write_text(card.write(run, result), "utf-8")
        run.write_metrics(result)
    workers.wait()
    return run.metrics() or {}


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


def _in_order(run: RunFolder, records: Records) -> Parts:
    """The parts in the order of the records."""
    parts = run.parts()
    if records.classes != run.classes() or records.size != run.config().size:
        raise RunError(
            run.path,
            f"{records.folder} has other classes or another size by now",
            where="config.toml",
        )
    of = dict(zip(parts.keys, parts.of, strict=True))
    missing = {image.key for image in records.images} ^ set(of)
    if missing:
        raise RunError(
            run.path,
            f"{len(missing)} photos are not in {records.folder}, or not in this run",
            where="photos.csv",
        )
    images = records.images
    keys, image_ids = tuple(p.key for p in images), tuple(p.image_id for p in images)
    return Parts(parts.kind, keys, image_ids, tuple(of[key] for key in keys))


def _teaching(
    records: Records, role: Roles, inputs: Inputs, config: TrainConfig, seed: int
) -> Teaching:
    """What the model of one role is taught with."""
    classes = len(records.classes.names)
    if inputs.cache is not None:
        rows = inputs.cache.rows(records.images)
        batches: Callable[[int, int], Any] = partial(
            FeatureBatches, records, inputs.cache, rows, role.taught, config, seed
        )
    else:
        adapter = tf_dataset if keras.backend.backend() == "tensorflow" else RecordBatches
        batches = partial(adapter, Share(records, role.taught, config, seed, *workers.worker()))
    passes = ceil(config.epochs * len(role.taught) / config.batch)
    steps = config.steps or max(passes, config.min_steps)
    looks = _looks(config.looks, steps)

    def build() -> keras.Model:
        return models.head(config, classes) if config.frozen else models.whole(config, classes)

    return Teaching(
        build=build,
        slow=partial(models.backbone_variables, config=config),
        batches=batches,
        validate=partial(_validate, records, role.checked, inputs),
        choosing=role.choosing,
        steps=looks * ceil(steps / looks),
        looks=looks,
        images=len(role.taught),
        class_weights=_class_weights(records, role.taught, config),
    )


def _looks(wanted: int, steps: int) -> int:
    """How often to look so that few steps are added for the looks to come evenly.

    >>> _looks(14, 240), _looks(14, 100), _looks(14, 3)
    (12, 10, 3)
    """
    most = min(wanted, steps)
    return min(range(max(1, most // 2), most + 1), key=lambda looks: (-steps % looks, most - looks))


def _class_weights(
    records: Records, taught: NDArray[np.intp], config: TrainConfig
) -> NDArray[np.float64] | None:
    if config.class_weights == "none":
        return None
    pixels = np.zeros(256, np.int64)
    for index in taught.tolist():
        pixels += np.bincount(records.labels(index).ravel(), minlength=256)
    return balanced(pixels[: len(records.classes.names)])


def _validate(
    records: Records,
    checked: NDArray[np.intp],
    inputs: Inputs,
    model: keras.Model,
) -> dict[str, float]:
    """``val_cross_entropy`` and ``val_miou_foreground``, of the photos as they are."""
    scores = Scores(len(records.classes.names))
    for labels, images in evaluate.views(checked, records, inputs, mirrored=False):
        scores.add(labels, probabilities([model], images))
    figures = scores.figures(records.classes.names)
    return {
        "val_cross_entropy": figures["loss"],
        "val_miou_foreground": figures["miou_foreground"] or 0.0,
    }


def _measure(
    run: RunFolder,
    records: Records,
    parts: Parts,
    roles: dict[str, Roles],
    inputs: Inputs,
    progress: Progress | None,
) -> dict:
    """Draws the run's pictures and measures its models."""
    names = records.classes.names
    with replacing(run.curves) as path:
        plots.curves(path, run.history())
    trained = {name: run.load_model(name) for name in roles}
    groups = [([trained[name]], role.measured) for name, role in roles.items()]
    with replacing(run.grid) as path:
        evaluate.draw_grid(path, groups, records, inputs)
    scores = evaluate.measure(groups, records, inputs, progress)
    evaluate.draw_scores(run, scores, names)
    result = {
        "measured_on": _measured_on(parts),
        **scores.figures(names),
        "parameters": next(iter(trained.values())).count_params(),
    }
    if result["measured_on"] == "test":
        groups = [([trained[name]], role.checked) for name, role in roles.items()]
        result["val"] = evaluate.measure(groups, records, inputs, progress).figures(names)
    return result


def _measured_on(parts: Parts) -> str:
    if parts.kind == "fold":
        return "out-of-fold"
    return "test" if "test" in parts.of else "val"


def _fold(name: str) -> str:
    """What history.csv calls a model: 'fold3' -> '3', the only model -> ''."""
    return "" if name == SINGLE else name.removeprefix("fold")


def _spent(run: RunFolder) -> tuple[float, float]:
    """Core-seconds and seconds that went into the models, of whatever call."""
    last = {row["fold"]: row for row in run.history()}.values()
    return (
        sum(float(row["core_seconds"]) for row in last),
        sum(float(row["seconds"]) for row in last),
    )
