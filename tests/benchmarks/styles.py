"""Styles from 18 photos: our recipe, and the one that ended in background everywhere.

    python -m tests.benchmarks.styles

18 people of three styles are drawn at 700 x 500, six of each, and what they wear is labelled with
their style, as FashionSeg did. Each recipe is trained out of fold (3 folds), so all 18 photos are
measured by a model that saw 12 others; the seed's is swept over its learning rates.
"""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from PIL import Image

from curation.core import console, splits, taxonomy
from curation.demo import run as demo
from curation.demo.figures import draw_figure
from curation.formats import tfrecord

STYLES = ("bohemian", "preppy", "streetwear")
HEIGHT, WIDTH = 700, 500
RATES = (0.1, 0.01, 0.001, 0.0001)


@click.command()
@click.option("--seeds", default=2, show_default=True, help="Sets of 18 photos that are drawn.")
@click.option("--each", default=6, show_default=True, help="Photos of each style.")
@click.option("--only", multiple=True, help="Rows of this name; else all.")
@click.option("--work", type=click.Path(path_type=Path), help="Where runs are kept; else nowhere.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    seeds: int, each: int, only: tuple[str, ...], work: Path | None, json_file: Path | None
) -> None:
    plan = [("styles", ["--recipe", "styles"])]
    plan += [
        (f"styles-seed, learning rate {rate:g}",
         ["--recipe", "styles-seed", "--learning-rate", str(rate)])
        for rate in RATES
    ]  # fmt: skip
    rows = []
    with TemporaryDirectory() as scratch:
        for seed in range(seeds):
            folder = (work or Path(scratch)) / f"set{seed}"
            for size in (384, 256):
                if not (folder / f"data-{size}").exists():
                    draw(folder, size, each, seed)
            for number, (name, settings) in enumerate(plan):
                if only and name not in only:
                    continue
                data = folder / ("data-384" if name == "styles" else "data-256")
                run = folder / f"run{number}"
                words = ["train", f"{data}/", "--run", str(run), "--folds", "3", *settings]
                program = "from curation.cli import main; main()"
                command = [sys.executable, "-c", program, *words]
                subprocess.run(command, check=True, stdout=sys.stderr)
                metrics = json.loads((run / "metrics.json").read_text())
                rows.append({"set": seed, "name": name, **metrics})
                show(rows)
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1))


def draw(folder: Path, size: int, each: int, seed: int) -> None:
    """The photos and, of ``size`` pixels a side, what ``curate export`` would write of them."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    records = {}
    for number, source in enumerate(np.random.SeedSequence([18, seed]).spawn(3 * each)):
        rng = np.random.default_rng(source)
        figure = draw_figure(rng, HEIGHT, WIDTH, STYLES[number % len(STYLES)])
        path = folder / "photos" / f"{number:02d}.png"
        Image.fromarray(figure.image).save(path)
        records[path.name] = demo.as_style_record(figure, path)
    groups = {i: sha256(r.path.read_bytes()).hexdigest() for i, r in records.items()}
    categories = {i: [x.category for x in r.instances] for i, r in records.items()}
    dealt = splits.assign(groups, categories)
    styles = taxonomy.load("styles")
    tfrecord.write(folder / f"data-{size}", records, styles, dealt, groups, size)


def show(rows: list[dict]) -> None:
    header = ("set", "recipe", "mIoU styles", *STYLES, "background", "only background", "core-s")
    body = [
        (r["set"], r["name"], f"{r['miou_foreground']:.3f}",
         *(f"{r['iou'][style] or 0:.3f}" for style in STYLES), f"{r['iou']['background']:.3f}",
         "yes" if r["only_background"] else "no", f"{r['cpu_seconds']:.0f}")
        for r in rows
    ]  # fmt: skip
    console.out.print(console.table(header, body))


if __name__ == "__main__":
    main()
