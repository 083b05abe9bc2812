"""The documents that are written by hand, and what stands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = "README.md"
CURATION, FORMATS = "curation/README.md", "curation/formats/README.md"
AUDIT, ISSUES = "curation/audit/README.md", "curation/issues/README.md"
CLUSTER = "curation/CLUSTER.md"
PLUGINS, TRAINING = "plugins/README.md", "training/README.md"
BENCHMARKS, CHANGELOG = "tests/benchmarks/README.md", "CHANGELOG.md"
AFTER_THE_LOOP = (FORMATS, AUDIT, ISSUES, PLUGINS, TRAINING)
"""Those whose commands go on with what the README's have made."""
DOCUMENTS = (README, CHANGELOG, CURATION, CLUSTER, *AFTER_THE_LOOP, BENCHMARKS)


@cache
def text(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def commands(said: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", said, flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def section(document: str, title: str) -> str:
    return text(document).split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def inline(document: str, program: str) -> list[list[str]]:
    """Commands that stand in a sentence or a table, as words."""
    prose = re.sub(r"```.*?```", "", text(document), flags=re.S)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return [shlex.split(span) for span in spans if span.startswith(f"{program} ")]


def rows_of(document: str, title: str, level: str = "##") -> list[list[str]]:
    """The cells of the only table of a section, without its head."""
    part = text(document).split(f"\n{level} {title}\n", 1)[1]
    part = re.split(rf"\n#{{2,{len(level)}}} ", part)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def ours() -> Iterator[Path]:
    """The documents that are written by hand."""
    for top in (ROOT, *(ROOT / name for name in ("curation", "training", "plugins", "tests"))):
        yield from top.glob("*.md") if top == ROOT else top.rglob("*.md")
