"""Class probabilities of photos from the models of a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.core.progress import Progress, silent
from training.config import TrainConfig
from training.data.features import FeatureCache
from training.data.image import InputImage
from training.folder import SINGLE, RunFolder

if TYPE_CHECKING:
    import keras

_THREADS = 4

Views = tuple[Any, ...]
"""What models take of some photos, and, if wanted, of their mirror images: a list of feature
maps, (B, h, w, channels) each, or (B, S, S, 3) uint8."""


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

    def prepare(self, images: Sequence[InputImage], *, progress: Progress = silent) -> None:
        """Computes the features that are missing; raises as :meth:`FeatureCache.add`."""
        if self.cache:
            self.cache.add(images, progress=progress)

    def views(
        self, images: Sequence[InputImage], *, mirrored: bool = True
    ) -> Iterator[tuple[Sequence[InputImage], Views]]:
        """Batches of photos, in order, with what models take of them.

        Args:
            mirrored: whether their mirror images are wanted too

        Raises:
            CurateError: a photo cannot be read
        """
        batches = [
            images[start : start + self._config.batch]
            for start in range(0, len(images), self._config.batch)
        ]
        if self.cache:
            for batch in batches:
                rows = self.cache.rows(batch)
                yield (
                    batch,
                    tuple(self.cache.feature_maps(rows, view) for view in range(1 + mirrored)),
                )
            return
        with ThreadPoolExecutor(_THREADS) as pool:

            def read(batch: Sequence[InputImage]) -> list:
                return [pool.submit(image.read, self._config.size) for image in batch]

            # The next batch is decoded while the caller works on this one.
            coming = read(batches[0]) if batches else []
            for number, batch in enumerate(batches):
                ready = coming
                coming = read(batches[number + 1]) if number + 1 < len(batches) else []
                pixels = np.stack([future.result() for future in ready])
                flipped = (np.ascontiguousarray(pixels[:, :, ::-1]),) if mirrored else ()
                yield batch, (pixels, *flipped)


def probabilities(models: Sequence[keras.Model], views: Views) -> NDArray[np.float32]:
    """The mean over models and over the photos and their mirror images.

    Args:
        models: inputs to (B, S, S, K) logits

    Returns:
        (B, S, S, K) float32 class probabilities
    """
    from keras import ops

    total: NDArray[np.float32] | None = None
    first = views[0][0] if isinstance(views[0], list) else views[0]
    count = len(first)
    for mirrored, view in enumerate(views):
        for model in models:
            # A model that is trained on several GPUs answers once for each of them.
            logits = model.predict_on_batch(view)[:count]
            p = ops.convert_to_numpy(ops.softmax(logits, axis=-1))
            p = p[:, :, ::-1] if mirrored else p
            if total is None:
                total = np.array(p, np.float32)
            else:
                total += p
    if total is None:
        raise ValueError("no models, or no views")
    if (parts := len(models) * len(views)) > 1:
        total /= parts
    return total


def prepare(
    folder: Path, images: Sequence[InputImage], *, cache: Path, progress: Progress = silent
) -> None:
    """Computes what :func:`predict` would of features that are missing; raises as it does."""
    Inputs(RunFolder(folder).config(), cache).prepare(images, progress=progress)


def predict(
    folder: Path, images: Sequence[InputImage], *, cache: Path, progress: Progress = silent
) -> Iterator[tuple[InputImage, NDArray[np.float32]]]:
    """Predicts photos one after the other; memory does not grow with their number.

    A photo that the run trained on is predicted by the one model that never saw
    it, where the run has folds; any other photo by the mean of all models.

    Slices of a multiple of the run's ``batch`` give the same bytes as all photos at once.

    Args:
        folder: of a finished run
        cache: folder of the feature caches; missing features are added to it

    Yields:
        the photo and its probabilities (K, S, S) float32, background first, in
        the order of ``images``

    Raises:
        RunError: the run is missing or unfinished
        CurateError: a photo cannot be read
    """
    run = RunFolder(folder)
    run.finished()
    inputs = Inputs(run.config(), cache)
    inputs.prepare(images, progress=progress)
    models = _models(folder, run.digest(), None)
    for image, p, _ in _predicted(models, images, inputs, progress):
        yield image, p


def predict_with_features(
    folder: Path, images: Sequence[InputImage], *, cache: Path, progress: Progress = silent
) -> Iterator[tuple[InputImage, NDArray[np.float16], tuple[NDArray[np.float16], ...]]]:
    """As :func:`predict`, at half the side, with the features of a frozen backbone.

    They are the run's own where its backbone is frozen. Else each fold has trained one of its own,
    whose features are not those of another fold: then they are those of Lite0 as ImageNet left it.

    Yields:
        the photo, its probabilities (K, S / 2, S / 2), and the feature maps (h, w, channels), the
        finest first
    """
    run = RunFolder(folder)
    run.finished()
    config = run.config()
    from training.models import low_resolution

    inputs = Inputs(config, cache)
    inputs.prepare(images, progress=progress)
    features = list if inputs.cache else _lite0(config.size).predict_on_batch
    # A vote over the whole photo comes after the low-resolution logits: it has to be let happen.
    change = None if config.one_class else low_resolution
    models = _models(folder, run.digest(), change)
    for image, p, feature_maps in _predicted(models, images, inputs, progress, features):
        if p.shape[-1] == config.size:
            k, h, w = p.shape
            p = p[:, : h // 2 * 2, : w // 2 * 2].reshape(k, h // 2, 2, w // 2, 2).mean((2, 4))
        yield image, p.astype(np.float16), feature_maps


@lru_cache(maxsize=1)
def _models(
    folder: Path, digest: str, change: Callable[[keras.Model], keras.Model] | None
) -> _Models:
    """Those of a run; loaded and traced once, however often its photos are predicted."""
    return _Models(RunFolder(folder), change)


@lru_cache(maxsize=1)
def _lite0(size: int) -> keras.Model:
    """The encoder as ImageNet left it; built once, as above."""
    from training.models import encoder

    return encoder(TrainConfig(size=size))


class _Models:
    """The models of a finished run, and which of them may predict a photo."""

    def __init__(self, run: RunFolder, change: Callable[[keras.Model], keras.Model] | None) -> None:
        parts = run.parts()
        folds = parts.kind == "fold"
        self._part_of = dict(zip(parts.keys, parts.of, strict=True)) if folds else {}
        names = sorted(set(parts.of)) if folds else [SINGLE]
        models = {n: run.load_model(f"fold{n}" if folds else n) for n in names}
        self._models = {n: change(model) if change else model for n, model in models.items()}

    def of(self, image: InputImage) -> tuple[str, ...]:
        """Names: the one that never saw the photo, or all."""
        return (self._part_of[image.key],) if image.key in self._part_of else tuple(self._models)

    def __getitem__(self, names: Sequence[str]) -> list[keras.Model]:
        return [self._models[name] for name in names]


def _predicted(
    models: _Models,
    images: Sequence[InputImage],
    inputs: Inputs,
    progress: Progress,
    features: Callable[[Any], Sequence[NDArray]] | None = None,
) -> Iterator[tuple[InputImage, NDArray[np.float32], tuple[NDArray[np.float16], ...]]]:
    """Photo, (K, h, w) probabilities and its feature maps, in the order of the photos.

    Args:
        features: of what the models take of some photos, the (B, h, w, channels) feature maps; None
            where nobody wants them
    """
    told = 0
    for batch, views in inputs.views(images):
        # Photos of one batch may want different models: each model sees its own at once.
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, image in enumerate(batch):
            groups.setdefault(models.of(image), []).append(index)
        done: dict[int, NDArray[np.float32]] = {}
        for names, indices in groups.items():
            values = probabilities(models[names], _only(views, indices))
            done |= dict(zip(indices, values, strict=True))
        seen = features(views[0]) if features else ()
        for index, image in enumerate(batch):
            maps = tuple(each[index].astype(np.float16) for each in seen)
            yield image, np.ascontiguousarray(done[index].transpose(2, 0, 1)), maps
        told += len(batch)
        progress("predict", told, len(images))


def _only(views: Views, indices: list[int]) -> Views:
    """The views of some photos of a batch."""
    return tuple(
        [each[indices] for each in view] if isinstance(view, list) else view[indices]
        for view in views
    )
