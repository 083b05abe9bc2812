"""The features of photos under the frozen backbone, computed once and kept on disk.

A row of the cache (:mod:`training.data.row_cache`) is the feature maps of the photo, then those of
its mirror image (left and right swapped), in few bits (:mod:`training.data.feature_codec`). The
mirror image's are not those of the photo, mirrored: strides pad one side alone, so they lie
elsewhere, and their mean with the photo's predicts better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from re import fullmatch
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curation.core import parallel
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent
from training.config import TrainConfig
from training.data.feature_codec import FeatureCodec
from training.data.image import InputImage
from training.data.row_cache import RowCache

if TYPE_CHECKING:
    import keras

VIEWS = 2
"""The photo and its mirror image."""
_BATCH = 8
_SLICE = 4 * _BATCH
"""Photos that a worker of a cluster takes at once."""

_VERSION = 3


class FeatureCache:
    """Reads the rows of one backbone and size; :meth:`add` appends what is missing.

    Args:
        folder: holds the caches of all backbones and sizes, each its own folder
        config: says which backbone with which weights, and the photos' size
    """

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        from training import models

        self._config = config
        self._codec = FeatureCodec(models.feature_map_shapes(config))
        self.folder = folder / f"{models.encoder_name(config)}-v{_VERSION}"
        row = np.dtype((self._codec.dtype, (VIEWS,)))
        self._cache = RowCache(self.folder, row, "its features")

    def __contains__(self, image: InputImage) -> bool:
        return image.key in self._cache

    def rows(self, images: Sequence[InputImage]) -> NDArray[np.int64]:
        """(N,) row numbers of photos that are in the cache; KeyError for one that is not."""
        return np.array([self._cache.index(image.key) for image in images], dtype=np.int64)

    def feature_maps(
        self, rows: NDArray[np.int64], view: int | NDArray[np.int64]
    ) -> list[NDArray[np.float32]]:
        """The feature maps of some rows.

        Args:
            rows: (B,) row numbers
            view: 0 the photo, 1 its mirror image; one number or (B,)

        Returns:
            (B, h, w, channels) arrays, the finest first
        """
        views = np.broadcast_to(view, rows.shape).tolist()
        pairs = zip(rows.tolist(), views, strict=True)
        return self._codec.decode([self._cache.row(row)[v] for row, v in pairs])

    def add(self, images: Sequence[InputImage], *, progress: Progress = silent) -> None:
        """Computes and appends the features of the photos that are not in the cache.

        Raises:
            CurateError: photos cannot be read; all others are in the cache then
        """
        if all(image in self for image in images):
            return
        broken: list[CurateError] = []
        with self._cache.appending() as append:
            missing = list({p.key: p for p in images if p not in self}.values())
            slices = [missing[i : i + _SLICE] for i in range(0, len(missing), _SLICE)]
            done = 0
            # Not by processes of this machine: the encoder takes all its processors already.
            for encoded in parallel.ordered(_encoded, self._config, slices, images=0):
                for keys, rows, errors in encoded:
                    broken += errors
                    append(keys, rows)
                    done += len(keys) + len(errors)
                    progress("features", done, len(missing))
        if broken:
            first, others = broken[0], len(broken) - 1
            more = f" (and {others} more)" if others else ""
            raise CurateError(first.path, f"{first.reason}{more}", where=first.where)


def come_again(folder: Path) -> bool:
    """Whether what is in a cache can be made again from photos alone.

    Not people, whose networks may be gone, nor features of a file of weights, which is known by
    its hash alone.
    """
    return fullmatch(r"\w+-\d+-os\d+-v\d+", folder.name) is not None


def _encoded(
    config: TrainConfig, images: Sequence[InputImage]
) -> list[tuple[list[str], NDArray[np.void], list[CurateError]]]:
    """Keys and rows of the photos that can be read, batch by batch, and why others cannot."""
    encoder, codec = _encoder(config)
    made = []
    for part, pixels, errors in _decoded(images, config.size):
        rows = np.empty((0, VIEWS), codec.dtype)
        if part:
            both = np.concatenate([pixels, pixels[:, :, ::-1]])
            rows = codec.encode(encoder.predict_on_batch(both)).reshape(VIEWS, len(part)).T
        made.append(([image.key for image in part], rows, errors))
    return made


@lru_cache(maxsize=1)
def _encoder(config: TrainConfig) -> tuple[keras.Model, FeatureCodec]:
    from training import models

    return models.encoder(config), FeatureCodec(models.feature_map_shapes(config))


def _decoded(
    images: Sequence[InputImage], size: int
) -> Iterator[tuple[list[InputImage], NDArray[np.uint8], list[CurateError]]]:
    """Batches of photos, (B, size, size, 3) uint8; those that cannot be read apart.

    The next batch is decoded while the caller works on this one.
    """
    with ThreadPoolExecutor(2) as pool:
        waiting: list[list[tuple[InputImage, Future]]] = []
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            waiting.append([(image, pool.submit(image.read, size)) for image in batch])
            if len(waiting) > 1:
                yield _collect(waiting.pop(0), size)
        for last in waiting:
            yield _collect(last, size)


def _collect(
    batch: list[tuple[InputImage, Future]], size: int
) -> tuple[list[InputImage], NDArray[np.uint8], list[CurateError]]:
    good, pixels, broken = [], [], []
    for image, future in batch:
        try:
            pixels.append(future.result())
            good.append(image)
        except CurateError as error:
            broken.append(error)
    stacked = np.stack(pixels) if pixels else np.empty((0, size, size, 3), np.uint8)
    return good, stacked, broken
