"""Drawn photos with exact labels, small enough to train on in a second."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from curation.formats.export import finish, write_csv
from curation.formats.tfrecord import example
from training.config import TrainConfig
from training.data.image import ImageFile
from training.folder import ClassList

SIZE = 64
CLASSES = ClassList(("background", "top", "skirt"), ("#000000", "#d62728", "#1f77b4"))
QUICK = TrainConfig(size=SIZE, epochs=2, evals=2, min_steps=4, batch=4)


def draw(folder: Path, count: int, seed: int = 0) -> tuple[list[ImageFile], np.ndarray]:
    """Photos of a red box over a blue one on grey, and their (N, SIZE, SIZE) label maps."""
    rng = np.random.default_rng(seed)
    images, labels = [], np.zeros((count, SIZE, SIZE), np.uint8)
    for number in range(count):
        left, top, width = rng.integers(8, 20), rng.integers(4, 12), rng.integers(20, 36)
        labels[number, top : top + 22, left : left + width] = 1
        labels[number, top + 22 : top + 46, left : left + width] = 2
        colors = np.array([(170, 170, 160), (200, 40, 40), (40, 60, 190)])
        noise = rng.integers(-25, 26, (SIZE, SIZE, 3))
        pixels = (colors[labels[number]] + noise).clip(0, 255).astype(np.uint8)
        path = folder / f"drawn-{seed}-{number}.png"
        Image.fromarray(pixels).save(path)
        images.append(ImageFile(f"{seed:04x}{number:04x}", f"drawn-{number}", path))
    return images, labels


def export(folder: Path, images: Sequence[ImageFile], labels: np.ndarray) -> Path:
    """What ``curate export --format tfrecord`` would write of them, all in the train split."""
    folder.mkdir(parents=True)
    order = sorted(range(len(images)), key=lambda i: (images[i].key, images[i].image_id))
    frames = [
        example.frame(example.encode(images[i].image_id, images[i].read(SIZE), labels[i]))
        for i in order
    ]
    name = "train-00000-of-00001.tfrecord"
    (folder / name).write_bytes(b"".join(frames))
    digest = sha256((folder / name).read_bytes()).hexdigest()
    rows = list(zip(range(3), CLASSES.names, CLASSES.colors, strict=True))
    write_csv(folder / "classes.csv", ("id", "name", "color"), rows)
    pixels = {n: int((labels == k).sum()) for k, n in enumerate(CLASSES.names)}
    splits = {"train": {"photos": len(images), "pixels": pixels, "sha256": {name: digest}}}
    for other in ("val", "test"):
        splits[other] = {"photos": 0, "pixels": {}, "sha256": {}}
    ids = [image.image_id for image in images]
    keys = {image.image_id: image.key for image in images}
    manifest = {"format": "tfrecord", "size": SIZE, "splits": splits}
    finish(folder, manifest, ids, dict.fromkeys(ids, "train"), keys)
    return folder


def tiny_model() -> keras.Model:
    """Any model with weights and batch-norm averages."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(3)(inputs)))
