#!/usr/bin/env bash
# One would guess: a mask stored as a PNG with a palette, as Pascal VOC's are, holds class ids in
#   its one channel, and tf.io.decode_png(..., channels=1) or cv2.IMREAD_GRAYSCALE gives them, as
#   Pillow does.
# What happens: TensorFlow and OpenCV look the colours up and make grey of those. The shape is
#   right, the values are 0 to 255, and no id among them. Other colours for the same ids give other
#   values, and two classes of colours that are alike bright become one. Nothing is said. Left to
#   itself (channels=0, IMREAD_UNCHANGED), each gives three channels of colour.
# Why it matters here: label maps written in colours, for people to look at, train a model on
#   classes that do not exist, or on few of those that do. Masks have to be written grey.
# Versions: tensorflow 2.21.0, opencv-python-headless 4.14.0.94, Pillow 13.0.0, Python 3.11
# Source: https://www.tensorflow.org/api_docs/python/tf/io/decode_png ("1: output a grayscale
#   image"); tensorflow/core/lib/png/png_io.cc (png_set_palette_to_rgb); OpenCV, grfmt_png.cpp
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet tensorflow==2.21.0 opencv-python-headless==4.14.0.94 pillow==13.0.0 \
  2>/dev/null
venv/bin/pip list 2>/dev/null | grep -iE '^(tensorflow|opencv-python-headless|pillow) '

export TF_CPP_MIN_LOG_LEVEL=3
cat > look.py <<'PY'
import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

ids = np.array([[0, 1, 2, 3]], np.uint8)
red, darker_green, blue = (255, 0, 0), (0, 130, 0), (0, 0, 255)
for name, colors in {"one": (red, darker_green, blue), "other": (blue, red, darker_green)}.items():
    mask = Image.fromarray(ids)
    mask.putpalette([0, 0, 0, *(v for color in colors for v in color)])
    mask.save(f"{name}.png")
Image.fromarray(ids).save("grey.png")


def by_pillow(name):
    return np.asarray(Image.open(name))


def by_tensorflow(name):
    return tf.io.decode_png(tf.io.read_file(name), channels=1).numpy()[..., 0]


def by_opencv(name):
    return cv2.imread(name, cv2.IMREAD_GRAYSCALE)


print("ids:", ids[0].tolist())
found = {}
for file in ("one.png", "other.png", "grey.png"):
    for read in (by_pillow, by_tensorflow, by_opencv):
        found[file, read] = read(file)[0].tolist()
        print(f"{file} {read.__name__}: {found[file, read]}")
for file in ("one.png", "other.png"):
    assert found[file, by_pillow] == ids[0].tolist()
    for read in (by_tensorflow, by_opencv):
        assert not {1, 2, 3} & set(found[file, read]), "an id"
        assert len(set(found[file, read])) < 4, "two classes are one"
for read in (by_tensorflow, by_opencv):
    assert found["one.png", read] != found["other.png", read]
    assert found["grey.png", read] == ids[0].tolist()
assert tf.io.decode_png(tf.io.read_file("one.png")).shape == (1, 4, 3)
assert cv2.imread("one.png", cv2.IMREAD_UNCHANGED).shape == (1, 4, 3)
PY
venv/bin/python look.py 2> said || { cat said; exit 1; }
