"""Model x backbone x path on real photos: how good, how large, how long.

    python -m tests.benchmarks.segmenters --ccp ../shared/data/ccp

Every row is trained by `curate train` on the same 640 photos, its weights chosen on the same
80, and measured on the same 79: the splits go by the hash of the photo. Intervals are those of
2,000 bootstrap samples of the 79 photos. CPU seconds are those of the whole run: features,
training and measuring.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from curation.core import console, splits, taxonomy
from curation.formats import imaterialist, tfrecord

ROWS: dict[str, list[str]] = {
    "FPN, Lite0, frozen (recipe laptop)": ["--recipe", "laptop"],
    "FPN, Lite2, frozen": ["--recipe", "laptop", "--backbone", "lite2"],
    "DeepLabV3+, Lite0, frozen": [
        "--recipe", "laptop", "--model", "deeplabv3plus", "--output-stride", "16",
    ],
    "FPN, Lite0, fine-tuned": ["--recipe", "laptop-finetune"],
    "FPN, Lite2, fine-tuned": ["--recipe", "laptop-finetune", "--backbone", "lite2"],
    "DeepLabV3+, Lite0, fine-tuned": [
        "--recipe", "laptop-finetune", "--model", "deeplabv3plus", "--output-stride", "16",
    ],
    "UNet, from scratch": [
        "--recipe", "laptop-finetune", "--model", "unet", "--backbone", "none", "--weights", "none",
    ],
}  # fmt: skip
"""What is said to `curate train` for each row."""


@click.command()
@click.option("--ccp", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--only", multiple=True, help="Rows whose name has this in it.")
@click.option("--size", type=int, default=384, show_default=True)
@click.option("--epochs", type=int, help="Fewer or more than the recipes say.")
@click.option("--work", type=click.Path(path_type=Path), help="Where runs are kept; else nowhere.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    ccp: Path,
    only: tuple[str, ...],
    size: int,
    epochs: int | None,
    work: Path | None,
    json_file: Path | None,
) -> None:
    rows = []
    with TemporaryDirectory() as scratch:
        folder = work or Path(scratch)
        data = folder / f"data-{size}"
        if not data.exists():
            write(ccp, data, size)
        for number, (name, settings) in enumerate(ROWS.items()):
            if only and not any(part in name for part in only):
                continue
            run = folder / f"run{number}-{size}"
            train(data, run, [*settings, "--size", str(size)], epochs)
            metrics = json.loads((run / "metrics.json").read_text())
            low, high = interval(run, data)
            rows.append({"name": name, "low": low, "high": high, **metrics})
            show(rows)
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1))


def write(ccp: Path, folder: Path, size: int) -> None:
    """CCP in 5 categories as `curate export` would write it, without a database."""
    source = imaterialist.load(ccp / "train.csv", ccp / "images")
    five = taxonomy.load("supercategories")
    records = {}
    for record in source.read(0, len(source.names), lambda skip: None):
        kept = [
            replace(instance, category=target)
            for instance in record.instances
            if (target := five.target(instance.category))
        ]
        records[record.image_id] = replace(record, instances=tuple(kept))
    groups = {i: sha256(r.path.read_bytes()).hexdigest() for i, r in records.items()}
    categories = {i: [x.category for x in r.instances] for i, r in records.items()}
    tfrecord.write(folder, records, five, splits.assign(groups, categories), groups, size)


def train(data: Path, run: Path, settings: list[str], epochs: int | None) -> None:
    words = ["train", f"{data}/", "--run", str(run), *settings]
    words += ["--epochs", str(epochs)] if epochs else []
    program = "from curation.cli import main; main()"
    subprocess.run([sys.executable, "-c", program, *words], check=True, stdout=sys.stderr)


def interval(run: Path, data: Path) -> tuple[float, float]:
    """95 % of the foreground mIoU over bootstrap samples of the test photos."""
    from training import metrics
    from training.run import Records, predict

    records = Records(data)
    tested = [image for image in records.images if image.split == "test"]
    matrices = []
    for image, probabilities in predict(run, tested, cache=run.parent / "features", progress=None):
        confusion = metrics.Confusion(len(records.classes.names))
        confusion.add(records.labels(image.index)[None], probabilities.argmax(0)[None])
        matrices.append(confusion.matrix)
    rng = np.random.default_rng(0)
    every = np.stack(matrices)
    means = [
        np.nanmean(metrics.iou(every[rng.integers(0, len(every), len(every))].sum(0))[1:])
        for _ in range(2000)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def show(rows: list[dict]) -> None:
    header = ("", "mIoU fg", "95 %", "mIoU", "F1", "boundary F", "ECE", "params", "core-s", "s")
    body = [
        (
            r["name"], f"{r['miou_foreground']:.3f}", f"{r['low']:.3f} to {r['high']:.3f}",
            f"{r['miou']:.3f}", f"{r['f1']:.3f}", f"{r['boundary_f_foreground']:.3f}",
            f"{r['ece']:.3f}", f"{r['parameters'] / 1e6:.1f} M", f"{r['cpu_seconds']:.0f}",
            f"{r['seconds']:.0f}",
        )
        for r in rows
    ]  # fmt: skip
    console.out.print(console.table(header, body))


if __name__ == "__main__":
    main()
