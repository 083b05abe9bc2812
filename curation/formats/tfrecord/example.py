"""TFRecord files of photos with label maps, read and written without TensorFlow.

A TFRecord file is a sequence of frames: length (uint64, little endian), its
masked CRC-32C, that many bytes, their masked CRC-32C
(``tensorflow/core/lib/io/record_writer.h``). The bytes are a ``tf.train.Example``
(``tensorflow/core/example/example.proto``), its features named as in DeepLab's
data sets (``tensorflow/models/research/deeplab/datasets/build_data.py``).

So a trainer on JAX or torch needs no TensorFlow, and any record can be read
alone: with the spans of a file known, an order is a list of numbers.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import crc32c
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core.errors import CurateError
from curation.core.image_io import MAX_PIXELS
from curation.formats.tfrecord import example_pb2

JPEG_QUALITY = 95
IMAGE, LABELS, NAME = "image/encoded", "image/segmentation/class/encoded", "image/filename"

_FLAGS = {
    "RGB": cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    "L": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
_HEAD, _TAIL = 12, 4
_MAX_RECORD = 1 << 30


def encode(image_id: str, image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bytes:
    """One photo (H, W, 3) and its label map (H, W) as a serialised ``tf.train.Example``."""
    png = io.BytesIO()
    Image.fromarray(labels).save(png, "PNG")
    height, width = labels.shape
    values: dict[str, bytes | int] = {
        IMAGE: _jpeg(image),
        NAME: image_id.encode(),
        "image/format": b"jpeg",
        "image/height": height,
        "image/width": width,
        "image/channels": 3,
        LABELS: png.getvalue(),
        "image/segmentation/class/format": b"png",
    }
    example = example_pb2.Example()
    for key, value in values.items():
        feature = example.features.feature[key]
        if isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.bytes_list.value.append(value)
    return example.SerializeToString(deterministic=True)


def decode(serialised: bytes) -> tuple[str, NDArray[np.uint8], NDArray[np.uint8]]:
    """The inverse of :func:`encode`: image_id, photo (H, W, 3) RGB, label map (H, W).

    Raises:
        ValueError: it is no such example, or photo and label map do not fit
    """
    name, image, labels = _decoded(serialised, (IMAGE, "RGB"), (LABELS, "L"))
    if image.shape[:2] != labels.shape:
        raise ValueError(f"photo {image.shape[:2]} and label map {labels.shape} differ in size")
    return name, image, labels


def decode_image(serialised: bytes) -> tuple[str, NDArray[np.uint8]]:
    """image_id and photo (H, W, 3) alone. Raises as above."""
    name, image = _decoded(serialised, (IMAGE, "RGB"))
    return name, image


def decode_labels(serialised: bytes) -> tuple[str, NDArray[np.uint8]]:
    """image_id and label map (H, W) alone: the photo is most of the time. Raises as above."""
    name, labels = _decoded(serialised, (LABELS, "L"))
    return name, labels


def as_recorded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo (H, W, 3) with what JPEG does to it: the pixels that :func:`decode` gives."""
    return _picture(_jpeg(image), "RGB")


def frame(serialised: bytes) -> bytes:
    """A record as it stands in a file."""
    length = struct.pack("<Q", len(serialised))
    return length + _masked(length) + serialised + _masked(serialised)


def spans(path: Path) -> NDArray[np.int64]:
    """(N, 2) offset and length in bytes of each record of a file; reads only the lengths.

    Raises:
        CurateError: the file is cut off, or no TFRecord file
    """
    found: list[tuple[int, int]] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < size:
            file.seek(at)
            head = file.read(_HEAD)
            if len(head) < _HEAD or head[8:] != _masked(head[:8]):
                raise CurateError(
                    path, "is no TFRecord, or cut off; export again", where=f"byte {at}"
                )
            (length,) = struct.unpack("<Q", head[:8])
            found.append((at + _HEAD, length))
            at += _HEAD + length + _TAIL
    if at > size:
        raise CurateError(path, "the last record is cut off; export again", where=f"byte {size}")
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def read_span(file: int, offset: int, length: int) -> bytes:
    """One record, by an open file descriptor (which any number of threads may share).

    Raises:
        ValueError: its checksum is wrong
    """
    data = os.pread(file, min(length, _MAX_RECORD) + _TAIL, offset)
    serialised = data[:-_TAIL]
    if len(serialised) != length or data[-_TAIL:] != _masked(serialised):
        raise ValueError("a record's checksum is wrong")
    return serialised


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return encoded.getvalue()


def _masked(data: bytes) -> bytes:
    crc = crc32c.crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _decoded(serialised: bytes, *pictures: tuple[str, str]) -> Any:
    """The image_id, and pictures by their keys and modes."""
    try:
        features: Mapping[str, Any] = example_pb2.Example.FromString(serialised).features.feature
        values = (features[key].bytes_list.value[0] for key, _ in pictures)
        modes = (mode for _, mode in pictures)
        return features[NAME].bytes_list.value[0].decode(), *map(_picture, values, modes)
    except Exception as error:  # protobuf's own kind is no ValueError, and Pillow has many
        raise ValueError(f"no photo with a label map: {error}") from None


def _picture(encoded: bytes, mode: str) -> NDArray[np.uint8]:
    """Pillow reads the header, OpenCV the pixels: the same ones, in two thirds of the time."""
    with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        if image.mode != mode:
            raise ValueError(f"its mode is {image.mode}, not {mode}")
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), _FLAGS[mode])
    if pixels is None:
        raise ValueError("a picture is cut off or damaged")
    return pixels
