"""Exports of many small labels, and of labels with many holes: does the time bend?

    python -m tests.benchmarks.export_speed [--before DIR] [--json FILE]

Drawn by itself: photos of 2000x2600 with beads of 12x12 pixels, as index masks; and knits, a
rectangle in which each pixel is a hole by chance, as a VIA project that is read again, whose masks
are held against those that were written. Each figure is the best of --rounds, with no process
started in it. Where time is in line with what there is, the last column stays as it is down the
table. With --before, the same in a checkout of another build, in a process of its own, which gets
at most --limit seconds and one round.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from curation.core import console, rle
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import parse
from curation.formats import registry, via

ONE_CLASS = parse('name = "own"\n[[classes]]\nid = 1\nname = "bead"\ncolor = "#ff0000"\n', "own")
BEADS = (100, 1_000, 10_000)
KNITS = ((800, 600, 0.01), (800, 600, 0.05), (1600, 1200, 0.05), (2600, 2000, 0.05))
"""Height and width in pixels, and the chance of a pixel to be a hole."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="a checkout of the build to compare with")
    parser.add_argument("--limit", type=float, default=600, help="seconds for that build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help="print a line of JSON each")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.measure:
        measure(args.rounds, lambda row: print(json.dumps(row), flush=True))
        return
    rows: list[dict] = []
    measure(args.rounds, rows.append)
    before = measured_before(args.before, args.limit) if args.before else {}
    for row in rows:
        row["before"] = before.get(row["what"])
    console.out.print(console.table(COLUMNS, map(cells, rows), f"best of {args.rounds}"))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


COLUMNS = ("what", "there", "s", "us for each", "s before", "times as fast")


def cells(row: dict) -> tuple[str, ...]:
    seconds, before = row["seconds"], row["before"]
    compared = (f"{before:.2f}", f"{before / seconds:,.0f}") if before else ("", "")
    return (
        row["what"],
        f"{row['there']:,}",
        f"{seconds:.3f}",
        f"{seconds / row['there'] * 1e6:.0f}",
        *compared,
    )


def measure(rounds: int, tell: Callable[[dict], None]) -> None:
    """Tells what was written, how many labels or holes are in it, and the seconds it took."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, masks = Path(scratch), registry.writer("masks").code()
        for number in BEADS:
            record = photo(folder, beads(number), 2600, 2000)
            seconds = best(rounds, masks.write, folder / "m", [record], ONE_CLASS)
            tell({"what": f"masks, {number:,} beads", "there": number, "seconds": seconds})
        for height, width, share in KNITS:
            mask, holes = knit(height, width, share)
            record = photo(folder, [mask], height, width)
            file = folder / "via.json"
            seconds = best(rounds, via.write, file, [record], "label")
            what = f"VIA, {width}x{height}, {holes:,} holes"
            tell({"what": what, "there": holes, "seconds": seconds})
            again(file, folder, mask)


def again(file: Path, folder: Path, mask: rle.Rle) -> None:
    (read,) = via.load(file, folder, "label").read(0, 1, lambda finding: None)
    if rle.union([instance.mask for instance in read.instances]) != mask:
        sys.exit("what was written is not what is read")


def measured_before(checkout: Path, limit: float) -> dict[str, float]:
    """The seconds of another build, by what was written, as far as it came."""
    command = [sys.executable, __file__, "--measure", "--rounds", "1"]
    around = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    try:
        told = subprocess.run(
            command, env=around, timeout=limit, check=True, stdout=subprocess.PIPE
        ).stdout
    except subprocess.TimeoutExpired as late:
        told = late.stdout or b""
    rows = map(json.loads, told.splitlines())
    return {row["what"]: row["seconds"] for row in rows}


def beads(number: int) -> list[rle.Rle]:
    """Masks of 12x12 pixels anywhere in 2600x2000."""
    draw = np.random.default_rng(0)
    places = draw.integers(0, (2000 - 12, 2600 - 12), (number, 2))
    column = np.arange(12)
    return [
        rle.from_pairs(np.stack([(x + column) * 2600 + y + 1, np.full(12, 12)], axis=1), 2600, 2000)
        for x, y in places
    ]


def knit(height: int, width: int, share: float) -> tuple[rle.Rle, int]:
    """A rectangle with a share of its pixels left out, and how many those are."""
    mask = np.zeros((height, width), bool)
    mask[height // 5 : height * 4 // 5, width // 4 : width * 3 // 4] = True
    gone = mask & (np.random.default_rng(0).random(mask.shape) < share)
    return rle.encode(mask & ~gone), int(gone.sum())


def photo(folder: Path, masks: list[rle.Rle], height: int, width: int) -> ImageRecord:
    path = folder / f"{width}x{height}.png"
    if not path.is_file():
        Image.new("L", (width, height)).save(path)
    instances = tuple(Instance("bead", mask, f"drawn:{n}") for n, mask in enumerate(masks))
    return ImageRecord(path.stem, path, height, width, instances)


def best(rounds: int, run: Callable[..., None], *args: object) -> float:
    """The seconds of the fastest of some rounds."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        run(*args)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
