"""Class probabilities of photos from the models of a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from rich.progress import Progress

from training.config import TrainConfig
from training.data.features import FeatureCache
from training.data.photo import Photo
from training.folder import SINGLE, RunFolder

_THREADS = 4

Views = tuple[Any, ...]
"""What models take of some photos, and, if wanted, of their mirror images: taps, or
(B, S, S, 3) uint8."""


class Inputs:
    """Gives models what they take: cached features where the backbone is frozen, else photos.

    Args:
        cache: folder of the feature caches

    Attributes:
        cache: the features, or None where models take photos
    """

    def __init__(self, config: TrainConfig, cache: Path) -> None:
        self._config = config
        self.cache = FeatureCache(cache, config) if config.frozen else None

    def prepare(self, photos: Sequence[Photo], progress: Progress | None) -> None:
        """Computes the features that are missing; raises as :meth:`FeatureCache.add`."""
        if self.cache:
            self.cache.add(photos, progress)

    def views(
        self, photos: Sequence[Photo], *, mirrored: bool = True
    ) -> Iterator[tuple[Sequence[Photo], Views]]:
        """Batches of photos, in order, with what models take of them.

        Args:
            mirrored: whether their mirror images are wanted too

        Raises:
            CurateError: a photo cannot be read
        """
        batches = [
            photos[start : start + self._config.batch]
            for start in range(0, len(photos), self._config.batch)
        ]
        if self.cache:
            for batch in batches:
                rows = self.cache.rows(batch)
                yield batch, tuple(self.cache.taps(rows, view) for view in range(1 + mirrored))
            return
        with ThreadPoolExecutor(_THREADS) as pool:

            def read(batch: Sequence[Photo]) -> list:
                return [pool.submit(photo.read, self._config.size) for photo in batch]

            # The next batch is decoded while the caller works on this one.
            coming = read(batches[0]) if batches else []
            for number, batch in enumerate(batches):
                ready = coming
                coming = read(batches[number + 1]) if number + 1 < len(batches) else []
                images = np.stack([future.result() for future in ready])
                flipped = (np.ascontiguousarray(images[:, :, ::-1]),) if mirrored else ()
                yield batch, (images, *flipped)


def probabilities(models: Sequence[keras.Model], views: Views) -> NDArray[np.float32]:
    """The mean over models and over the photos and their mirror images.

    Args:
        models: inputs to (B, S, S, K) logits

    Returns:
        (B, S, S, K) float32 class probabilities
    """
    total: NDArray[np.float32] | float = 0.0
    count = len(keras.tree.flatten(views)[0])
    for mirrored, view in enumerate(views):
        for model in models:
            # A model that is trained on several GPUs answers once for each of them.
            logits = model.predict_on_batch(view)[:count]
            chances = ops.convert_to_numpy(ops.softmax(logits, axis=-1))
            total = total + (chances[:, :, ::-1] if mirrored else chances)
    return np.asarray(total, dtype=np.float32) / np.float32(len(models) * len(views))


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
    run.finished()
    config, parts = run.config(), run.parts()
    if parts.kind == "fold":
        part_of = dict(zip(parts.keys, parts.of, strict=True))
        models = {part: run.load_model(f"fold{part}") for part in sorted(set(parts.of))}
    else:
        part_of = {}
        models = {SINGLE: run.load_model(SINGLE)}

    def chosen(photo: Photo) -> tuple[str, ...]:
        return (part_of[photo.key],) if photo.key in part_of else tuple(models)

    inputs = Inputs(config, cache)
    inputs.prepare(photos, progress)
    task = progress.add_task("predict", total=len(photos)) if progress else None
    for batch, views in inputs.views(photos):
        # Photos of one batch may want different models: each model sees its own at once.
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, photo in enumerate(batch):
            groups.setdefault(chosen(photo), []).append(index)
        done: dict[int, NDArray[np.float32]] = {}
        for names, indices in groups.items():
            part = _only(views, indices)
            values = probabilities([models[name] for name in names], part)
            done |= dict(zip(indices, values, strict=True))
        for index, photo in enumerate(batch):
            yield photo, np.ascontiguousarray(done[index].transpose(2, 0, 1))
        if progress and task is not None:
            progress.advance(task, len(batch))
    if progress and task is not None:
        progress.remove_task(task)


def _only(views: Views, indices: list[int]) -> Views:
    """The views of some photos of a batch."""
    return keras.tree.map_structure(lambda array: array[indices], views)
