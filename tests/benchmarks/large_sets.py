"""What a queue from tens of thousands of photos takes, by slopes measured on hundreds.

    python -m tests.benchmarks.large_sets --photos 300 --photos 900

Figures are drawn, and go from import to queue with ``--recipe large --folds 3``, each verb a
process of its own, with fewer steps. What a verb takes at ``--at`` photos is a line through what it
took at the fewest and at the most photos, a training's steps apart, which are as many whatever the
photos: those are what a step took here, with the evaluation after them, times the recipe's. Memory
is the most that was measured; pages that several processes share count once.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import click
import psutil

from curation.core import console
from curation.demo import run as demo
from tests.benchmarks.memory import watched
from training import recipes

FOLDS = 3
VERBS = ("import", "remap", "train", "predict", "flag")
RUN = "r1"


@click.command()
@click.option("--photos", "counts", multiple=True, type=int, default=(300, 900), show_default=True)
@click.option("--recipe", default="large", show_default=True)
@click.option("--steps", default=30, show_default=True, help="Of each model, to measure one.")
@click.option("--at", default=45_000, show_default=True, help="Photos to reckon for.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(counts: Sequence[int], recipe: str, steps: int, at: int, json_file: Path | None) -> None:
    measured = {}
    with TemporaryDirectory() as scratch:
        for count in sorted(counts):
            measured[count] = around(Path(scratch) / str(count), count, recipe, steps)
    few, many = min(measured), max(measured)
    rows = []
    for verb in VERBS:
        low, high = measured[few][verb], measured[many][verb]
        slope = (high["cpu"] - low["cpu"]) / (many - few)
        reckoned = low["cpu"] + slope * (at - few)
        rows.append({"verb": verb, "slope": slope, "cpu at": reckoned, "memory": high["memory"]})
    config = recipes.load(recipe)
    taught = FOLDS * config.steps * measured[many]["step"]
    rows.append({"verb": f"train: steps, {measured[many]['step']:.2f} s each", "cpu at": taught})
    show(rows, at, measured[many], many)
    if json_file:
        json_file.write_text(json.dumps({"rows": rows, "measured": measured}, indent=1))


def show(rows: list[dict], at: int, most: dict, many: int) -> None:
    body = [
        (
            r["verb"], f"{1000 * r['slope']:.1f}" if "slope" in r else "",
            f"{r['cpu at'] / 60:.0f}", f"{r['memory'] / 2**20:,.0f}" if "memory" in r else "",
        )
        for r in rows
    ]  # fmt: skip
    header = ("", "CPU ms a photo", f"CPU minutes at {at:,}", f"MiB at {many:,}")
    console.out.print(console.table(header, body))
    total = sum(r["cpu at"] for r in rows) / 3600
    disk = most["disk"] / many * at / 1e9
    console.say(f"{total:.1f} CPU hours and {disk:.1f} GB for {at:,} photos.")


def around(folder: Path, count: int, recipe: str, steps: int) -> dict:
    """Once from import to queue: CPU seconds and the most bytes of memory of each verb, CPU seconds
    of a step, and the bytes that are left on the disk."""
    folder.mkdir()
    demo.draw(folder, count)
    name = f"large-{count}"
    shorter = ["--steps", str(steps), "--set", "evals=1"]
    photos = ["--annotations", str(folder / "train.csv"), "--images", str(folder / "photos")]
    words = {
        "import": ["imaterialist", name, *photos],
        "remap": [name, "--taxonomy", "supercategories"],
        "train": [name, "--run", RUN, "--recipe", recipe, "--folds", str(FOLDS), *shorter],
        "predict": [name, "--run", RUN],
        "flag": [name, "--run", RUN],
    }
    home = Path(os.environ.get("CURATE_HOME", Path.home() / "curate")) / name
    found: dict = {verb: curate(verb, *words[verb]) for verb in VERBS}
    with (home / "runs" / RUN / "history.csv").open() as file:
        fitted = sum(float(row["cpu_seconds"]) for row in csv.DictReader(file))
    found["step"] = fitted / (FOLDS * steps)
    found["train"]["cpu"] -= fitted
    found["disk"] = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return found


def curate(*words: str) -> dict[str, float]:
    program = "from curation.cli import main; main.main()"
    before = _spent()
    process = psutil.Popen([sys.executable, "-c", program, *words], stdout=DEVNULL)
    with watched(psutil.Process(process.pid), every=0.5) as top:
        if process.wait():
            raise click.ClickException(f"curate {' '.join(words)} failed")
    return {"cpu": _spent() - before, "memory": float(top())}


def _spent() -> float:
    """CPU seconds of children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
