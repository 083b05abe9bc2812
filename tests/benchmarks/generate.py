"""A ``train.csv`` of iMaterialist 2020's shape, and photos to stand in for the real ones.

The competition's files may not be passed on, so speed and memory at full size
are measured on this: 333,401 rows over 45,623 photos, drawn from a seed.

    python -m tests.benchmarks.generate FOLDER [--photos 45623] [--rows 333401] [--seed 0]
        [--stand-ins]

FOLDER/train.csv is always written, FOLDER/images/ with ``--stand-ins``.

What is public, and followed here, is in the output of ``notebooks/01-EDA.ipynb`` of
https://github.com/Julienbeaulieu/iMaterialist2020-Image-Segmentation-on-Detectron2: 45,623
photos, the rows of each class (333,401 in all), ids and number of the attributes (761,000), the
order of the file (by ImageId), and 14 photo sizes.

What was not found, and is assumed:

- the other photo sizes, and that all are equally frequent;
- how large garments are in their photo: the medians of the 800 photos of Clothing Co-Parsing
  (https://github.com/bearpaw/clothing-co-parsing) where it has the class, a guess where not;
- runs in a column of a mask: 1.16 on average, as in Clothing Co-Parsing;
- attributes of a row: 6 to 9 on garments, 1 or 2 on sleeves, pockets, necklines, collars and
  lapels, none on others, which gives about the known number;
- rows of a photo: a long tail around the known mean of 7.3.

The size of the real CSV was not found; this one has 1.53 GB and 383 runs a row (median 249, at most
9,129), drawn in 50 to 80 s on two shared cores. The stand-ins take 0.9 GB and 5 s.
"""

from __future__ import annotations

import argparse
import csv
import io
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = (
    (6161, 0.27, 0.27), (16548, 0.27, 0.24), (1494, 0.35, 0.28), (1107, 0.39, 0.32),
    (7833, 0.40, 0.34), (719, 0.27, 0.26), (12414, 0.28, 0.41), (2756, 0.29, 0.18),
    (5046, 0.30, 0.24), (3124, 0.43, 0.45), (18739, 0.34, 0.45), (922, 0.34, 0.44),
    (152, 0.46, 0.44), (4855, 0.11, 0.03), (2518, 0.18, 0.10), (3470, 0.15, 0.07),
    (1457, 0.07, 0.11), (1385, 0.08, 0.08), (3389, 0.05, 0.02), (6851, 0.18, 0.04),
    (112, 0.12, 0.15), (4326, 0.22, 0.22), (2582, 0.06, 0.05), (46374, 0.11, 0.09),
    (7217, 0.17, 0.20), (1374, 0.25, 0.30), (135, 0.50, 0.30), (1226, 0.20, 0.12),
    (10159, 0.15, 0.08), (5972, 0.10, 0.15), (874, 0.08, 0.04), (59448, 0.14, 0.20),
    (27179, 0.09, 0.05), (34258, 0.15, 0.06), (3300, 0.04, 0.02), (7991, 0.04, 0.12),
    (3529, 0.15, 0.12), (5084, 0.15, 0.15), (528, 0.10, 0.06), (1367, 0.12, 0.09),
    (588, 0.20, 0.12), (274, 0.08, 0.12), (4893, 0.08, 0.06), (2407, 0.20, 0.10),
    (929, 0.25, 0.25), (335, 0.06, 0.08),
)  # fmt: skip
"""By ClassId: rows in the real file, median width and height as a share of the photo's."""

GARMENTS = range(13)
PARTS = (28, 29, 31, 32, 33)
"""The ClassIds with 6 to 9 attributes, and with 1 or 2."""

ATTRIBUTES = (*range(235), *range(281, 284), *range(285, 341))
"""The ids of the 294 attributes."""

SIZES = (
    # In the notebook.
    (5214, 3676), (2448, 2448), (3000, 1997), (567, 400), (750, 500), (2000, 1158), (1500, 1000),
    (1600, 1067), (2800, 2100), (960, 640), (3000, 2001), (1133, 1502), (1000, 665), (3192, 2130),
    # Assumed.
    (6000, 4000), (4000, 6000), (4500, 3000), (4032, 3024), (3456, 2304), (2400, 3600),
    (3000, 2000), (2400, 1600), (2048, 1365), (1365, 2048), (1800, 1200), (1500, 1500),
    (1024, 1024), (1024, 683), (683, 1024), (1200, 800), (900, 600), (800, 1200), (600, 400),
    (2448, 1632),
)  # fmt: skip
"""Height and width of photos, in pixels; on average 2,200 and 1,800."""

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId", "AttributesIds")
CHUNK = 256
"""Photos a worker draws at a time. Part of what the seed means: each chunk has its own stream."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=45_623)
    parser.add_argument("--rows", type=int, default=333_401)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stand-ins", action="store_true", help="write FOLDER/images/ as well")
    args = parser.parse_args()
    write_csv(args.folder, args.photos, args.rows, args.seed)
    if args.stand_ins:
        write_stand_ins(args.folder, args.photos, args.seed)


def write(folder: Path, images: int, rows: int, seed: int) -> None:
    """Writes ``folder/train.csv`` and ``folder/images/``.

    Args:
        photos, rows: how many; at least one row for each photo
        seed: the same numbers give the same bytes on any number of cores
    """
    write_csv(folder, images, rows, seed)
    write_stand_ins(folder, images, seed)


def write_csv(folder: Path, images: int, rows: int, seed: int) -> None:
    """Writes ``folder/train.csv`` with as many processes as there are cores."""
    ids, sizes = album(images, seed)
    rng = np.random.default_rng([seed, 1])
    weights = rng.gamma(3, size=images)
    more = rng.choice(images, rows - images, p=weights / weights.sum())
    counts = 1 + np.bincount(more, minlength=images)
    chunks = [slice(i, i + CHUNK) for i in range(0, images, CHUNK)]
    jobs = [(ids[c], sizes[c], counts[c], (seed, 2, c.start)) for c in chunks]
    folder.mkdir(parents=True, exist_ok=True)
    # Not forked: whoever calls this may have threads of TensorFlow or FiftyOne running.
    with (
        (folder / "train.csv").open("wb") as file,
        ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as workers,
    ):
        file.write((",".join(COLUMNS) + "\n").encode())
        file.writelines(workers.map(draw_rows, jobs))


def write_stand_ins(folder: Path, images: int, seed: int) -> None:
    """Writes ``folder/images/``: grey JPEGs of the full size, of a few KB each.

    Progressive, since that takes an eighth of the space of plain ones. The
    ImageId stands in each as a comment, so no two are copies of one photo.
    """
    grey = {size: _grey_jpeg(*size) for size in SIZES}
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image_id, size in zip(*album(images, seed), strict=True):
        start, rest = grey[size][:2], grey[size][2:]
        comment = b"\xff\xfe" + (2 + len(image_id)).to_bytes(2, "big") + image_id.encode()
        (folder / "images" / f"{image_id}.jpg").write_bytes(start + comment + rest)


def album(images: int, seed: int) -> tuple[list[str], list[tuple[int, int]]]:
    """ImageIds, sorted as in the real file, and (height, width) of each photo."""
    rng = np.random.default_rng([seed, 0])
    ids = sorted(rng.bytes(16).hex() for _ in range(images))
    return ids, [SIZES[i] for i in rng.integers(len(SIZES), size=images)]


def draw_rows(job: tuple[list[str], list[tuple[int, int]], np.ndarray, tuple[int, ...]]) -> bytes:
    """The rows of some photos, as text: ImageIds, sizes, rows of each photo, seed."""
    ids, sizes, counts, seed = job
    rng = np.random.default_rng(seed)
    frequency = np.array([c[0] for c in CLASSES], dtype=float)
    frequency /= frequency.sum()
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    for image_id, (height, width), count in zip(ids, sizes, counts, strict=True):
        for class_id in rng.choice(len(CLASSES), count, p=frequency):
            _, wide, high = CLASSES[class_id]
            scale = rng.lognormal(0, 0.4, 2)
            box = int(scale[0] * high * height), int(scale[1] * wide * width)
            pairs = " ".join(map(str, draw_runs(rng, height, width, *box).tolist()))
            out.writerow((image_id, pairs, height, width, class_id, _attributes(rng, class_id)))
    return text.getvalue().encode()


def draw_runs(
    rng: np.random.Generator, height: int, width: int, box_height: int, box_width: int
) -> np.ndarray:
    """A garment-like blob with a wavy outline, some with a gap that parts its columns.

    Args:
        height, width: of the photo
        box_height, box_width: of the blob, about; cut down to the photo's

    Returns:
        (2 n,) int64 pairs as in ``EncodedPixels``: 1-based, column-major, ascending, apart
    """
    columns = min(max(box_width, 3), width)
    rows = min(max(box_height, 3), height)
    left = rng.integers(width - columns + 1)
    middle = rows / 2 + rng.random() * (height - rows)
    across = np.linspace(-1, 1, columns)
    power, bend, ripple, phase, turn = rng.uniform((2, 0, 0, 0, 3), (6, 0.1, 0.05, 6.3, 40))
    half = rows / 2 * (1 - np.abs(across) ** power) ** (1 / power)
    centre = middle + rows * bend * np.sin(3 * across + phase)
    wave = rows * ripple * np.sin(turn * across + phase)
    # The last row stays free: runs of two columns never touch, and a mask has one spelling.
    top = np.clip(centre - half + wave, 0, height - 2).astype(np.int64)
    bottom = np.clip(centre + half + wave, top + 1, height - 1).astype(np.int64)
    gap_top, gap_bottom = bottom, bottom
    if rng.random() < 0.4:
        at, reach = rng.uniform((-0.7, 0.2), (0.7, 0.7))
        gap = rows / 4 * (1 - np.minimum(np.abs(across - at) / reach, 1))
        gap_top = np.clip(centre - gap, top, bottom).astype(np.int64)
        gap_bottom = np.clip(centre + gap, gap_top, bottom).astype(np.int64)
        whole = gap_bottom == gap_top
        gap_top, gap_bottom = np.where(whole, bottom, gap_top), np.where(whole, bottom, gap_bottom)
    offset = (left + np.arange(columns)) * height + 1
    starts = np.stack((offset + top, offset + gap_bottom), axis=1).ravel()
    lengths = np.stack((gap_top - top, bottom - gap_bottom), axis=1).ravel()
    return np.stack((starts, lengths), axis=1)[lengths > 0].ravel()


def _attributes(rng: np.random.Generator, class_id: int) -> str:
    if class_id in GARMENTS:
        count = rng.integers(6, 10)
    elif class_id in PARTS:
        count = rng.integers(1, 3)
    else:
        return ""
    return ",".join(map(str, sorted(rng.choice(ATTRIBUTES, count, replace=False))))


def _grey_jpeg(height: int, width: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 128).save(file, "JPEG", progressive=True, optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
