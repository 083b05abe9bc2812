"""The people in photos, seen once and kept on disk: 2.3 kB a photo."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.core import parallel
from curation.core.person import LANDMARKS, SIDE, Person
from curation.core.progress import Progress, silent
from training.data.image import ImageFile
from training.data.row_cache import RowCache
from training.person.networks import Networks

_BATCH = 32
_VERSION = 2
_ROW = np.dtype([
    ("silhouette", "u1", (SIDE * SIDE // 8,)),
    ("landmarks", "<f2", (LANDMARKS, 3)),
    ("confidence", "<f2"),
    ("ratio", "<f2"),
])  # fmt: skip


class PersonCache:
    """What the networks see, by the hash of a photo's content.

    Args:
        folder: holds caches of all kinds, each its own folder
        networks: folder of the two networks
    """

    def __init__(self, folder: Path, networks: Path) -> None:
        self._networks = networks
        self._cache = RowCache(folder / f"person-v{_VERSION}", _ROW, "its people")

    def add(self, images: Sequence[ImageFile], *, progress: Progress = silent) -> None:
        """Looks at the photos that are not in the cache. One that cannot be read has no person.

        Raises:
            CurateError: a network is missing or damaged
        """
        with self._cache.appending() as append:
            missing = list({p.key: p for p in images if p.key not in self._cache}.values())
            if not missing:
                return
            see = partial(_seen, Networks(self._networks))
            # The networks let go of Python while they compute: threads will do, and start at once.
            with ThreadPoolExecutor(parallel.workers()) as pool:
                for start in range(0, len(missing), _BATCH):
                    batch = missing[start : start + _BATCH]
                    found = [(p.key, r) for p, r in zip(batch, pool.map(see, batch), strict=True)
                             if r is not None]  # fmt: skip
                    append([key for key, _ in found], np.array([row for _, row in found], _ROW))
                    progress("look for people", start + len(batch), len(missing))

    def get(self, key: str) -> Person | None:
        """The person in a photo; None where it was not looked at, or could not be read."""
        if key not in self._cache:
            return None
        row = self._cache.row(self._cache.index(key))
        silhouette = np.unpackbits(row["silhouette"]).reshape(SIDE, SIDE).view(bool)
        landmarks = row["landmarks"].astype(np.float32)
        return Person(silhouette, landmarks, float(row["confidence"]), float(row["ratio"]))


def _seen(networks: Networks, image: ImageFile) -> NDArray | None:
    """The row of a photo; None of one that cannot be read."""
    try:
        person = networks.see(image.path)
    except (OSError, ValueError):
        return None
    landmarks = person.landmarks.clip(-10, 10)
    silhouette = np.packbits(person.silhouette)
    return np.array((silhouette, landmarks, person.confidence, person.ratio), _ROW)
