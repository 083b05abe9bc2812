"""The features of photos under the frozen backbone, computed once and kept on disk.

A cache is a folder with two append-only files: ``rows.bin``, one fixed-size
float16 row a photo, and ``keys.txt``, one line a row with the SHA-256 of the
photo's key. A row counts once its line is complete, so a killed run loses at
most a batch, and what it left half written is cut off by the next one.
A row holds the feature maps of the photo, then those of its mirror image (left and
right swapped), each feature map flattened from (h, w, channels).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from curation.core.errors import CurateError
from curation.core.progress import Progress, silent
from training.config import TrainConfig
from training.data.image import InputImage

_log = logging.getLogger(__name__)

VIEWS = 2
"""The photo and its mirror image."""
_BATCH = 8
_VERSION = 2
_LINE = 65  # 64 hex digits and a newline
_KEY = re.compile(rb"[0-9a-f]{64}\n")


class FeatureCache:
    """Reads the rows of one backbone and size; :meth:`add` appends what is missing.

    Args:
        folder: holds the caches of all backbones and sizes, each its own folder
        config: says which backbone with which weights, and the photos' size
    """

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        from training import models

        self._config = config
        self.shapes = models.feature_map_shapes(config)
        self._ends = np.cumsum([0] + [prod(shape) for shape in self.shapes] * VIEWS)
        self._row_bytes = int(self._ends[-1]) * 2
        self.folder = folder / f"{models.encoder_name(config)}-v{_VERSION}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._rows_path = self.folder / "rows.bin"
        self._keys_path = self.folder / "keys.txt"
        self._row_of: dict[str, int] = {}
        self._rows: np.memmap | None = None
        self._load()

    def __contains__(self, image: InputImage) -> bool:
        return _digest(image) in self._row_of

    def rows(self, images: Sequence[InputImage]) -> NDArray[np.int64]:
        """(N,) row numbers of photos that are in the cache; KeyError for one that is not."""
        return np.array([self._row_of[_digest(image)] for image in images], dtype=np.int64)

    def feature_maps(self, rows: NDArray[np.int64], view: int | NDArray[np.int64]) -> list[NDArray]:
        """The feature maps of some rows.

        Args:
            rows: (B,) row numbers
            view: 0 the photo, 1 its mirror image; one number or (B,)

        Returns:
            (B, h, w, channels) float16 arrays, the finest first
        """
        if self._rows is None:
            raise KeyError("the cache is empty")
        views = np.broadcast_to(view, rows.shape)
        half = len(self.shapes)
        values = [self._rows[row, self._ends[half * v] : self._ends[half * (v + 1)]]
                  for row, v in zip(rows, views, strict=True)]  # fmt: skip
        flat = np.stack(values)
        spans = pairwise(self._ends[: half + 1])
        return [
            flat[:, start:end].reshape(-1, *shape)
            for (start, end), shape in zip(spans, self.shapes, strict=True)
        ]

    def add(self, images: Sequence[InputImage], *, progress: Progress = silent) -> None:
        """Computes and appends the features of the photos that are not in the cache.

        Raises:
            CurateError: photos cannot be read; all others are in the cache then
        """
        from training import models

        with self._exclusive():
            missing = list({_digest(p): p for p in images if p not in self}.values())
            if not missing:
                return
            done = 0
            broken: list[CurateError] = []
            encoder = models.encoder(self._config)
            with self._rows_path.open("ab") as rows, self._keys_path.open("ab") as keys:
                for part, pixels, errors in _decoded(missing, self._config.size):
                    broken += errors
                    if part:
                        both = np.concatenate([pixels, pixels[:, :, ::-1]])
                        self._append(rows, keys, part, encoder.predict_on_batch(both))
                    done += len(part) + len(errors)
                    progress("features", done, len(missing))
            self._load()
        if broken:
            first, others = broken[0], len(broken) - 1
            more = f" (and {others} more)" if others else ""
            raise CurateError(first.path, f"{first.reason}{more}", where=first.where)

    def _append(
        self, rows: BinaryIO, keys: BinaryIO, images: Sequence[InputImage], maps: Sequence[NDArray]
    ) -> None:
        """Appends a batch; maps are (VIEWS * B, h, w, channels), those of mirror images last."""
        flat = [feature_map.reshape(VIEWS, len(images), -1) for feature_map in maps]
        both = np.concatenate([each[view] for view in range(VIEWS) for each in flat], axis=1)
        rows.write(both.astype("<f2").tobytes())
        rows.flush()
        # The rows must be on the disk before the lines that vouch for them.
        os.fsync(rows.fileno())
        keys.write("".join(f"{_digest(image)}\n" for image in images).encode())
        keys.flush()

    def _load(self) -> None:
        """Reads the keys of the complete rows; what is beyond them is ignored."""
        text = self._keys_path.read_bytes() if self._keys_path.exists() else b""
        size = self._rows_path.stat().st_size if self._rows_path.exists() else 0
        count = min(len(text) // _LINE, size // self._row_bytes)
        self._row_of = {key: row for row, key in enumerate(self._keys(text[: count * _LINE]))}
        self._rows = None
        if count:
            shape = (count, int(self._ends[-1]))
            self._rows = np.memmap(self._rows_path, dtype="<f2", mode="r", shape=shape)

    def _keys(self, text: bytes) -> list[str]:
        """The key of each row; a damaged one would give photos the features of others."""
        keys: dict[str, None] = {}
        for start in range(0, len(text), _LINE):
            key = text[start : start + _LINE]
            if not _KEY.fullmatch(key) or (hexadecimal := key[:-1].decode()) in keys:
                reason = "is no key, or there twice: delete the folder, its features come again"
                raise CurateError(self._keys_path, reason, where=str(start // _LINE + 1))
            keys[hexadecimal] = None
        return list(keys)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keeps other processes from appending, and cuts off what a killed one left."""
        lock = FileLock(self.folder / "lock")
        try:
            taken = lock.acquire(blocking=False)
        except Timeout:
            _log.info("features: waiting for another process to finish")
            taken = lock.acquire()
        with taken:
            self._load()
            count = 0 if self._rows is None else len(self._rows)
            for path, length in ((self._rows_path, self._row_bytes), (self._keys_path, _LINE)):
                if path.exists() and path.stat().st_size > count * length:
                    os.truncate(path, count * length)
            yield


def _digest(image: InputImage) -> str:
    return sha256(image.key.encode()).hexdigest()


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
