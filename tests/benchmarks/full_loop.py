"""The whole loop at several sizes: what each verb takes, what a photo more takes, and what bends.

    python -m tests.benchmarks.full_loop [--photos 1000 3000 9000]
        [--before DIR] [--train "--recipe quick --folds 3"]
        [--without-models] [--folder FOLDER] [--json FILE]

Drawn figures of which one in five has a wrong label, each size a set of its own, the smaller the
beginning of the larger. Every verb is a whole command; memory is the most that its processes have
together (proportional set size, looked at ten times a second), disk what it leaves in the home
folder and in the database. The database is MongoDB, started before, and counted nowhere but in the
seconds by the clock.

A slope is what one photo more takes, between two sizes. A verb bends where the last slope of its
CPU seconds is more than 1.2 times the first. With DIR, a checkout of an earlier build, both go
through all of it in turns, as in ``redesign``.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from curation.core import console
from tests import sigterm
from tests.benchmarks.redesign import HERE, RUN, Build, Cost, database, draw

DATASET, TRUTH = "figures", "truth"
TRAIN = "--recipe quick --folds 3"
EXPORTS = ("tfrecord", "coco", "imaterialist", "via", "cvat", "csv")
BENT = 1.2
"""The last slope by the first, from which a verb bends."""


@dataclass(frozen=True)
class Row:
    """One verb of one build at one size; MiB, and MB of disk that it left."""

    build: str
    verb: str
    photos: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    disk_mb: float


@dataclass(frozen=True)
class Slope:
    """What one photo more takes between the last two sizes; and CPU's last slope by its first."""

    build: str
    verb: str
    ms: float
    cpu_ms: float
    memory_kb: float
    disk_kb: float
    bend: float | None

    @property
    def bends(self) -> bool:
        return self.bend is not None and self.bend > BENT


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    sigterm.ends_in_order()
    parser.add_argument("--photos", type=int, nargs="+", default=(1000, 3000, 9000))
    parser.add_argument("--before", type=Path, help="checkout of an earlier build")
    parser.add_argument("--train", default=TRAIN, help=f"options of train; {TRAIN!r}")
    parser.add_argument("--train-before", help="those of the earlier build, where they differ")
    parser.add_argument("--without-models", action="store_true", help="no verb that needs a model")
    parser.add_argument("--folder", type=Path, help="keep what is drawn here, or use it again")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: list[Row] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        builds = [
            Build(name, checkout, scratch, stack.enter_context(database(scratch / f"db-{name}")))
            for name, checkout in (("before", args.before), ("now", HERE))
            if checkout
        ]
        trains = {"now": args.train, "before": args.train_before or args.train}
        for photos in sorted(args.photos):
            drawn = (args.folder or scratch).resolve() / f"drawn-{photos}"
            if not (drawn / "injected.json").is_file():  # the last file of a drawing
                shutil.rmtree(drawn, ignore_errors=True)
                draw(drawn, photos)
            for build in builds:
                train = None if args.without_models else trains[build.name]
                rows += loop(build, drawn, photos, train, scratch)
    show(rows, slopes(rows))
    if args.json:
        found = {"rows": [asdict(r) for r in rows], "slopes": [asdict(s) for s in slopes(rows)]}
        args.json.write_text(json.dumps(found, indent=1))


def lines(
    drawn: Path, photos: int, train: str | None, out: Path
) -> dict[str, Sequence[str | Path]]:
    """The command of each verb, in the order in which they are run.

    Args:
        train: options of it; None leaves out all that needs a model
    """
    name, truth = f"{DATASET}{photos}", f"{TRUTH}{photos}"
    photo_folder = ("--images", drawn / "photos")

    def read(name: str, file: str) -> Sequence[str | Path]:
        return ("import", "imaterialist", name, "--annotations", drawn / file, *photo_folder)

    words: dict[str, Sequence[str | Path]] = {
        "import": read(name, "train.csv"),
        "remap": ("remap", name, "--taxonomy", "supercategories"),
        "audit": ("audit", name),
    }
    exports = {f"export {f}": ("export", name, out / f, "--format", f) for f in EXPORTS}
    if train is None:
        return words | exports
    return {
        **words,
        "train": ("train", name, "--run", RUN, *shlex.split(train)),
        "predict": ("predict", name, "--run", RUN),
        "flag": ("flag", name, "--run", RUN),
        "report": ("report", name, "--run", RUN, "--output", out / "suspects.png"),
        "(import)": read(truth, "truth.csv"),
        "(remap)": ("remap", truth, "--taxonomy", "supercategories"),
        "review": ("review", name, "--simulate", truth, "--limit", str(max(1, photos // 10))),
        "estimate": ("estimate", name),
        **exports,
    }


def loop(build: Build, drawn: Path, photos: int, train: str | None, scratch: Path) -> list[Row]:
    """Each verb on one set; those in brackets are run and not shown."""
    out = scratch / f"out-{build.name}-{photos}"
    out.mkdir()
    rows = []
    places = (build.folder, scratch / f"db-{build.name}", out)
    for verb, words in lines(drawn, photos, train, out).items():
        before = sum(map(disk, places))
        cost: Cost = build.curate(*words)
        left = (sum(map(disk, places)) - before) / 1e6
        console.say(f"{build.name}, {photos:,} photos, {verb}: {cost.cpu_seconds:.1f} CPU s")
        if not verb.startswith("("):
            rows.append(Row(build.name, verb, photos, **asdict(cost), disk_mb=left))
    shutil.rmtree(out)
    return rows


def disk(folder: Path) -> int:
    """Bytes of all files in a folder, as its blocks; some may go while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def slopes(rows: Sequence[Row]) -> list[Slope]:
    """One for each verb of each build that was run at two sizes or more."""
    found = []
    for build, verb in dict.fromkeys((row.build, row.verb) for row in rows):
        of = [row for row in rows if (row.build, row.verb) == (build, verb)]
        if len(of) < 2:
            continue
        first = _slope(of[0], of[1], "cpu_seconds")
        a, b = of[-2:]
        last = _slope(a, b, "cpu_seconds")
        bend = last / first if len(of) > 2 and first > 0 else None
        found.append(Slope(
            build, verb, 1e3 * _slope(a, b, "seconds"), 1e3 * last,
            1024 * _slope(a, b, "peak_mib"), 1e3 * _slope(a, b, "disk_mb"), bend,
        ))  # fmt: skip
    return found


def _slope(a: Row, b: Row, what: str) -> float:
    return (getattr(b, what) - getattr(a, what)) / (b.photos - a.photos)


def show(rows: Sequence[Row], found: Sequence[Slope]) -> None:
    header = ("build", "verb", "photos", "s", "CPU s", "MiB", "disk MB")
    cells = [
        (r.build, r.verb, f"{r.photos:,}", f"{r.seconds:.1f}", f"{r.cpu_seconds:.1f}",
         f"{r.peak_mib:.0f}", f"{r.disk_mb:.1f}")
        for r in rows
    ]  # fmt: skip
    console.out.print(console.table(header, cells, "what each verb takes"))
    header = ("build", "verb", "ms", "CPU ms", "KB memory", "KB disk", "bend")
    cells = [
        (s.build, s.verb, f"{s.ms:.1f}", f"{s.cpu_ms:.1f}", f"{s.memory_kb:.1f}",
         f"{s.disk_kb:.1f}", "" if s.bend is None else f"{s.bend:.2f}{' bends' * s.bends}")
        for s in found
    ]  # fmt: skip
    console.out.print(console.table(header, cells, "what a photo more takes"))


if __name__ == "__main__":
    main()
