"""An export of large photos beside a plain Pillow loop, TensorFlow Datasets, and decoding alone.

    python -m tests.benchmarks.export_photos [--photos 40] [--size 256] [--json FILE]

Photos are noise of 3000x4000 and of 550x830 pixels, JPEG of quality 90, with three labels each.
All on one core, in rounds that take turns; CPU seconds, so that they hold on a busy machine, too.
The loop opens, converts, resizes and packs a photo with Pillow, and paints and resizes its labels
with numpy, into the same records. The TensorFlow Datasets writer gets what the loop made, packs it
by itself, and is left out where that package is not installed. Decoding alone asks libjpeg for the
scale that the export takes, and does nothing with the pixels. How many pixels of the label maps
differ from those of the loop is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core import console, rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.formats import export, tfrecord
from curation.formats.tfrecord import example

OURS, LOOP, PEER, DECODING = "curate export", "Pillow loop", "TensorFlow Datasets", "decoding alone"
SIZES = ((4000, 3000), (830, 550))
CLASSES = ("top, t-shirt, sweatshirt", "pants", "shoe")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # so that no worker is started
    with tempfile.TemporaryDirectory() as scratch:
        found = [
            measured(Path(scratch), height, width, args.photos, args.size, args.rounds)
            for height, width in SIZES
        ]
    columns = ("photos of", "way", "CPU ms a photo", "times curate's")
    body = [
        (part["photos"], way, f"{cpu * 1000:.1f}", f"{cpu / part['cpu'][OURS]:.2f}")
        for part in found
        for way, cpu in part["cpu"].items()
    ]
    console.out.print(console.table(columns, body, f"{args.rounds} rounds, medians"))
    differ = sum(part["differ"] for part in found)
    console.out.print(f"pixels of label maps that differ from the loop's: {differ}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


def measured(
    scratch: Path, height: int, width: int, count: int, size: int, rounds: int
) -> dict[str, object]:
    folder = scratch / f"{width}"
    records = made(folder, height, width, count)
    own = taxonomy.load("supercategories")
    under = {
        i: ImageRecord(i, r.path, height, width, tuple(
            Instance(own.target(x.category) or "ignore", x.mask) for x in r.instances
        ))
        for i, r in records.items()
    }  # fmt: skip
    ways: dict[str, Callable[[], object]] = {
        OURS: lambda: exported(scratch / "ours", under, own, size),
        LOOP: lambda: list(looped(scratch / "loop", under, own, size)),
        DECODING: lambda: [decoded(r.path, size) for r in under.values()],
    }
    if find_spec("tensorflow_datasets"):
        peer = peers(size)
        ways[PEER] = lambda: peer(scratch / "tfds", looped(scratch / "loop", under, own, size))
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, act in ways.items():
            started = time.process_time()
            act()
            seconds[way].append((time.process_time() - started) / count)
    return {
        "photos": f"{width}x{height}",
        "cpu": {way: statistics.median(values) for way, values in seconds.items()},
        "differ": differing(scratch / "ours", looped(scratch / "loop", under, own, size)),
    }


def made(folder: Path, height: int, width: int, count: int) -> dict[str, ImageRecord]:
    """Photos of soft noise, each with three ellipses as labels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    records = {}
    y, x = np.mgrid[:height, :width]
    for number in range(count):
        coarse = rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
        soft = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        fine = rng.normal(0, 6, (height, width, 1))
        pixels = (np.asarray(soft) + fine).clip(0, 255).astype(np.uint8)
        path = folder / f"{number:03d}.jpg"
        Image.fromarray(pixels).save(path, quality=90)
        labels = []
        for category in CLASSES:
            cy, cx = rng.uniform(0.2, 0.8, 2) * (height, width)
            ry, rx = rng.uniform(0.05, 0.3, 2) * (height, width)
            inside = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
            labels.append(Instance(category, rle.encode(inside)))
        records[path.stem] = ImageRecord(path.stem, path, height, width, tuple(labels))
    return records


def exported(
    folder: Path, records: dict[str, ImageRecord], own: taxonomy.Taxonomy, size: int
) -> None:
    groups = {i: f"{n:032x}" for n, i in enumerate(records)}
    export.write(folder, "tfrecord", records, own, dict.fromkeys(records, "train"), groups, size)


def looped(
    folder: Path, records: dict[str, ImageRecord], own: taxonomy.Taxonomy, size: int
) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    """What who needs an export once would write, into one shard; yields what it has written."""
    folder.mkdir(exist_ok=True)
    rank = {name: place for place, name in enumerate(own.paint_order)}
    with (folder / "train.tfrecord").open("wb") as out:
        for record in records.values():
            with Image.open(record.path) as opened:
                photo = opened.convert("RGB").resize((size, size), Image.Resampling.BOX)
            painted = np.zeros((record.height, record.width), np.uint8)
            ordered = sorted(record.instances, key=lambda x: (rank[x.category], -rle.area(x.mask)))
            for instance in ordered:
                painted[rle.decode(instance.mask)] = own.class_id(instance.category)
            small = Image.fromarray(painted).resize((size, size), Image.Resampling.NEAREST)
            image, labels = np.asarray(photo), np.asarray(small)
            out.write(example.frame(example.encode(record.image_id, image, labels)))
            yield record.image_id, image, labels


def decoded(path: Path, size: int) -> None:
    with Image.open(path) as image:
        image.draft("RGB", (2 * size, 2 * size))
        image.load()


def peers(size: int) -> Callable[[Path, Iterator], None]:
    """The writer of TensorFlow Datasets, for the same photos and label maps."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict({
        "image": tfds.features.Image(shape=(size, size, 3), encoding_format="jpeg"),
        "labels": tfds.features.Image(shape=(size, size, 1), encoding_format="png"),
        "image_id": tfds.features.Text(),
    })  # fmt: skip

    def write(folder: Path, photos: Iterator) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        rows = (
            (image_id, {"image": image, "labels": labels[..., None], "image_id": image_id})
            for image_id, image, labels in photos
        )
        tfds.dataset_builders.store_as_tfds_dataset(
            name="photos", version="1.0.0", features=features, split_datasets={"train": rows},
            data_dir=folder,
        )  # fmt: skip

    return write


def differing(folder: Path, expected: Iterator) -> int:
    """Pixels of the label maps that are of another class than the loop's."""
    ours = {i: labels for i, _, labels in tfrecord.read(folder, "train")}
    return sum(int((ours[i] != labels).sum()) for i, _, labels in expected)


if __name__ == "__main__":
    main()
