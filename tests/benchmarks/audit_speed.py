"""`curate audit` of a generated set, beside an earlier build.

    python -m tests.benchmarks.audit_speed --before DIR [--photos 45623] [--folder FOLDER]
        [--rounds 1] [--json FILE]

DIR is a checkout of the earlier build, as for ``redesign``, whose processes, homes and databases
these are. In each round both import the set anew, and audit it twice as whole commands: the first
time no photo was hashed yet, the second time all were. What they found is compared line by line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from curation.core import console
from tests.benchmarks import generate
from tests.benchmarks.redesign import HERE, Build, Cost, Ratio, database, ratio

AUDITS = ("audit, first", "audit, again")
ROWS_A_PHOTO = 7.308


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, help="checkout of the earlier build")
    parser.add_argument("--photos", type=int, default=1500, help="to generate")
    parser.add_argument("--folder", type=Path, help="keep what is generated here, or use it again")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        builds = [
            Build(name, checkout, scratch, stack.enter_context(database(scratch / f"db-{name}")))
            for name, checkout in (("before", args.before), ("now", HERE))
        ]
        folder = (args.folder or scratch / "set").resolve()
        if not (folder / "train.csv").is_file():
            generate.write(folder, args.photos, round(args.photos * ROWS_A_PHOTO), 0)
        costs = [[audits(build, folder, f"set{n}") for build in builds] for n in range(args.rounds)]
        lines = [found(build, "set0") for build in builds]
    rows = list(compared(costs))
    differ = sum(((lines[0] - lines[1]) + (lines[1] - lines[0])).values())
    header = ("what", "", "before", "now", "ratio")
    shown = [(r.what, r.unit, f"{r.before:.3g}", f"{r.now:.3g}", f"{r.ratio:.3f}") for r in rows]
    console.out.print(console.table(header, shown, f"{args.rounds} rounds, medians"))
    said = f"findings: {lines[0].total():,} before, {lines[1].total():,} now, {differ} differ"
    console.out.print(said)
    if args.json:
        result = {"rows": [asdict(row) for row in rows], "findings": said}
        args.json.write_text(json.dumps(result, indent=1))


def audits(build: Build, folder: Path, name: str) -> list[Cost]:
    """What each of :data:`AUDITS` takes."""
    source = ("--annotations", folder / "train.csv", "--images", folder / "images")
    build.curate("import", "imaterialist", name, *source)
    return [build.curate("audit", name) for _ in AUDITS]


def found(build: Build, name: str) -> Counter[str]:
    """The lines of ``audit.csv``."""
    return Counter((build.folder / "home" / name / "audit.csv").read_text("utf-8").splitlines())


def compared(costs: list[list[list[Cost]]]) -> list[Ratio]:
    """Rows of what each audit took: by round, build and audit."""
    units = (("s", "seconds"), ("CPU s", "cpu_seconds"), ("MiB", "peak_mib"))
    return [
        ratio(what, unit, [tuple(getattr(build[i], key) for build in pair) for pair in costs])
        for i, what in enumerate(AUDITS)
        for unit, key in units
    ]


if __name__ == "__main__":
    main()
