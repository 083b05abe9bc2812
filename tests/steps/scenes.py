"""Datasets of photos of which no two look alike, unless a test wants two to."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from curation import store
from curation.core import rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.store import database
from curation.store.labels import remap
from curation.store.write import write

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
SIDE = 64
MASK = rle.encode(np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % SIDE < SIDE // 2)


def photo(path: Path, seed: int, quality: int = 95) -> Path:
    """A scene of its own for each seed; of another quality, it is another file that looks alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(cells).resize((SIDE, SIDE)).save(path, quality=quality)
    return path


def record(path: Path, image_id: str, *categories: str) -> ImageRecord:
    labels = tuple(Instance(c, MASK, f"t.csv:{image_id}") for c in categories or ("skirt",))
    return ImageRecord(image_id, path, SIDE, SIDE, labels)


def add(name: str, folder: Path, seeds: Mapping[str, int], quality: int = 95) -> store.Dataset:
    """Imports photos, by image_id with their seeds, into a dataset."""
    records = [record(photo(folder / f"{i}.jpg", s, quality), i) for i, s in seeds.items()]
    write(name, records)
    dataset = store.open(name)
    remap(dataset, TOML, "supercategories")
    return dataset


def lose(name: str) -> None:
    """A dataset and its folder, if there are any."""
    store.delete(name)
    shutil.rmtree(database.folder(name), ignore_errors=True)
