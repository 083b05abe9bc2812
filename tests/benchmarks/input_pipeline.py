"""The trainer's input pipelines beside a plain one of `tf.data`: images a second, no model.

    python -m tests.benchmarks.input_pipeline [--photos 256] [--batch 16] [--json FILE]

The same records, drawn figures, for all: decoded, augmented and put into batches,
in rounds that take turns. The peer is what TensorFlow's guide to `tf.data` says:
TFRecordDataset with parallel reads, shuffle, a parallel map that parses, decodes
and augments with TensorFlow's own operations (its JPEG decoder takes a shortcut
that ours does not: JDCT_IFAST), batch, prefetch. Augmented is mirrored, turned,
zoomed and recoloured; plain is mirrored alone. Ratios are of the same round.
Images a CPU second are those of one processor's time: they hold on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from math import radians
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.core import console, parallel
from curation.formats import export
from curation.formats.tfrecord import example

if TYPE_CHECKING:
    import tensorflow as tf

    from training.config import TrainConfig

THREADS, TF_DATA, PEER = "ImageBatches", "tf_dataset", "TF operations"
AUGMENTED = {"rotate": 20.0, "scale": 0.25, "color": 0.2}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--epochs", type=int, default=4, help="over the photos, in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault(
        "CUDA_VISIBLE_DEVICES", "-1"
    )  # no model, so no GPU to be had or waited for
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in args.sizes:
            folder = Path(scratch) / str(size)
            draw(folder, args.photos, size)
            for views in ({}, AUGMENTED):
                results.append(compare(folder, views, args.batch, args.epochs, args.rounds))
    columns = ("photos", "pipeline", "images/s", "of peer's", "a CPU s", "of peer's")
    body = [
        (
            f"{result['size']} {result['views']}",
            way,
            f"{figures['images_per_second']:,.0f}",
            f"{figures['of_peer']:.2f}",
            f"{figures['images_per_cpu_second']:,.0f}",
            f"{figures['of_peer_per_cpu']:.2f}",
        )
        for result in results
        for way, figures in result["ways"].items()
    ]
    title = f"{args.rounds} rounds of {args.photos * args.epochs} photos, medians"
    console.out.print(console.table(columns, body, title))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


def compare(folder: Path, views: dict[str, float], batch: int, epochs: int, rounds: int) -> dict:
    """Times the three ways on an export; see the module."""
    from training.config import TrainConfig
    from training.data.records import Records
    from training.data.shard import WorkerShard
    from training.fitting.batches import ImageBatches, tf_dataset

    records = Records(folder)
    config = TrainConfig(
        size=records.size, batch=batch, frozen=False, flip=True, cutmix=0.0, **views
    )
    steps = len(records) * epochs // batch
    shard = WorkerShard(records, np.arange(len(records)), config, seed=0)
    ways: dict[str, Callable[[], Iterable]] = {
        THREADS: lambda: ImageBatches(shard, 0, steps),
        TF_DATA: lambda: tf_dataset(shard, 0, steps),
        PEER: lambda: peer(folder, records.size, config, epochs),
    }
    rates: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(-1, rounds):
        for way, make in ways.items():
            rate = images_per_second(make)
            if number >= 0:  # the round before the first warms up
                rates[way].append(rate)
    result: dict = {
        "size": records.size,
        "views": "augmented" if views else "plain",
        "cores": parallel.workers(),
        "batch": batch,
        "rounds": rates,
        "ways": {},
    }
    for way, own in rates.items():
        pairs = np.array(own)
        rate, per_cpu = np.median(pairs, axis=0)
        ratio, ratio_per_cpu = np.median(pairs / rates[PEER], axis=0)
        result["ways"][way] = {
            "images_per_second": rate,
            "of_peer": ratio,
            "images_per_cpu_second": per_cpu,
            "of_peer_per_cpu": ratio_per_cpu,
        }
    told = ", ".join(f"{w} {f['images_per_second']:,.0f}/s" for w, f in result["ways"].items())
    console.say(f"{records.size} px, {result['views']}: {told}")
    return result


def images_per_second(make: Callable[[], Iterable]) -> tuple[float, float]:
    """Of one walk through all batches, the start of the pipeline included; also a CPU second."""
    started, started_core, images = time.perf_counter(), time.process_time(), 0
    for _, labels in make():
        images += len(labels)
    took, took_core = time.perf_counter() - started, time.process_time() - started_core
    return images / took, images / took_core


def peer(folder: Path, size: int, config: TrainConfig, epochs: int) -> tf.data.Dataset:
    """A pipeline of TensorFlow's own operations, as its guide has it."""
    import tensorflow as tf

    features = {
        name: tf.io.FixedLenFeature([], tf.string) for name in (example.IMAGE, example.LABELS)
    }

    def parse(serialised: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parts = tf.io.parse_single_example(serialised, features)
        image = tf.ensure_shape(tf.io.decode_jpeg(parts[example.IMAGE], 3), (size, size, 3))
        labels = tf.ensure_shape(tf.io.decode_png(parts[example.LABELS], 1), (size, size, 1))
        if tf.random.uniform([]) < 0.5:
            image, labels = tf.reverse(image, [1]), tf.reverse(labels, [1])
        if config.rotate:
            matrix = random_matrix()
            image, labels = warp(image, matrix, "BILINEAR"), warp(labels, matrix, "NEAREST")
            image = tf.image.random_brightness(image, config.color)
            image = tf.image.random_contrast(image, 1 - config.color, 1 + config.color)
            image = tf.image.random_saturation(image, 1 - config.color, 1 + config.color)
        return image, labels[..., 0]

    def random_matrix() -> tf.Tensor:
        angle = tf.random.uniform([], -radians(config.rotate), radians(config.rotate))
        zoom = (1 + config.scale) ** tf.random.uniform([], -1, 1)
        cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
        middle = (size - 1) / 2
        left, top = middle - middle * (cos - sin), middle - middle * (sin + cos)
        return tf.stack([cos, -sin, left, sin, cos, top, 0.0, 0.0])[None]

    def warp(image: tf.Tensor, matrix: tf.Tensor, how: str) -> tf.Tensor:
        fill = 255.0 if how == "NEAREST" else 0.0
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=image[None], transforms=matrix, output_shape=[size, size],
            fill_value=fill, interpolation=how, fill_mode="CONSTANT",
        )[0]  # fmt: skip

    shards = sorted(str(path) for path in folder.glob("train-*.tfrecord"))
    return (
        tf.data.TFRecordDataset(shards, num_parallel_reads=tf.data.AUTOTUNE)
        .shuffle(256)
        .repeat(epochs)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(config.batch, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def draw(folder: Path, count: int, size: int, shards: int = 4) -> None:
    """An export of drawn figures, all to be trained on."""
    from curation.demo.figures.drawing import draw_figure

    folder.mkdir()
    hashes, names = {}, [f"{number:06d}" for number in range(count)]
    for shard, part in enumerate(np.array_split(names, shards)):
        name = f"train-{shard:05d}-of-{shards:05d}.tfrecord"
        with (folder / name).open("wb") as out:
            for image_id in part.tolist():
                figure = draw_figure(np.random.default_rng(int(image_id)), size, size)
                labels = np.zeros((size, size), np.uint8)
                for row, garment in enumerate(figure.garments):
                    labels[garment.mask] = 1 + row % 5
                out.write(example.frame(example.encode(image_id, figure.image, labels)))
        hashes[name] = sha256((folder / name).read_bytes()).hexdigest()
    classes = [(0, "background", "#000000"), *((k, f"class {k}", "#1f77b4") for k in range(1, 6))]
    export.write_csv(folder / "classes.csv", ("id", "name", "color"), classes)
    splits = {name: {"pixels": {}, "sha256": {}} for name in ("train", "val", "test")}
    splits["train"]["sha256"] = hashes
    manifest = {"format": "tfrecord", "size": size, "splits": splits}
    own = dict(zip(names, names, strict=True))
    export.finish(folder, manifest, names, dict.fromkeys(names, "train"), own)


if __name__ == "__main__":
    main()
