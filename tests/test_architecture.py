"""The picture in ``curation/README.md``, held against the code, and what it promises."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BEGUN = ("fiftyone", "tensorflow", "keras", "jax", "torch")
"""What starts something when it is imported: a database, a framework that takes all GPUs."""

OF_FIFTYONE = ("curation/types.py", "plugins/")
"""FiftyOne itself imports these, and they are made of its classes: nobody else does."""

OF_KERAS = ("training/models/", "training/fitting/")
"""Made of Keras' classes; whoever imports them is about to fit or to predict."""


@cache
def modules() -> list[Path]:
    """All modules of ours, relative to the root."""
    tops = ("curation", "training", "plugins")
    return [p.relative_to(ROOT) for top in tops for p in sorted((ROOT / top).rglob("*.py"))]


@cache
def picture() -> dict[str, set[str]]:
    """What each folder may import, as the table in the documentation says."""
    text = (ROOT / "curation" / "README.md").read_text("utf-8")
    table = text.split("| folder | what is in it | may import |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \|[^|]+\| ([^|]+) \|$", table, re.M)
    places = {place.split("/")[-1].removesuffix(".py"): place for place, _ in rows}
    return {
        place: set() if allowed == "nothing" else {places[n] for n in allowed.split(", ")}
        for place, allowed in rows
    }


def place_of(path: str) -> str:
    """The row of the picture that a module stands in; empty for a package's own ``__init__``."""
    inside = [place for place in picture() if path == place or path.startswith(f"{place}/")]
    return max(inside, key=len, default="")


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules of ours that a module names in its imports, wherever in it they stand."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def files_of(names: frozenset[str]) -> set[str]:
    """The files that dotted names stand for, where they are ours."""
    found = set()
    for name in names:
        path = name.replace(".", "/")
        found |= {f for f in (f"{path}.py", f"{path}/__init__.py") if (ROOT / f).is_file()}
    return found


def test_every_module_has_its_place_in_the_picture():
    homeless = [str(p) for p in modules() if not place_of(str(p)) and p.name != "__init__.py"]
    assert not homeless


@pytest.mark.parametrize("place", sorted(picture()))
def test_a_folder_imports_what_the_picture_says_and_nothing_else(place):
    reached = {
        place_of(file)
        for path in modules()
        if place_of(str(path)) == place
        for file in files_of(imported(path))
    } - {place, ""}
    assert reached <= picture()[place]
    assert not picture()[place] - reached, "the picture draws an arrow that the code has not"


def test_no_arrow_of_the_picture_points_back():
    assert list(TopologicalSorter(picture()).static_order())


def test_no_modules_import_each_other_in_a_circle():
    graph = {}
    for path in modules():
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        names = set()
        for node in tree.body:  # at the top alone: what a function imports comes later
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
        # A package's face hands names on; who takes them from it depends on what is behind it.
        graph[str(path)] = {f for f in files_of(frozenset(names)) if not f.endswith("__init__.py")}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", modules(), ids=str)
def test_fiftyone_and_keras_stand_at_the_edges(path):
    tops = {name.split(".")[0] for name in imported(path)}
    if not str(path).startswith(("curation/store/", *OF_FIFTYONE)):
        assert "fiftyone" not in tops
    if not str(path).startswith("training/"):
        assert not tops & set(BEGUN[1:])
    assert "plugins" not in tops


def run(program: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_a_module_starts_nothing():
    names = [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in modules()
        if not str(path).startswith((*OF_FIFTYONE, *OF_KERAS))
    ]
    begun = run(
        "import importlib, json, sys\n"
        f"begun = {{}}\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    for other in {BEGUN!r}:\n"
        "        if other in sys.modules: begun.setdefault(other, name)\n"
        "print(json.dumps(begun))"
    )
    assert not begun, f"imported first by: {begun}"


NO_TENSORFLOW = (
    "import", "remap", "audit", "review", "decisions", "report", "export", "app", "doctor",
)  # fmt: skip


@pytest.mark.parametrize("verb", [*NO_TENSORFLOW, "train"])
def test_the_help_of_a_verb_starts_nothing(verb):
    begun = run(
        "import json, sys\n"
        "from curation.cli import main\n"
        f"main.main([{verb!r}, '--help'], standalone_mode=False)\n"
        f"print(json.dumps([m for m in {BEGUN!r} if m in sys.modules]))"
    )
    assert not begun


def test_verbs_on_labels_load_no_tensorflow(tmp_path, images_folder):
    """Each by the user's own command, in one process, on three photos."""
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
    (tmp_path / "t.csv").write_text(header + "a,2 2,4,6,1,\nb,1 1,5,5,6,\n")
    (tmp_path / "d.csv").write_text("action,image_id\nexclude,b\n")
    verbs = [
        f"import imaterialist edges --annotations {tmp_path}/t.csv --images {images_folder}",
        "remap edges --taxonomy supercategories",
        "audit edges",
        f"decisions edges import {tmp_path}/d.csv",
        *(f"export edges {tmp_path}/{f} --format {f}" for f in ("coco", "tfrecord")),
        "round edges start --recipe quick",
        "round edges start",  # which is refused, as one goes on
    ]
    loaded = run(
        "import json, sys\n"
        "from curation import store\n"
        "from curation.cli import main\n"
        "from click import ClickException\n"
        f"*verbs, refused = {verbs!r}\n"
        "for verb in verbs:\n"
        "    main.main(verb.split(), standalone_mode=False)\n"
        "try:\n"
        "    main.main(refused.split(), standalone_mode=False)\n"
        "    raise SystemExit('a second round began')\n"
        "except ClickException:\n"
        "    pass\n"
        "store.delete('edges')\n"
        f"print(json.dumps([m for m in {BEGUN[1:]!r} if m in sys.modules]))"
    )
    assert not loaded


def test_no_module_is_too_long_to_read_in_one_sitting():
    every = [*(ROOT / p for p in modules()), *(ROOT / "tests").rglob("*.py")]
    long = {p.name: n for p in every if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert not long
