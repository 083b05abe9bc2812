#!/usr/bin/env bash
# One would guess: datumaro, which CVAT itself exports and imports by, reads what CVAT draws. Of a
#   shape that it does not know it would say so, as it does of other errors in annotations.
# What happens: an <ellipse> in CVAT's own XML ("CVAT for images 1.1") is left out when the file is
#   imported as format "cvat". Nothing is raised, warned of or logged; the photo comes in with its
#   other shapes. Polygons, boxes, masks of the same file are read.
# Why it matters here: bags, hats and sleeves' ends are drawn as ellipses. A data set that goes
#   through datumaro teaches that there is no bag, and nobody is told.
# Versions: datumaro 1.13.12, Python 3.11
# Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/ (ellipse);
#   datumaro/plugins/data_formats/cvat/base.py and format.py (the shapes it takes)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet datumaro==1.13.12 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^datumaro '

mkdir -p job/images
cat > look.py <<'PY'
import logging
import warnings
from io import StringIO
from PIL import Image
from datumaro import AnnotationType
from datumaro.components.dataset import Dataset

Image.new("RGB", (40, 30)).save("job/images/a.png")
labels = "".join(f"<label><name>{name}</name></label>" for name in ("skirt", "bag", "hat"))
with open("job/annotations.xml", "w") as file:
    file.write(f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>
<image id="0" name="a.png" width="40" height="30">
<polygon label="skirt" source="manual" occluded="0" points="2,2;10,2;10,12;2,12" z_order="0"/>
<ellipse label="bag" source="manual" occluded="0" cx="25" cy="15" rx="8" ry="6" z_order="0"/>
<box label="hat" source="manual" occluded="0" xtl="30" ytl="1" xbr="38" ybr="6" z_order="0"/>
</image></annotations>
""")

said = StringIO()
logging.basicConfig(stream=said, level=logging.INFO)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    dataset = Dataset.import_from("job", "cvat")
    names = dataset.categories()[AnnotationType.label]
    (photo,) = dataset
    found = [(a.type.name, names[a.label].name) for a in photo.annotations]
about = [line for line in said.getvalue().splitlines() if "ellipse" in line.lower()]
about += [str(w.message) for w in warned if "ellipse" in str(w.message).lower()]
print("in the file:  polygon skirt, ellipse bag, box hat")
print("read:        ", ", ".join(map(" ".join, found)))
print("said of it:  ", about or "nothing")
assert sorted(found) == [("bbox", "hat"), ("polygon", "skirt")]
assert not about
PY
venv/bin/python look.py
