"""Class probabilities of photos from the models of a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from rich.progress import Progress

from curation.errors import RunError
from training.data.features import VIEWS, FeatureCache
from training.folder import SINGLE, Photo, RunFolder


def predict(
    folder: Path, photos: Sequence[Photo], *, cache: Path, progress: Progress | None
) -> Iterator[tuple[Photo, NDArray[np.float32]]]:
    """Predicts photos one after the other; memory does not grow with their number.

    A photo that the run trained on is predicted by the one model that never saw
    it, where the run has folds; any other photo by the mean of all models.

    Args:
        folder: of a finished run
        cache: folder of the feature caches; missing features are added to it

    Yields:
        the photo and its probabilities (K, S, S) float32, background first, in
        the order of ``photos``

    Raises:
        RunError: the run is missing or unfinished
        CurateError: a photo cannot be read
    """
    run = RunFolder(folder)
    config = run.config()
    if run.metrics() is None:
        raise RunError(folder, "", "this run is not finished: train again to go on with it")
    kind, part_of = run.part_of()
    if kind == "fold":
        models = {part: run.load_model(f"fold{part}") for part in sorted(set(part_of.values()))}
    else:
        models = {SINGLE: run.load_model(SINGLE)}
    chosen = [
        [models[part_of[photo.key]]]
        if kind == "fold" and photo.key in part_of
        else list(models.values())
        for photo in photos
    ]
    return _stream(FeatureCache(cache, config.size), photos, chosen, config.batch, progress)


def _stream(
    cache: FeatureCache,
    photos: Sequence[Photo],
    chosen: Sequence[Sequence[keras.Model]],
    batch: int,
    progress: Progress | None,
) -> Iterator[tuple[Photo, NDArray[np.float32]]]:
    cache.add(photos, progress)
    rows = cache.rows(photos)
    task = progress.add_task("predict", total=len(photos)) if progress else None
    for start in range(0, len(photos), batch):
        part = range(start, min(start + batch, len(photos)))
        # Photos of one batch may want different models: each model sees its own at once.
        groups: dict[tuple[int, ...], list[int]] = {}
        for index in part:
            groups.setdefault(tuple(id(model) for model in chosen[index]), []).append(index)
        done: dict[int, NDArray[np.float32]] = {}
        for indices in groups.values():
            values = probabilities(chosen[indices[0]], cache, rows[indices])
            done |= dict(zip(indices, values, strict=True))
        for index in part:
            yield photos[index], np.ascontiguousarray(done[index].transpose(2, 0, 1))
        if progress and task is not None:
            progress.advance(task, len(part))
    if progress and task is not None:
        progress.remove_task(task)


def probabilities(
    models: Sequence[keras.Model], cache: FeatureCache, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The mean over models and over the photo and its mirror image.

    Args:
        models: taps to (B, S, S, K) logits
        rows: (B,) row numbers in the cache

    Returns:
        (B, S, S, K) float32 class probabilities
    """
    total: NDArray[np.float32] | float = 0.0
    for view in range(VIEWS):
        taps = cache.taps(rows, view)
        for model in models:
            chances = ops.convert_to_numpy(ops.softmax(model.predict_on_batch(taps), axis=-1))
            total = total + (chances[:, :, ::-1] if view else chances)
    return np.asarray(total, dtype=np.float32) / np.float32(len(models) * VIEWS)
