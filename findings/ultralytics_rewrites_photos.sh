#!/usr/bin/env bash
# One would guess: to train on photos, Ultralytics reads them. A photo that it finds damaged it
#   leaves out, and says so.
# What happens: as a data set is opened (train, val), each JPEG whose last two bytes are not its end
#   marker is decoded and written anew in its place, at quality 100. A sound JPEG with something
#   behind its end is one: a motion photo, which has its video there. The video is gone, pixels have
#   other values, the bytes another hash, and a photo with an EXIF orientation is turned for good, so
#   its width and height change places. It is called "corrupt JPEG restored and saved".
# Why it matters here: splits, frozen test sets and copies are known by the hash of a photo's bytes,
#   and masks that were drawn on the photo as it was stored lie beside it once it is turned. So an
#   export for Ultralytics has to hold copies of the photos, never the photos themselves.
# Versions: ultralytics 8.4.190, Python 3.11
# Source: ultralytics/data/utils.py (verify_image, called by YOLODataset.cache_labels);
#   https://docs.ultralytics.com/datasets/segment/
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet ultralytics==8.4.190 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^ultralytics '

export YOLO_CONFIG_DIR="$work" YOLO_VERBOSE=false
cat > look.py <<'PY'
import io
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image
from ultralytics.data import YOLODataset

ORIENTATION = 0x0112
rng = np.random.default_rng(0)
for folder in ("images/train", "labels/train"):
    Path(folder).mkdir(parents=True)
for name, behind in (("plain", b""), ("motion", b"\0\0\0\x18ftypmp42" + bytes(500))):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    buffer = io.BytesIO()
    cells = Image.fromarray(rng.integers(0, 255, (6, 9, 3), np.uint8))
    cells.resize((90, 60)).save(buffer, "JPEG", quality=80, exif=exif)
    Path(f"images/train/{name}.jpg").write_bytes(buffer.getvalue() + behind)
    Path(f"labels/train/{name}.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")


def state(name):
    path = Path(f"images/train/{name}.jpg")
    with Image.open(path) as photo:
        photo.load()  # it is sound
        turned = photo.getexif().get(ORIENTATION, 1)
        return photo.size, turned, b"ftypmp42" in path.read_bytes(), \
            sha256(path.read_bytes()).hexdigest()[:12]


before = {name: state(name) for name in ("plain", "motion")}
YOLODataset(img_path="images/train", data={"names": {0: "skirt"}, "channels": 3}, task="segment",
            augment=False)
after = {name: state(name) for name in before}
print("photo: size as stored, EXIF orientation, has its video, hash")
for name in before:
    print(f"{name}: before {before[name]}")
    print(f"{name}: after  {after[name]}")
assert before["plain"] == after["plain"]
(size, turned, video, hash_), (new_size, new_turned, new_video, new_hash) = \
    before["motion"], after["motion"]
assert (size, turned, video) == ((90, 60), 6, True)
assert (new_size, new_turned, new_video) == ((60, 90), 1, False)
assert hash_ != new_hash
PY
venv/bin/python look.py
