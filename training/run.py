"""A training run, from photos and label maps to a folder with models and figures.

The rest of the product calls what is named in ``__all__`` and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from curation.errors import RunError
from curation.files import replacing
from training import evaluate, metrics, plan, plots
from training.clock import core_seconds
from training.config import TrainConfig
from training.config import to_table as config_table
from training.data.features import FeatureCache
from training.fit import Examples, fit
from training.folder import SINGLE, ClassList, Parts, Photo, RunFolder
from training.predict import predict

__all__ = ["ClassList", "Photo", "load_classes", "predict", "train"]

_SLICE = 256


def load_classes(folder: Path) -> ClassList:
    """The classes of a run; RunError when there is no run."""
    return RunFolder(folder).classes()


def train(
    folder: Path,
    photos: Sequence[Photo],
    labels: NDArray[np.uint8],
    classes: ClassList,
    config: TrainConfig,
    *,
    cache: Path,
    fold: NDArray | None,
    split: NDArray | None,
    progress: Progress | None,
) -> dict:
    """Trains one model per fold, or one on a split, and measures it on photos it never saw.

    Called again on the same folder with the same arguments it goes on where a
    killed run stopped: finished models and cached features are kept.

    Args:
        folder: of the run; made if missing
        photos: N photos
        labels: (N, S, S) uint8 class ids, 0 background, 255 void, S is
            ``config.size``; may be a memmap
        cache: folder of the feature caches, shared by all runs
        fold: (N,) int; every photo is then measured by the model of its own fold,
            which was trained on the others
        split: (N,) of 'train', 'val', 'test'; either this or ``fold`` is given

    Returns:
        what metrics.json holds: ``measured_on`` ('out-of-fold', 'test' or 'val'),
        ``photos`` measured, the figures of :func:`training.metrics.scores`,
        ``loss`` (mean cross-entropy a pixel), ``core_seconds`` and ``seconds`` of
        this call's features and all models' training and measuring, and, beside
        'test', the figures on ``val``

    Raises:
        RunError: the folder holds another run, or photos, labels and parts do not fit
        CurateError: a photo cannot be read
    """
    began, began_core = time.monotonic(), core_seconds()
    run = RunFolder(folder)
    parts = plan.parts(folder, photos, fold, split)
    _check_labels(folder, photos, labels, classes, config)
    roles = plan.roles(folder, photos, parts)
    run.begin(_fingerprint(photos, labels, classes, config, parts), config, classes, photos, parts)
    finished = run.metrics()
    if finished is not None:
        return finished
    features = FeatureCache(cache, config.size)
    features.add(photos, progress)
    examples = Examples(features, features.rows(photos), labels, np.arange(len(photos)))
    earlier_core, earlier = _spent(run)
    for number, (name, role) in enumerate(roles.items()):
        if run.has_model(name):
            continue
        model, rows = fit(
            examples.only(role.taught),
            examples.only(role.checked),
            len(classes.names),
            config,
            seed=int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0]),
            progress=progress,
            name=name,
        )
        label = _fold(name)
        kept = [row for row in run.history() if row["fold"] != label]
        run.write_history(kept + [{"fold": label, **row} for row in rows])
        run.save_model(name, model)  # last: its being there says that the fold is done
    with replacing(run.curves) as path:
        plots.curves(path, run.history())
    measured = {name: role.measured for name, role in roles.items()}
    models = {name: run.load_model(name) for name in roles}
    with replacing(run.grid) as path:
        evaluate.draw_grid(path, models, measured, examples, photos, classes)
    result = {
        "measured_on": _measured_on(parts),
        **evaluate.measure(models, measured, examples, classes, config.batch, progress),
    }
    if result["measured_on"] == "test":
        checked = {name: role.checked for name, role in roles.items()}
        result["val"] = evaluate.measure(models, checked, examples, classes, config.batch, progress)
    result["core_seconds"] = round(core_seconds() - began_core + earlier_core, 1)
    result["seconds"] = round(time.monotonic() - began + earlier, 1)
    run.write_metrics(result)
    return result


def _measured_on(parts: Parts) -> str:
    if parts.kind == "fold":
        return "out-of-fold"
    return "test" if "test" in parts.of else "val"


def _fold(name: str) -> str:
    """What history.csv calls a model: 'fold3' -> '3', the only model -> ''."""
    return "" if name == SINGLE else name.removeprefix("fold")


def _check_labels(
    folder: Path,
    photos: Sequence[Photo],
    labels: NDArray,
    classes: ClassList,
    config: TrainConfig,
) -> None:
    expected = (len(photos), config.size, config.size)
    if labels.shape != expected or labels.dtype != np.uint8:
        raise RunError(
            folder, "labels", f"{labels.dtype} {labels.shape} where uint8 {expected} is expected"
        )
    for start in range(0, len(labels), _SLICE):
        part = labels[start : start + _SLICE]
        wrong = (part >= len(classes.names)) & (part != metrics.VOID)
        if wrong.any():
            first = int(np.argmax(wrong.any(axis=(1, 2))))
            value = int(part[first][wrong[first]][0])
            raise RunError(
                folder, photos[start + first].image_id, f"its label map holds {value}, no class id"
            )


def _fingerprint(
    photos: Sequence[Photo],
    labels: NDArray,
    classes: ClassList,
    config: TrainConfig,
    parts: Parts,
) -> str:
    digest = sha256(repr((config_table(config), classes, parts)).encode())
    digest.update(repr([(photo.key, photo.image_id) for photo in photos]).encode())
    for start in range(0, len(labels), _SLICE):
        digest.update(np.ascontiguousarray(labels[start : start + _SLICE]).tobytes())
    return digest.hexdigest()


def _spent(run: RunFolder) -> tuple[float, float]:
    """Core-seconds and seconds that went into the models of earlier, killed calls."""
    last = {row["fold"]: row for row in run.history()}
    done = [row for fold, row in last.items() if run.has_model(f"fold{fold}" if fold else SINGLE)]
    return (
        sum(float(row["core_seconds"]) for row in done),
        sum(float(row["seconds"]) for row in done),
    )
