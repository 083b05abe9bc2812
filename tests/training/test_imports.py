"""Importing starts nothing: the rule in ``training/__init__.py``, read off the tree and tried."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STARTS = ("training/models/", "training/fitting/")
HEAVY = ("keras", "tensorflow", "jax", "torch", "training.models", "training.fitting")


def modules() -> list[Path]:
    return sorted((ROOT / "training").rglob("*.py"))


def at_the_top(body: list[ast.stmt]) -> Iterator[str]:
    """What a module imports by being imported: not in functions, not for the type checker."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test)
        ) or isinstance(node, ast.Try | ast.With | ast.ClassDef):
            yield from at_the_top(node.body)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_keras_stands_at_the_top_of_two_folders_alone(path):
    if not str(path.relative_to(ROOT)).startswith(STARTS):
        names = at_the_top(ast.parse(path.read_text("utf-8")).body)
        assert not [n for n in names if n.startswith(tuple(f"{h}." for h in HEAVY)) or n in HEAVY]


def test_importing_the_rest_and_asking_for_help_loads_no_keras():
    names = ["curation.steps.runs"]
    names += [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules()
        if not str(path.relative_to(ROOT)).startswith(STARTS)
    ]
    code = (
        f"import importlib, sys\nfor name in {names}:\n"
        "    importlib.import_module(name)\n"
        "from curation.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'fiftyone'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["training.models", "training.fitting.losses"])
def test_the_two_folders_start_keras_without_its_chatter(name):
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=True
    )
    assert done.stderr == done.stdout == ""
