"""The notebooks of training/examples: cleared, and running from top to bottom."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

NOTEBOOK = Path(__file__).parents[2] / "training" / "examples" / "train_on_a_folder.ipynb"
TEXT = NOTEBOOK.read_text("utf-8")
CELLS = json.loads(TEXT)["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_the_notebook_is_what_jupyter_writes_of_cleared_cells():
    notebook = json.loads(TEXT)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n" == TEXT
    ids = [cell["id"] for cell in CELLS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in ids)
    for cell in CELLS:
        code = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
        assert cell == {key: cell[key] for key in ("cell_type", "id", "metadata", "source")} | code


def test_the_notebook_is_plain_python():
    for cell in CODE:
        compile(cell, NOTEBOOK.name, "exec")  # no % and ! of IPython's


@pytest.mark.long
def test_the_notebook_trains_where_there_is_nothing_yet(tmp_path):
    last = 'import sys\nassert "fiftyone" not in sys.modules'
    done = subprocess.run(
        [sys.executable, "-"], input="\n\n".join([*CODE, last]), cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "24 photos of upper-body, lower-body, whole-body, feet, accessories" in done.stdout
    assert "skipped" not in done.stdout
    run = tmp_path / "runs" / "notebook"
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["measured_on"] == "test"
    assert metrics["miou_foreground"] > 0.2
    for name in ("curves", "grid", "confusion"):
        with Image.open(run / f"{name}.png") as picture:
            assert picture.width > 400
