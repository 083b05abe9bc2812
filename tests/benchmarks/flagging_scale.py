"""Time and memory of flagging, by the number of photos: ours beside cleanlab's.

    python -m tests.benchmarks.flagging_scale --photos 800 --photos 45000

Drawn figures, and probabilities as a model of 256 pixels a side would give them, made anew for
each photo; the time that takes is left out. Each method runs in a process of its own; peak memory
is that of all its processes together. cleanlab's ``find_label_issues`` wants all photos at once:
it is left out where they need more memory than there is.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
import psutil
from cleanlab.segmentation.filter import find_label_issues
from cleanlab.segmentation.rank import get_label_quality_scores
from numpy.typing import NDArray

from curation.core import console, rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.demo.figures import draw_figure
from curation.issues import pipeline, scoring
from curation.issues.issue import SUSPECT
from curation.issues.observation import Observation

SIDE = 256
DRAWN = 48
"""Figures that all photos are made of."""
BYTES_A_PIXEL = 52
"""That find_label_issues takes beyond what it is given."""
CLASSES = ("background", "upper-body", "lower-body", "whole-body", "feet", "accessories")


@cache
def figures() -> list[tuple[Instance, ...]]:
    five = taxonomy.load("supercategories")
    drawn = []
    for source in np.random.SeedSequence(7).spawn(DRAWN):
        figure = draw_figure(np.random.default_rng(source), SIDE, SIDE)
        drawn.append(tuple(
            Instance(target, rle.encode(garment.mask))
            for garment in figure.garments if (target := five.target(garment.category))
        ))  # fmt: skip
    return drawn


def record(number: int) -> ImageRecord:
    """A photo; in one of five a label is wrong."""
    instances = figures()[number % DRAWN]
    if number % 5 == 0:
        rng = np.random.default_rng(number)
        wrong = int(rng.integers(len(instances)))
        names = [name for name in CLASSES[1:] if name != instances[wrong].category]
        renamed = replace(instances[wrong], category=str(rng.choice(names)))
        instances = (*instances[:wrong], renamed, *instances[wrong + 1 :])
    return ImageRecord(f"{number:06d}", Path(f"{number}.jpg"), SIDE, SIDE, instances)


def probabilities(number: int, side: int) -> NDArray[np.float32]:
    """(K, side, side) of a model that sees about what is there."""
    rng = np.random.default_rng([1, number])
    scores = np.zeros((len(CLASSES), side, side), np.float32)
    scores[0] = 1.0
    for instance in figures()[number % DRAWN]:
        mask = rle.decode(instance.mask).astype(np.float32)
        small = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
        scores[CLASSES.index(instance.category)] += 3 * cv2.GaussianBlur(small, (0, 0), side / 64)
    coarse = rng.normal(size=(8, 8, len(CLASSES))).astype(np.float32)
    scores += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)
    scores = np.exp(2 * scores)
    return scores / scores.sum(axis=0)


class Made:
    """Photos one after the other, and the CPU seconds that making them took."""

    def __init__(self) -> None:
        self.spent = 0.0

    def each(self, make: Callable, numbers: Sequence[int]) -> Iterator:
        for number in numbers:
            began = time.thread_time()
            made = make(number)
            self.spent += time.thread_time() - began
            yield made


def ours(count: int, made: Made) -> None:
    def observed(number: int) -> Observation:
        p = probabilities(number, SIDE // 2).astype(np.float16)
        return Observation.of(record(number), CLASSES, p)

    def observe(image_ids: Sequence[str]) -> Iterator[Observation]:
        return made.each(observed, [int(i) for i in image_ids])

    with TemporaryDirectory() as folder:
        ids = [f"{number:06d}" for number in range(count)]
        shards = pipeline.extract(Path(folder), "", ids, observe)
        _, ranked = pipeline.rank(shards)
        found = 0
        for table, scores in ranked:
            records = {i: record(int(i)) for i in table.images["image_id"]}
            for image in scoring.image_scores(table, scores, records, CLASSES, "r1"):
                found += any(issue.error_score >= SUSPECT for issue in image.issues)
        console.say(f"{found} of {count} photos have a suspect")


def softmin(count: int, made: Made) -> None:
    for p, label_map in made.each(pixels, range(count)):
        get_label_quality_scores(label_map[None], p[None], method="softmin", verbose=False)


def label_issues(count: int, made: Made) -> None:
    p = np.empty((count, len(CLASSES), SIDE, SIDE), np.float32)
    label_maps = np.empty((count, SIDE, SIDE), int)
    for number, (values, label_map) in enumerate(made.each(pixels, range(count))):
        p[number], label_maps[number] = values, label_map
    find_label_issues(label_maps, p, verbose=False)


def pixels(number: int) -> tuple[NDArray[np.float32], NDArray[np.int_]]:
    """What cleanlab takes of a photo: (K, S, S) probabilities and (S, S) labels."""
    five = taxonomy.load("supercategories")
    label_map = taxonomy.label_map(record(number), five, SIDE)
    return probabilities(number, SIDE), label_map.astype(int)


METHODS: dict[str, Callable[[int, Made], None]] = {
    "ours": ours,
    "cleanlab, softmin": softmin,
    "cleanlab, find_label_issues": label_issues,
}


@click.command()
@click.option("--photos", "images", multiple=True, type=int, default=[800], show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(METHODS)))
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(images: Sequence[int], only: Sequence[str], json_file: Path | None) -> None:
    rows = []
    for name in only or METHODS:
        for count in images:
            needed = count * SIDE**2 * (8 + 4 * len(CLASSES) + BYTES_A_PIXEL)
            if name == "cleanlab, find_label_issues" and needed > psutil.virtual_memory().available:
                console.say(f"{name}: {count:,} photos need some {needed / 2**30:.0f} GiB")
                continue
            rows.append({"method": name, "photos": count, **measured(name, count)})
            body = [
                (r["method"], f"{r['photos']:,}", f"{r['core_ms']:.1f}", f"{r['seconds']:.0f}",
                 f"{r['peak_mib']:,.0f}")
                for r in rows
            ]  # fmt: skip
            header = ("", "photos", "ms a photo a core", "seconds", "peak MiB")
            console.out.print(console.table(header, body))
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1))


def measured(name: str, count: int) -> dict:
    """A method's figures, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_measure, args=(name, count, results))
    process.start()
    peak = 0
    while process.is_alive():
        peak = max(peak, _memory(process.pid or 0))
        process.join(0.2)
    if process.exitcode:
        raise click.ClickException(f"{name} ended with {process.exitcode}")
    return {**results.get(), "peak_mib": peak / 2**20}


def _measure(name: str, count: int, results) -> None:
    figures()
    made = Made()
    began, began_cpu = time.monotonic(), _cpu_seconds()
    METHODS[name](count, made)
    spent = _cpu_seconds() - began_cpu - made.spent
    results.put({"core_ms": 1000 * spent / count, "seconds": time.monotonic() - began})


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


def _memory(pid: int) -> int:
    """Bytes of a process and its children that no other process shares."""
    try:
        every = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(process.memory_full_info().uss for process in every)
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    main()
