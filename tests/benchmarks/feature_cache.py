"""The cache of features as it is, beside that of the build before: disk, quality, time.

    python -m tests.benchmarks.feature_cache --ccp ../shared/data/ccp
    python -m tests.benchmarks.feature_cache --ccp ../shared/data/ccp --size 384 --folds 2

The build before kept float16 of each photo and of its mirror image. The same folds of CCP are
trained with the same seeds on either, and each photo is predicted by the model that never saw it.
The difference of the foreground mIoU is that of all photos together, its interval 95 % of 2,000
bootstrap samples of photos, drawn in pairs. A step: a batch read and a step taken, in CPU seconds;
the caches take turns in one process, and the figure is the median of 40.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from numpy.typing import NDArray

from curation.core import console, taxonomy
from curation.core.progress import Progress, silent
from curation.formats import tfrecord
from curation.steps.runs import FolderRuns
from curation.steps.train import train
from tests.benchmarks.flagging import ccp_records
from training import metrics, recipes
from training import predict as prediction
from training.config import TrainConfig
from training.data.features import FeatureCache, _decoded
from training.data.image import InputImage
from training.run import Records, predict

STEPS = 40


class Float16(FeatureCache):
    """What the build before kept."""

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        from training import models

        self._config = config
        self.shapes = models.feature_map_shapes(config)
        self.folder = folder / f"float16-{config.size}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._row_of: dict[str, int] = {}
        self._load()

    def _load(self) -> None:
        keys = self.folder / "keys.json"
        if keys.exists():
            self._row_of = {key: n for n, key in enumerate(json.loads(keys.read_text()))}
            self._maps = [np.load(self.folder / f"{n}.npy", mmap_mode="r") for n in range(4)]

    def __contains__(self, image: InputImage) -> bool:
        return image.key in self._row_of

    def rows(self, images: Sequence[InputImage]) -> NDArray[np.int64]:
        return np.array([self._row_of[image.key] for image in images])

    def feature_maps(self, rows: NDArray[np.int64], view: int | NDArray[np.int64]) -> list[NDArray]:
        views = np.broadcast_to(view, rows.shape)
        return [m[rows, views] for m in self._maps]

    def add(self, images: Sequence[InputImage], *, progress: Progress = silent) -> None:
        from training import models

        photos = list({image.key: image for image in images}.values())
        if all(photo in self for photo in photos):
            return
        encoder = models.encoder(self._config)
        maps = [
            np.lib.format.open_memmap(
                self.folder / f"{n}.npy", "w+", np.float16, (len(photos), 2, *shape)
            )
            for n, shape in enumerate(self.shapes)
        ]
        at = 0
        for part, pixels, _ in _decoded(photos, self._config.size):
            for view, seen in enumerate((pixels, pixels[:, :, ::-1])):
                for target, found in zip(maps, encoder.predict_on_batch(seen), strict=True):
                    target[at : at + len(part), view] = found
            at += len(part)
            progress("features", at, len(photos))
        (self.folder / "keys.json").write_text(json.dumps([photo.key for photo in photos]))
        self._load()


CACHES: dict[str, type[FeatureCache]] = {
    "float16 (before)": Float16,
    "3 bits (now)": FeatureCache,
}
BEFORE, NOW = CACHES


@click.command()
@click.option("--ccp", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--recipe", default="quick", show_default=True)
@click.option("--size", type=int, help="Side in pixels; else the recipe's.")
@click.option("--folds", default=3, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), help="Where runs are kept.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    ccp: Path, recipe: str, size: int | None, folds: int, work: Path | None,
    json_file: Path | None,
) -> None:  # fmt: skip
    config = recipes.load(recipe)
    config = replace(config, size=size or config.size)
    with TemporaryDirectory() as scratch:
        folder = work or Path(scratch)
        data = folder / f"data-{config.size}"
        if not data.exists():
            write(ccp, data, config.size)
        found = {name: measured(name, data, folder, config, folds) for name in CACHES}
        seconds = steps(data, folder, config, folds)
    base = found[BEFORE][1]
    rows = []
    for name, (row, confusions) in found.items():
        low, high = difference(confusions, base)
        rows.append({"cache": name, "size": config.size, **row, "low": low, "high": high,
                     "step": seconds[name]})  # fmt: skip
    header = ("", "MB a photo", "features, CPU ms a photo", "mIoU fg", "difference (95 %)",
              "CPU s a step", "of before")  # fmt: skip
    body = [
        (
            r["cache"], f"{r['megabytes']:.3f}", f"{r['feature_ms']:.0f}", f"{r['miou']:.3f}",
            f"{r['miou'] - rows[0]['miou']:+.3f} ({r['low']:+.3f} to {r['high']:+.3f})",
            f"{r['step']:.2f}", f"{r['step'] / rows[0]['step']:.2f}",
        )
        for r in rows
    ]  # fmt: skip
    console.out.print(console.table(header, body))
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1))


def write(ccp: Path, folder: Path, size: int) -> None:
    """CCP in 5 categories, all to be dealt into folds."""
    records = {record.image_id: record for record in ccp_records(ccp)}
    hashes = {i: sha256(r.path.read_bytes()).hexdigest() for i, r in records.items()}
    five, train_ = taxonomy.load("supercategories"), dict.fromkeys(records, "train")
    tfrecord.write(folder, records, five, train_, hashes, size)


@contextmanager
def reading(cache: type[FeatureCache]):
    """Has runs read their features from a cache of this kind."""
    usual, prediction.FeatureCache = prediction.FeatureCache, cache
    try:
        yield
    finally:
        prediction.FeatureCache = usual


def measured(
    name: str, data: Path, work: Path, config: TrainConfig, folds: int
) -> tuple[dict, NDArray[np.int64]]:
    """The figures of a cache, and (photos, K, K) confusions, out of fold."""
    folder = _folder(work, name, config, folds)
    records = Records(data)
    with reading(CACHES[name]), console.bars() as progress:
        cache = CACHES[name](folder / "features", config)
        began = time.process_time()
        cache.add(records.images, progress=progress)
        spent = time.process_time() - began
        train(FolderRuns(data), str(folder / "run"), config, folds=folds, progress=progress)
        kept = folder / "confusions.npy"
        if not kept.exists():
            seen = predict(folder / "run", records.images, cache=folder / "features")
            np.save(kept, [_confusion(records, image, p) for image, p in seen])
    size = sum(f.stat().st_size for f in cache.folder.iterdir() if f.suffix in (".bin", ".npy"))
    confusions = np.load(kept)
    row = {
        "megabytes": size / len(records) / 1e6,
        "feature_ms": 1000 * spent / len(records),
        "miou": _miou(confusions.sum(0)),
    }
    return row, confusions


def _folder(work: Path, name: str, config: TrainConfig, folds: int) -> Path:
    return work / f"{'now' if name == NOW else 'before'}-{config.size}-{folds}"


def _confusion(records: Records, image: InputImage, p: NDArray[np.float32]) -> NDArray[np.int64]:
    confusion = metrics.Confusion(len(records.classes.names))
    confusion.add(records.labels(image.index)[None], p.argmax(0)[None])
    return confusion.matrix


def _miou(matrix: NDArray[np.int64]) -> float:
    return float(np.nanmean(metrics.iou(matrix)[1:]))


def difference(of: NDArray[np.int64], base: NDArray[np.int64]) -> tuple[float, float]:
    """95 % of the difference in mIoU over bootstrap samples of the photos."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(of), len(of)) for _ in range(2000))
    found = [_miou(of[sample].sum(0)) - _miou(base[sample].sum(0)) for sample in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def steps(data: Path, work: Path, config: TrainConfig, folds: int) -> dict[str, float]:
    """CPU seconds of a step on each cache: the median, their steps by turns."""
    from training import models
    from training.fitting.feature_batches import FeatureBatches
    from training.fitting.losses import SegmentationLoss

    records = Records(data)
    every = np.arange(len(records))
    model = models.low_resolution(models.head(config, len(records.classes.names)))
    model.compile("adam", SegmentationLoss(config.loss, config.dice_weight, None))
    spent: dict[str, list[float]] = {name: [] for name in CACHES}
    caches = {}
    for name in CACHES:
        cache = CACHES[name](_folder(work, name, config, folds) / "features", config)
        rows = cache.rows(records.images)
        caches[name] = FeatureBatches(records, cache, rows, every, config, 0, 0, STEPS + 1)
    for step in range(STEPS + 1):
        for name in (BEFORE, NOW) if step % 2 else (NOW, BEFORE):
            began = time.process_time()
            model.train_on_batch(*caches[name][step])
            spent[name].append(time.process_time() - began)
    return {name: float(np.median(times[1:])) for name, times in spent.items()}


if __name__ == "__main__":
    main()
