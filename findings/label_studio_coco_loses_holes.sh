#!/usr/bin/env bash
# One would guess: Label Studio's export "Brush labels to COCO" holds the masks that were painted:
#   COCO has run lengths for what a polygon cannot say, and a brush mask is run lengths already.
# What happens: label-studio-sdk's converter (which Label Studio exports by) keeps the outer contour
#   of each part and nothing else. Holes are filled, strips a pixel wide are gone. Nothing is raised
#   or logged of it; the same task in Label Studio's JSON has every pixel.
# Why it matters here: straps, open lace, rings of earrings and the hole between arm and body: a
#   trainer learns them filled, or as background.
# Versions: label-studio-sdk 2.1.2, pycocotools 2.0.11, Python 3.11
# Source: https://labelstud.io/guide/export (COCO); label_studio_sdk/converter/converter.py and
#   converter/exports/brush_to_coco.py
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet label-studio-sdk==2.1.2 pycocotools==2.0.11 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^(label-studio-sdk|pycocotools) '

cat > look.py <<'PY'
import json
import logging
from io import StringIO
from pathlib import Path
import numpy as np
from PIL import Image
from label_studio_sdk.converter import Converter
from label_studio_sdk.converter.converter import Format
from label_studio_sdk.converter.brush import decode_rle, mask2rle
from pycocotools.coco import COCO

said = StringIO()
logging.basicConfig(stream=said, level=logging.INFO)
size = 100
bag = np.zeros((size, size), np.uint8)
bag[30:90, 20:80] = 1
bag[50:70, 40:60] = 0  # the hole
bag[5:30, 30] = bag[5:30, 70] = 1  # two straps, a pixel wide
Image.new("RGB", (size, size)).save("a.png")
value = {"format": "rle", "rle": mask2rle(bag * 255), "brushlabels": ["bag"]}
result = {"id": "1", "type": "brushlabels", "from_name": "tag", "to_name": "image",
          "original_width": size, "original_height": size, "image_rotation": 0, "value": value}
task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": [result]}]}
with open("tasks.json", "w") as file:
    json.dump([task], file)
config = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image"><Label value="bag"/></BrushLabels></View>"""

Converter(config, ".", download_resources=False).convert(
    "tasks.json", "out", Format.BRUSH_TO_COCO, is_dir=False)
(file,) = Path("out").rglob("result*.json")
coco = COCO(file)
annotations = list(coco.anns.values())
mask = np.max([coco.annToMask(a) for a in annotations], axis=0)
exact = decode_rle(value["rle"]).reshape(size, size, 4)[..., 3] > 0
straps, hole = (slice(5, 30), [30, 70]), (slice(50, 70), slice(40, 60))
print("painted: ", int(bag.sum()), "pixels; in the JSON:", int(exact.sum()))
print("in COCO: ", int(mask.sum()), "pixels,", len(annotations), "annotation, area", annotations[0]["area"])
print("pixels of the hole that are labelled in COCO:", int(mask[hole].sum()), "of", mask[hole].size)
print("pixels of the straps that are labelled in COCO:", int(mask[straps].sum()), "of", mask[straps].size)
print("logged:", said.getvalue().strip() or "nothing")
assert not said.getvalue()
assert (exact == bag).all()
assert mask[hole].sum() > 300  # but for its rim
assert mask[straps].sum() < 10
PY
venv/bin/python look.py
