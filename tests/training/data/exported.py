"""Exports of flat colours: each class of a label map has its own colour in the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import parse
from curation.formats import tfrecord

COLORS = np.array([(240, 240, 240), (230, 20, 20), (20, 30, 220), (20, 200, 40)], np.uint8)
"""What background and the three classes look like."""

TAXONOMY = """
name = "flat"
paint_order = ["top", "skirt", "shoe"]
ignore = ["blur"]
[[classes]]
id = 2
name = "top"
color = "#d62728"
[[classes]]
id = 5
name = "skirt"
color = "#1f77b4"
[[classes]]
id = 9
name = "shoe"
color = "#2ca02c"
"""


def boxes(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side) label map of channels 0 to 3: three boxes, nothing thinner than side / 8."""
    labels, cell = np.zeros((side, side), np.uint8), side // 8
    for channel in (1, 2, 3):
        top, left = rng.integers(0, 6, 2) * cell
        labels[top : top + 3 * cell, left : left + 3 * cell] = channel
    return labels


def export(
    folder: Path, train: int = 5, val: int = 2, side: int = 32, broken: int | None = None
) -> Path:
    """Photos whose colours say their labels, written as ``curate export`` does.

    Args:
        broken: the number of a photo that cannot be read, and is left out
    """
    made, groups = records(folder, train + val, side)
    if broken is not None:
        (folder / f"{broken}.png").write_bytes(b"gone bad")
    splits = {name: "train" if n < train else "val" for n, name in enumerate(made)}
    tfrecord.write(folder / "export", made, parse(TAXONOMY, "flat.toml"), splits, groups, side)
    return folder / "export"


def records(
    folder: Path, count: int, side: int = 32
) -> tuple[dict[str, ImageRecord], dict[str, str]]:
    """Photos in a folder, whose colours say their labels, and their hashes, by image_id."""
    found, groups = {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    names = ["background", "top", "skirt", "shoe"]
    for number in range(count):
        rng = np.random.default_rng(number)
        labels, image_id = boxes(rng, side), f"photo {number}"
        path = folder / f"{number}.png"
        Image.fromarray(COLORS[labels]).save(path)
        instances = [
            Instance(names[c], rle.encode(labels == c)) for c in (1, 2, 3) if (labels == c).any()
        ]
        corner = np.zeros((side, side), bool)
        corner[: side // 8, : side // 8] = True
        instances.append(Instance("ignore", rle.encode(corner)))
        found[image_id] = ImageRecord(image_id, path, side, side, tuple(instances))
        groups[image_id] = f"{rng.integers(1 << 30):08x}"  # an order unlike that of the names
    return found, groups
