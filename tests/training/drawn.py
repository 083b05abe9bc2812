"""Drawn photos with exact labels, small enough to train on in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from training.config import TrainConfig
from training.run import ClassList, Photo

SIZE = 64
CLASSES = ClassList(("background", "top", "skirt"), ("#000000", "#d62728", "#1f77b4"))
QUICK = TrainConfig(size=SIZE, epochs=2, looks=2, min_steps=4, batch=4)


def draw(folder: Path, count: int, seed: int = 0) -> tuple[list[Photo], np.ndarray]:
    """Photos of a red box over a blue one on grey, and their (N, SIZE, SIZE) label maps."""
    rng = np.random.default_rng(seed)
    photos, labels = [], np.zeros((count, SIZE, SIZE), np.uint8)
    for number in range(count):
        left, top, width = rng.integers(8, 20), rng.integers(4, 12), rng.integers(20, 36)
        labels[number, top : top + 22, left : left + width] = 1
        labels[number, top + 22 : top + 46, left : left + width] = 2
        colors = np.array([(170, 170, 160), (200, 40, 40), (40, 60, 190)])
        noise = rng.integers(-25, 26, (SIZE, SIZE, 3))
        pixels = (colors[labels[number]] + noise).clip(0, 255).astype(np.uint8)
        path = folder / f"drawn-{seed}-{number}.png"
        Image.fromarray(pixels).save(path)
        photos.append(Photo(f"{seed:04x}{number:04x}", f"drawn-{number}", path))
    return photos, labels
