"""Whether anything is lost: kills, a database that goes away, full disks, damaged files.

    python -m tests.benchmarks.reliability [--trials N] [--only NAME] [--json FILE]

Each row is a number of trials, which --trials multiplies; --only takes the rows whose name begins
so. After each kill the same command is run again, and what is there then is held against what a run
that nobody disturbed leaves. ``lost`` are trials in which something lacks or is another thing,
``doubled`` those in which something is there twice, ``left behind`` those after which half a file
lies about. Inputs are damaged in ways that a seed draws (:mod:`tests.mutations`): where that gives
neither labels nor a sentence, it is a traceback. The memory is the most that the processes of a row
took together, the database not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil

from curation.core import console
from tests.benchmarks import memory, mutated_inputs
from tests.benchmarks.disturbed import (
    AWAY,
    KILLED,
    PAUSED,
    appends,
    exports,
    full_disks,
    imports,
)
from tests.benchmarks.disturbed_rounds import rounds

ROOT = Path(__file__).parents[2]
SHARE = 100_000
"""Damaged inputs, of all formats and of curate's own files together, with --trials 1."""


WRITES = {"import": 70, "update": 24, "decisions": 12, "flag": 24, "again": 24}
"""About as many to the database does each make: where there are as many trials, each is killed."""


@dataclass
class Tally:
    """What came of the trials of a row; each counts the trials in which it was so."""

    what: str
    trials: int = 0
    lost: int = 0
    doubled: int = 0
    left_behind: int = 0
    tracebacks: int = 0
    hangs: int = 0
    peak_mib: int = 0


Outcomes = Iterator[str | None]
"""What went wrong in each trial, by the name of a column, as it ends; None where nothing did."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=float, default=1.0, help="times as many; 0.1 for a look")
    parser.add_argument("--only", default="", help="rows whose name begins so")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chosen = {name: row for name, row in rows().items() if name.startswith(args.only)}
    if not chosen:
        sys.exit(f"no such row; there are: {', '.join(rows())}")
    done = [tallied(name, *row, args.trials) for name, row in chosen.items()]
    columns = [name.replace("_", " ") for name in asdict(done[0])]
    console.out.print(console.table(columns, (list(asdict(row).values()) for row in done)))
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in done], indent=1))


def rows() -> dict[str, tuple[int, Callable[[int], Outcomes]]]:
    """Trials, and what makes them, by the name of the row."""
    kinds = mutated_inputs.kinds()
    return {
        **{f"killed at a write: {scene}": (count, partial(writes_of_imports, scene))
           for scene, count in (("import", 18), ("update", 6))},
        **{f"killed at a write: {scene}": (8, partial(writes_of_reviews, scene))
           for scene in ("decisions", "flag", "again")},
        "killed at random: import": (10, partial(imports, KILLED)),
        "killed at random: export": (50, exports),
        "killed at random: round": (50, rounds),
        "killed at random: journal": (100, appends),
        "database killed: import": (4, partial(imports, AWAY)),
        "database paused: import": (4, partial(imports, PAUSED)),
        "full disk: export, splits, journal": (600, full_disks),
        **{f"damaged input: {kind}": (SHARE // len(kinds), partial(damaged, kind))
           for kind in kinds},
    }  # fmt: skip


def tallied(what: str, usual: int, make: Callable[[int], Outcomes], times: float) -> Tally:
    """Runs a row, and tells how far it is; what goes wrong is told at once."""
    tally, count = Tally(what), max(1, round(usual * times))
    with memory.watched(psutil.Process()) as peak, console.bars() as progress:
        started = time.monotonic()
        for wrong in make(count):
            tally.trials += 1
            if wrong:
                column = wrong.split(":")[0].replace(" ", "_")
                setattr(tally, column, getattr(tally, column) + 1)
                console.say(f"{what}, trial {tally.trials}: {wrong}", "red")
            progress(what, tally.trials, max(count, tally.trials))
        seconds = time.monotonic() - started
    tally.peak_mib = round(peak() / 2**20)
    console.say(f"{what}: {tally.trials:,} trials in {seconds:.0f} s")
    return tally


def staged(command: list[str], lines_a_trial: int, judge: Callable[[dict, list], str | None],
           first: int) -> Outcomes:  # fmt: skip
    """The trials of a stage that prints what the dataset holds, as lines of JSON.

    Args:
        lines_a_trial: after the first ones, which are of a run that nobody killed
        judge: what is wrong with a trial's lines, by the last of the first ones
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout and process.stderr
    lines = map(json.loads, process.stdout)
    *_, whole = [next(lines) for _ in range(first)]
    while found := [line for _, line in zip(range(lines_a_trial), lines, strict=False)]:
        yield judge(whole, found)
    said = process.stderr.read()
    if process.wait():
        # Its children get a minute each.
        yield f"hangs: {said}" if "ended with -14" in said else f"tracebacks: {said}"


def writes_of_imports(scene: str, count: int) -> Outcomes:
    """Imports that are killed before a write to the database, and run again."""
    every = str(max(1, round(WRITES[scene] / count)))
    with tempfile.TemporaryDirectory() as folder:
        command = ["tests.steps.ingest.killing", scene, folder, every]
        yield from staged(command, 1, lambda whole, found: differs(whole, found[0]), 1)


def writes_of_reviews(scene: str, count: int) -> Outcomes:
    """Decisions of a file, and scores, whose writing is killed, opened, and done again."""
    kills = [str(1 + round(n * max(1, WRITES[scene] / count))) for n in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        command = ["tests.steps.killing", scene, folder, *kills]
        yield from staged(command, 2, lambda whole, found: differs(whole, found[1]), 2)


def differs(whole: dict, found: dict) -> str | None:
    """What is wrong with a dataset, by what an undisturbed one holds."""
    if found == whole:
        return None
    for what in ("photos", "journal"):
        if len(found[what]) > len(whole[what]):
            return f"doubled: {what}"
    return f"lost: {', '.join(k for k in whole if found.get(k) != whole[k])}"


def damaged(kind: str, count: int) -> Outcomes:
    """Inputs of one kind; a process that hangs is ended, and the next one goes on after it."""
    at = 0
    while at < count:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.mutated_inputs", kind, str(at), str(count)],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout
        begun, wrong = False, None
        for line in map(json.loads, process.stdout):
            if begun and "wrong" not in line:
                yield wrong
            wrong = f"tracebacks: {line['wrong']}" if "wrong" in line else None
            if "trial" in line:
                begun, at = True, line["trial"] + 1
        code = process.wait()
        if code == 1 and begun:
            yield f"hangs: trial {at - 1}"
        elif code:
            yield f"tracebacks: trial {at - 1} ended its process with {code}"
            at = at if begun else count


if __name__ == "__main__":
    main()
