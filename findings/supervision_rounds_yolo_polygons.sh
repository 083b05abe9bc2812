#!/usr/bin/env bash
# One would guess: a polygon of a YOLO label file is the same mask to Ultralytics and to
#   supervision; both scale it to the photo and fill it by cv2.fillPoly.
# What happens: Ultralytics cuts the fractions of a pixel off, supervision rounds them. A point at
#   the centre of a pixel stays in it for the one; for the other it comes to the next pixel, or
#   stays, as the last digit of the file has it. Outlines are torn, and what is a pixel thin may lie
#   beside itself. Just short of the centre, at 0.4 of a pixel, both draw the same.
# Why it matters here: straps. A model is measured, by supervision, on other masks than it was
#   trained on, by Ultralytics, from the same files.
# Versions: ultralytics 8.4.190, supervision 0.31.2, Python 3.11
# Source: ultralytics/data/utils.py (polygon2mask); supervision/dataset/formats/yolo.py
#   (_polygons_to_masks)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet ultralytics==8.4.190 supervision==0.31.2 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^(ultralytics|supervision) '

export YOLO_CONFIG_DIR="$work" YOLO_VERBOSE=false
cat > look.py <<'PY'
from pathlib import Path

import cv2
import numpy as np
import supervision as sv
from PIL import Image
from ultralytics.data import YOLODataset
from ultralytics.data.utils import polygon2mask

WIDTH, HEIGHT = 131, 193
NAMES = {0: "bag"}
bag = np.zeros((HEIGHT, WIDTH), np.uint8)
cv2.ellipse(bag, (60, 120), (40, 50), 20, 0, 360, 1, cv2.FILLED)
strap = np.zeros((HEIGHT, WIDTH), np.uint8)
cv2.line(strap, (20, 10), (80, 170), 1)
DRAWN = {"bag": bag, "strap": strap}


def iou(one, other):
    return round(float((one & other).sum() / (one | other).sum()), 3)


def masks(inside):
    """IoU with what was drawn, by Ultralytics and by supervision."""
    root = Path(f"at {inside}")
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for name, drawn in DRAWN.items():
        (outline, *_), _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        points = ((outline[:, 0] + inside) / [WIDTH, HEIGHT]).ravel()
        numbers = " ".join(f"{v:.6f}" for v in points)
        (root / "labels" / f"{name}.txt").write_text(f"0 {numbers}\n")
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / "images" / f"{name}.png")
    (root / "data.yaml").write_text("names:\n  0: bag\n")
    found = {}
    data = {"names": NAMES, "channels": 3}
    read = YOLODataset(img_path=str(root / "images"), data=data, task="segment", augment=False)
    for label in read.labels:
        name = Path(label["im_file"]).stem
        points = (label["segments"][0] * [WIDTH, HEIGHT]).reshape(-1)
        found["ultralytics", name] = iou(polygon2mask((HEIGHT, WIDTH), [points]), DRAWN[name])
    there = (str(root / name) for name in ("images", "labels", "data.yaml"))
    for path, _, labels in sv.DetectionDataset.from_yolo(*there, force_masks=True):
        name = Path(path).stem
        found["supervision", name] = iou(labels.mask[0].astype(np.uint8), DRAWN[name])
    return found


centre, short = masks(0.5), masks(0.4)
for where, found in (("at the centre", centre), ("at 0.4", short)):
    for (tool, name), value in sorted(found.items()):
        print(f"points {where} of a pixel, {tool}, {name}: IoU {value}")
assert {centre["ultralytics", name] for name in DRAWN} == {1.0}
assert centre["supervision", "bag"] < 0.99
assert centre["supervision", "strap"] < 0.7
assert set(short.values()) == {1.0}
PY
venv/bin/python look.py
