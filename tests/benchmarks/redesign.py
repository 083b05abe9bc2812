"""This build beside an earlier one: a click, two verbs as a whole, and the loop on real photos.

    python -m tests.benchmarks.redesign --before DIR [--ccp DIR] [--rounds 3] [--json FILE]

DIR is a checkout of the earlier build, e.g. ``git worktree add ../before 8b4c053``. Each build
runs in processes of its own that see its code alone, with a home and a database of its own; the
two take turns, and a ratio is the median of those of the rounds. What is timed:

- ``decide``: one label relabelled, and 50 at once, on a journal of 5,000 decisions over some 700
  photos; inside a process, the dataset open, after a warm-up. ``decide_worker`` calls each build
  as its own plugin does.
- ``verbs``: `curate export --format coco`, `curate report` and `curate --help` on 60 drawn figures,
  from the start of Python to its end. Seconds by the clock; CPU seconds of the process and its
  workers; and memory, the most that they have at one time (proportional set size, looked at ten
  times a second).
- ``loop``, with ``--ccp``: import, train, flag on real photos, once; and whether both say the same.

The database is MongoDB, started before the clock for each build, and counted nowhere: it is the
same for both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import pandas as pd
import psutil

from curation.cli import doctor
from curation.core import console, taxonomy
from curation.formats import imaterialist
from tests import sigterm
from tests.benchmarks import memory

HERE = Path(__file__).resolve().parents[2]
PARTS = ("decide", "verbs", "loop")
MANY = 50
"""Labels that are decided on at once."""
DATASET, RUN = "figures", "r1"
REPLY = "redesign:"
"""What a worker's line with figures begins with, as FiftyOne prints lines of its own."""


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds by the clock, of all cores; MiB at most."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Ratio:
    """A row of the table: each build's median, and the median of the rounds' ratios."""

    what: str
    unit: str
    before: float
    now: float
    ratio: float
    target: str


class Build:
    """One checkout, with its own home and database."""

    def __init__(self, name: str, checkout: Path, scratch: Path, database: str) -> None:
        self.name = name
        self.has_decisions = (checkout / "curation" / "steps" / "decisions.py").exists()
        self.folder = scratch / name
        self.folder.mkdir()
        own = {
            "PYTHONPATH": str(checkout.resolve()),
            "CURATE_HOME": str(self.folder / "home"),
            "FIFTYONE_DATABASE_URI": database,
            "FIFTYONE_DATABASE_DIR": str(self.folder / "db"),
            "FIFTYONE_DEFAULT_DATASET_DIR": str(self.folder / "fiftyone"),
            "FIFTYONE_PLUGINS_DIR": str(self.folder / "plugins"),
        }
        self.environment = {**os.environ, **own}

    def curate(self, *words: str | Path) -> Cost:
        """Runs a verb as a whole."""
        program = "from curation.cli import main; main.main()"
        return self._run(["-c", program, *map(str, words)])[1]

    def decide(self, *words: str | Path) -> dict:
        """What ``decide_worker`` found."""
        worker = Path(__file__).with_name("decide_worker.py")
        said, _ = self._run([str(worker), *map(str, words)])
        return json.loads(said.rsplit(REPLY, 1)[1])

    def _run(self, arguments: Sequence[str]) -> tuple[str, Cost]:
        log = self.folder / "last.log"
        with log.open("w") as file:
            started = perf_counter()
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=self.folder, env=self.environment,
                stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            with memory.watched(psutil.Process(process.pid)) as peak:
                used = ended(process)
            seconds = perf_counter() - started
        said = log.read_text("utf-8", errors="replace")
        if process.returncode:
            sys.exit(f"{self.name}: {' '.join(arguments)} failed\n{said[-3000:]}")
        return said, Cost(seconds, used.ru_utime + used.ru_stime, peak() / 2**20)


def ended(process: subprocess.Popen) -> resource.struct_rusage:
    """Waits for a process; what it used, and those that it waited for itself."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """A MongoDB of one's own; its address."""
    binary = doctor.mongod_path()
    if not binary:
        sys.exit("no mongod: run `curate doctor`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    options = ["--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1"]
    with (folder / "mongod.log").open("w") as log:
        process = subprocess.Popen([binary, *options, "--nounixsocket"], stdout=log)
    try:
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    sigterm.ends_in_order()
    parser.add_argument("--before", type=Path, required=True, help="checkout of the earlier build")
    parser.add_argument("--ccp", type=Path, help="folder with train.csv and images/, for `loop`")
    parser.add_argument("--steps", type=int, default=0, help="of a model, where not the recipe's")
    parser.add_argument("--only", choices=PARTS, action="append", help="one of the parts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--figures", type=int, default=60, help="to draw")
    parser.add_argument("--journal", type=int, default=5000, help="decisions in it")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parts = args.only or PARTS
    rows: list[Ratio] = []
    notes: dict[str, object] = {}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before, now = (
            Build(name, checkout, scratch, stack.enter_context(database(scratch / f"db-{name}")))
            for name, checkout in (("before", args.before), ("now", HERE))
        )
        if {"decide", "verbs"} & set(parts):
            draw(scratch / "drawn", args.figures)
        if "decide" in parts:
            rows += decide((before, now), scratch, args.journal, args.rounds)
        if "verbs" in parts:
            rows += verbs((before, now), scratch / "drawn", args.rounds)
        if "loop" in parts and args.ccp:
            more, notes = loop((before, now), args.ccp.resolve(), args.steps)
            rows += more
    header = ("what", "", "before", "now", "ratio", "target")
    shown = [
        (r.what, r.unit, f"{r.before:.3g}", f"{r.now:.3g}", f"{r.ratio:.3f}", r.target)
        for r in rows
    ]
    console.out.print(console.table(header, shown, f"{args.rounds} rounds, medians"))
    for what, found in notes.items():
        console.out.print(f"{what}: {found}")
    if args.json:
        result = {"rows": [asdict(row) for row in rows], "notes": notes}
        args.json.write_text(json.dumps(result, indent=1))


def draw(folder: Path, count: int) -> None:
    """Figures and a ``train.csv`` of them, the same for both builds."""
    from curation.demo import run as demo

    demo.draw(folder, count)


def decide(
    builds: tuple[Build, Build], scratch: Path, journal: int, rounds: int
) -> Iterator[Ratio]:
    """One label and ``MANY``, relabelled on a journal of so many decisions."""
    folder = repeated(scratch / "drawn", scratch / "many", journal + 2 * MANY * (rounds + 1))
    for build in builds:
        build.curate("import", "imaterialist", DATASET + "_many", "--annotations",
                     folder / "train.csv", "--images", folder / "photos")  # fmt: skip
        build.curate("remap", DATASET + "_many", "--taxonomy", "supercategories")
        build.decide("journal", DATASET + "_many", journal, build.folder / "decisions.csv")
        taken = build.folder / "decisions.csv"
        if build.has_decisions:
            build.curate("decisions", DATASET + "_many", "import", taken)
        else:
            build.curate("review", DATASET + "_many", "--apply", taken)
    found: dict[str, list[tuple[float, float]]] = {"one": [], "many": []}
    for number in range(rounds):
        first = journal + number * 2 * MANY
        pair = [build.decide("time", DATASET + "_many", first, MANY) for build in builds]
        for key, values in found.items():
            values.append((pair[0][key], pair[1][key]))
    yield ratio(f"one decision on {journal:,}", "ms", found["one"], "<= 1/3", 1000)
    yield ratio(f"{MANY} decisions at once on {journal:,}", "ms", found["many"], "<= 1/10", 1000)


def repeated(drawn: Path, folder: Path, labels: int) -> Path:
    """The drawn photos so often, under other names, that they have so many labels of a class."""
    (folder / "photos").mkdir(parents=True)
    header, *rows = (drawn / "train.csv").read_text("utf-8").splitlines(keepends=True)
    five = taxonomy.load("supercategories")
    classes = [int(row.rsplit(",", 2)[1]) for row in rows]
    classed = sum(five.target(imaterialist.CATEGORIES[i]) is not None for i in classes)
    with (folder / "train.csv").open("w", encoding="utf-8") as out:
        out.write(header)
        for copy in range(-(-labels // classed)):
            for path in sorted((drawn / "photos").iterdir()):
                os.link(path, folder / "photos" / f"{path.stem}-{copy}{path.suffix}")
            for row in rows:
                image_id, comma, rest = row.partition(",")
                out.write(f"{image_id}-{copy}{comma}{rest}")
    return folder


def verbs(builds: tuple[Build, Build], drawn: Path, rounds: int) -> Iterator[Ratio]:
    """Verbs on a few photos, as a whole; each build has made its own dataset and run."""
    for build in builds:
        build.curate("import", "imaterialist", DATASET, "--annotations", drawn / "train.csv",
                     "--images", drawn / "photos")  # fmt: skip
        build.curate("remap", DATASET, "--taxonomy", "supercategories")
        settings = ("--folds", "2", "--size", "64", "--steps", "4")
        build.curate("train", DATASET, "--run", RUN, *settings)
        build.curate("predict", DATASET, "--run", RUN)
        build.curate("flag", DATASET, "--run", RUN)
    lines: dict[str, tuple[str | Path, ...]] = {
        "export --format coco": ("export", DATASET, Path("exported"), "--format", "coco"),
        "report": ("report", DATASET, "--run", RUN, "--output", Path("suspects.png")),
        "--help": ("--help",),
    }
    for what, words in lines.items():
        costs: list[tuple[Cost, Cost]] = []
        for build in builds:  # files are in memory, and what is written anew is there to replace
            build.curate(*words)
        for _ in range(rounds):
            costs.append((builds[0].curate(*words), builds[1].curate(*words)))
        if what == "--help":
            pairs = [(a.seconds, b.seconds) for a, b in costs]
            yield ratio("curate --help", "s", pairs, "now < 0.3")
            continue
        name = f"curate {what}"
        yield ratio(name, "s", [(a.seconds, b.seconds) for a, b in costs], "<= 1/3")
        yield ratio(name, "CPU s", [(a.cpu_seconds, b.cpu_seconds) for a, b in costs])
        yield ratio(name, "MiB", [(a.peak_mib, b.peak_mib) for a, b in costs], "<= 1/3")


def loop(
    builds: tuple[Build, Build], ccp: Path, steps: int
) -> tuple[list[Ratio], dict[str, object]]:
    """The loop on real photos, once; and the figures that both give."""
    source = ("--annotations", ccp / "train.csv", "--images", ccp / "images")
    lines: dict[str, tuple[str | Path, ...]] = {
        "import": ("import", "imaterialist", "ccp", *source),
        "remap": ("remap", "ccp", "--taxonomy", "supercategories"),
        "train --folds 3 --recipe quick": (
            "train", "ccp", "--run", RUN, "--folds", "3", "--recipe", "quick",
            *(("--steps", str(steps)) if steps else ()),
        ),
        "flag": ("flag", "ccp", "--run", RUN),
    }  # fmt: skip
    rows = []
    for what, words in lines.items():
        before, now = (build.curate(*words) for build in builds)
        for unit, key in (("s", "seconds"), ("CPU s", "cpu_seconds"), ("MiB", "peak_mib")):
            target = "" if what == "remap" or unit == "MiB" else "<= 1"
            pair = (getattr(before, key), getattr(now, key))
            rows.append(ratio(f"ccp: curate {what}", unit, [pair], target))
    runs = [build.folder / "home" / "ccp" / "runs" / RUN for build in builds]
    metrics = [json.loads((run / "metrics.json").read_text("utf-8")) for run in runs]
    issues = [pd.read_csv(run / "issues.csv", dtype=str, keep_default_na=False) for run in runs]
    named = [list(zip(table.image_id, table.error_type, strict=True))[:100] for table in issues]
    scores = [pd.to_numeric(table.error_score).head(100) for table in issues]
    same = sum(a == b for a, b in zip(*named, strict=True))
    return rows, {
        "miou_foreground, before and now": [m["miou_foreground"] for m in metrics],
        "rows of issues.csv, before and now": [len(table) for table in issues],
        "of the first 100 rows, the same photo and type in the same row": same,
        "of the first 100 rows, in both": len(set(named[0]) & set(named[1])),
        "largest difference of the first 100 scores": float((scores[0] - scores[1]).abs().max()),
    }


def ratio(
    what: str, unit: str, pairs: Sequence[tuple[float, float]], target: str = "", times: float = 1
) -> Ratio:
    """A row of pairs, each of one round: before, now."""
    before, now = (statistics.median(values) * times for values in zip(*pairs, strict=True))
    row = Ratio(what, unit, before, now, statistics.median(b / a for a, b in pairs), target)
    console.say(f"{what}: {row.before:.3g} {unit} before, {row.now:.3g} now, {row.ratio:.3f}")
    return row


if __name__ == "__main__":
    main()
