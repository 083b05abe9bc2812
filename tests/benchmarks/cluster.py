"""Verbs on one Dask worker and on two, each with a processor of its own.

    python -m tests.benchmarks.cluster [--ccp DIR] [--photos 200] [--rounds 2]
        [--verbs audit export features predict flag] [--json FILE]

DIR is Clothing Co-Parsing as an iMaterialist CSV and a folder of photos; without it, figures are
drawn. Scheduler, database and the command itself share the two processors with the workers, and
so does whatever else runs on the machine: beside seconds, of which the best of all rounds counts,
stand the CPU seconds of the worker that had the most to do, and of the command. Their sum is about
what the verb would take where each has a machine of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from curation.core import cluster, console
from curation.demo import run as demo
from tests.databases import free_port, mongod

RUN = "r1"
VERBS = ("import", "audit", "export", "features", "predict", "flag")


@dataclass(frozen=True)
class Row:
    """Seconds, and CPU seconds of the busiest worker and of the command; of one worker and two."""

    verb: str
    seconds: tuple[float, float]
    busiest: tuple[float, float]
    command: tuple[float, float]

    @property
    def speed_up(self) -> float:
        return self.seconds[0] / self.seconds[1]

    @property
    def apart(self) -> float:
        """The speed-up that the CPU seconds allow, where nobody shares a processor."""
        one, two = (b + c for b, c in zip(self.busiest, self.command, strict=True))
        return one / two


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ccp", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--verbs", nargs="+", choices=VERBS[1:], default=VERBS[1:])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(mongod(scratch / "db"))
        os.environ["FIFTYONE_DATABASE_URI"] = f"mongodb://127.0.0.1:{port}"
        os.environ["CURATE_HOME"] = str(scratch / "home")
        source = written(scratch, args.ccp, args.photos)
        if {"features", "predict", "flag"} & set(args.verbs):
            train(source)
        clusters = [stack.enter_context(workers(scratch, count)) for count in (1, 2)]
        # In the first one the workers import what they need.
        rounds = [
            [measured(source, *each, args.verbs, f"n{number}") for each in clusters]
            for number in range(args.rounds)
        ]
    verbs = ["import", *args.verbs]
    rows = [best(verb, [[one[verb], two[verb]] for one, two in rounds]) for verb in verbs]
    header = ("verb", "one worker, s", "two", "speed-up", "busiest worker, CPU s", "of two",
              "command, CPU s", "speed-up apart")  # fmt: skip
    cells = [
        (row.verb, *(f"{x:.1f}" for x in row.seconds), f"{row.speed_up:.2f}",
         *(f"{x:.1f}" for x in row.busiest), f"{row.command[1]:.1f}", f"{row.apart:.2f}")
        for row in rows
    ]  # fmt: skip
    console.out.print(console.table(header, cells, f"best of {args.rounds} rounds"))
    if args.json:
        found = [asdict(r) | {"speed_up": r.speed_up, "apart": r.apart} for r in rows]
        args.json.write_text(json.dumps(found, indent=1))


def written(scratch: Path, ccp: Path | None, photos: int) -> Path:
    """A folder with train.csv and photos/."""
    if ccp is None:
        demo.draw(scratch, photos)
        return scratch
    (scratch / "photos").symlink_to((ccp / "images").resolve())
    with (ccp / "train.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    first = list(dict.fromkeys(row[0] for row in rows))[:photos]
    with (scratch / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *(row for row in rows if row[0] in set(first))])
    return scratch


@contextmanager
def workers(scratch: Path, count: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """The address of a scheduler, and its workers, which are on a processor each."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    more = ["--no-dashboard"]
    begun = [subprocess.Popen([*dask, "scheduler", "--port", str(port), *more], stderr=-3)]
    for core in range(count):
        place = ["--nthreads", "1", "--no-nanny", "--local-directory", str(scratch / f"w{core}")]
        begun.append(subprocess.Popen([*dask, "worker", address, *place, *more], stderr=-3))
        os.sched_setaffinity(begun[-1].pid, {core})
    try:
        yield address, [psutil.Process(process.pid) for process in begun[1:]]
    finally:
        for process in begun:
            process.kill()  # asked to end, a worker whose scheduler is gone looks for it
        for process in begun:
            process.wait()


def imported(source: Path, name: str) -> Any:
    from curation import steps, store
    from curation.formats import imaterialist

    steps.ingest(name, imaterialist.load(source / "train.csv", source / "photos"))
    return store.open(name)


def train(source: Path) -> None:
    """A run for all to predict and flag with."""
    from curation import steps
    from curation.steps.dataset_runs import DatasetRuns
    from training.config import TrainConfig

    dataset = imported(source, "trained")
    steps.remap(dataset, "supercategories")
    steps.train(DatasetRuns(dataset), RUN, TrainConfig(size=224, steps=8), folds=2)


def measured(
    source: Path, address: str, processes: list[psutil.Process], verbs: list[str], name: str
) -> dict[str, tuple[float, float, float]]:
    """By verb: seconds, CPU seconds of the busiest worker and of this process."""
    from curation import steps, store
    from curation.steps import working_copy
    from curation.steps.dataset_runs import DatasetRuns, image_files
    from training import run as trainer

    name = f"{name}w{len(processes)}"
    found = {}

    def clock(verb: str, do: Callable[[], object]) -> None:
        if verb not in ("import", *verbs):
            return
        before, start = list(map(cpu, [*processes, psutil.Process()])), time.monotonic()
        do()
        spent = [cpu(p) - b for p, b in zip([*processes, psutil.Process()], before, strict=True)]
        found[verb] = (time.monotonic() - start, max(spent[:-1]), spent[-1])

    with cluster.joined(address):
        clock("import", lambda: imported(source, name))
        dataset = store.open(name)
        steps.remap(dataset, "supercategories")
        clock("audit", lambda: steps.audit(dataset))
        clock("export", lambda: steps.export(dataset, source / "out" / name))
        if not store.exists("trained"):
            store.delete(name)
            return found
        runs, of = DatasetRuns(dataset), store.open("trained").run_folder(RUN)
        folder = runs.folder(RUN)
        shutil.copytree(of, folder)
        images, cache = image_files(working_copy.load(dataset)), runs.features(RUN)
        clock("features", lambda: trainer.prepare(folder, images, cache=cache))
        clock("predict", lambda: steps.predict(dataset, RUN))
        clock("flag", lambda: steps.flag(dataset, RUN))
    store.delete(name)
    return found


def cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def best(verb: str, rounds: list[list[tuple[float, float, float]]]) -> Row:
    """The least of each over the rounds: what else ran can only have added to it."""
    columns = [
        (min(r[0][part] for r in rounds), min(r[1][part] for r in rounds)) for part in range(3)
    ]
    return Row(verb, *columns)


if __name__ == "__main__":
    main()
