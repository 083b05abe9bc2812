#!/usr/bin/env bash
# One would guess: datumaro's format "yolo", which takes Ultralytics' data.yaml, reads polygons of
#   Ultralytics' segmentation layout, or boxes around them; or it says that it cannot.
# What happens: where the first label file is that of a photo without labels, the folder is taken
#   for one of boxes. Then each photo that has a polygon is left out, with its polygons, and those
#   without labels are all that is there. Nothing is raised, warned of or logged. Without such a
#   file the folder is refused, with an error.
# Why it matters here: photos without garments are there on purpose, as background. A merge or a
#   split by datumaro keeps them, and nothing else.
# Versions: datumaro 1.13.12, Python 3.11
# Source: https://docs.ultralytics.com/datasets/segment/ (a line is "class x y x y ...");
#   datumaro/plugins/data_formats/yolo/importer.py and base.py (_parse_annotations)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet datumaro==1.13.12 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^datumaro '

cat > look.py <<'PY'
import logging
import warnings
from io import StringIO
from pathlib import Path

from PIL import Image
from datumaro.components.dataset import Dataset
from datumaro.components.errors import DatasetNotFoundError

SKIRT = "0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n"
PHOTOS = {"a": "", "b": SKIRT, "c": SKIRT + "0 0.2 0.2 0.4 0.2 0.4 0.4\n", "d": ""}


def make(folder, photos):
    for kind in ("images", "labels"):
        Path(folder, kind, "train").mkdir(parents=True)
    for name in photos:
        Image.new("RGB", (40, 30)).save(f"{folder}/images/train/{name}.jpg")
        Path(f"{folder}/labels/train/{name}.txt").write_text(PHOTOS[name])
    Path(folder, "data.yaml").write_text(
        "train: images/train\nval: images/train\nnames:\n  0: skirt\n"
    )


make("mixed", "abcd")
make("labelled", "bc")
said = StringIO()
logging.basicConfig(stream=said, level=logging.WARNING)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    dataset = Dataset.import_from("mixed", "yolo")
    found = {photo.id: len(photo.annotations) for photo in dataset}
try:
    Dataset.import_from("labelled", "yolo")
    refused = False
except DatasetNotFoundError as error:
    refused = True
    print("without a photo that has no label:", error)
print("labels in the folder:", {name: text.count("\n") for name, text in PHOTOS.items()})
print("labels read:         ", found)
print("said of it:", said.getvalue() or [str(w.message) for w in warned] or "nothing")
assert found == {"a": 0, "d": 0}
assert not said.getvalue() and not warned
assert refused
PY
venv/bin/python look.py
