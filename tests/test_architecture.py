"""The picture in the README's architecture section, held."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FIFTYONE = ("curation/store/", "curation/types.py", "plugins/")
TENSORFLOW = ("training/",)
TRAINING = (
    "training/", "curation/steps/", "curation/cli/",
)  # fmt: skip


def modules():
    for top in ("curation", "training", "plugins"):
        yield from sorted((ROOT / top).rglob("*.py"))


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    place = str(path.relative_to(ROOT))
    tops = {name.split(".")[0] for name in imports(path)}
    if not place.startswith(FIFTYONE):
        assert "fiftyone" not in tops
    if not place.startswith(TENSORFLOW):
        assert not tops & {"tensorflow", "keras"}
    if not place.startswith(TRAINING):
        assert "training" not in tops
    assert "plugins" not in tops or place.startswith("plugins/")


def test_no_module_is_too_long_to_read_in_one_sitting():
    every = [*modules(), *(ROOT / "tests").rglob("*.py")]
    assert not {p.name: n for p in every if (n := len(p.read_text("utf-8").splitlines())) > 400}
