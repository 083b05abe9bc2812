"""Records as the documents that FiftyOne keeps in MongoDB, made without FiftyOne.

Its own way (a ``fo.Sample`` for each photo, validated) takes ten times as
long, and needs it in every worker process. ``store.bulk`` holds these documents
against FiftyOne's before it writes them.

What the App draws and what is exact are two things here: ``mask`` is drawn as
on a photo of at most ``DRAWN`` pixels, ``rle`` (COCO's compressed counts, ASCII)
is the mask over the whole photo, and ``polygons`` are the rings as they were.
Exports and training read those.
"""

from __future__ import annotations

import io
import random
import zlib
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from curation.core import masks
from curation.core.records import ImageRecord, Instance

DRAWN = 768
"""Pixels of a photo's longer side in the masks that the App draws."""


def detection(instance: Instance, **attributes: Any) -> dict:
    """An instance as a ``fo.Detection`` of its id: the box in [0, 1] and the mask inside it."""
    piece, (left, top, width, height) = masks.crop(instance.mask, DRAWN)
    h, w = instance.mask.height, instance.mask.width
    document = {
        "_id": ObjectId(instance.instance_id),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": instance.category,
        "bounding_box": [left / w, top / h, width / w, height / h],
    }
    if piece.size:
        document["mask"] = _pack(piece)
    document["source"] = instance.source
    document["rle"] = instance.mask.counts.decode()
    if instance.attributes:
        document["source_attributes"] = list(instance.attributes)
    if instance.polygons:
        document["polygons"] = [list(ring) for ring in instance.polygons]
    if instance.repaired:
        document["repaired"] = list(map(str, instance.repaired))
    return document | attributes


def sample(record: ImageRecord, dataset_id: ObjectId) -> dict:
    """A photo as a ``fo.Sample`` of a dataset, with its instances as ``ground_truth``."""
    now = datetime.now(UTC)
    return {
        "_id": ObjectId(),
        "tags": [],
        "_media_type": "image",
        "_rand": random.random() * 0.001 + 0.999,  # noqa: S311 - as FiftyOne does, for its shuffle
        "image_id": record.image_id,
        "excluded": False,
        "_dataset_id": dataset_id,
        "created_at": now,
        "last_modified_at": now,
        **source(record),
    }


def source(record: ImageRecord) -> dict:
    """The fields of a photo that come out of its annotation file and its header."""
    return {
        "filepath": str(record.path),
        "metadata": {
            "_cls": "ImageMetadata",
            "size_bytes": record.path.stat().st_size,
            "width": record.width,
            "height": record.height,
        },
        "ground_truth": {
            "_cls": "Detections",
            "detections": [detection(instance) for instance in record.instances],
        },
        "content_digest": content_digest(record),
        "location_digest": location_digest(record),
    }


def content_digest(record: ImageRecord) -> str:
    """A hash of what the annotation file says of a photo, wherever and in whatever order."""
    said = sorted(
        (i.instance_id, i.attributes, i.polygons, tuple(map(str, i.repaired)))
        for i in record.instances
    )
    text = repr((record.height, record.width, said))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def location_digest(record: ImageRecord) -> str:
    """A hash of where it says so, and of the photo's path and size in bytes."""
    image = str(record.path), record.path.stat().st_size
    text = repr((image, [instance.source for instance in record.instances]))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def unpack(mask: bytes) -> NDArray:
    """The inverse of what FiftyOne and :func:`detection` make of a mask."""
    return np.load(io.BytesIO(zlib.decompress(mask)), allow_pickle=False)


def _pack(piece: NDArray[np.bool_]) -> bytes:
    """As FiftyOne packs arrays: a compressed ``.npy``.

    The header is written by hand (format 1.0 of ``numpy.lib.format``), and the
    compressor takes its shortcut for long runs of one value: a fifth of the time.
    """
    about = f"{{'descr': '|b1', 'fortran_order': False, 'shape': {piece.shape}, }}"
    length = 128 - 10  # a multiple of 64 with what stands before it
    header = (
        b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + f"{about:<{length - 1}}\n".encode()
    )
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return packer.compress(header) + packer.compress(piece.data) + packer.flush()
