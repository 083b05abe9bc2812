"""A photo on disk: is it whole, has it its size, and what would another copy of it look like?"""

from __future__ import annotations

from dataclasses import dataclass

import imagehash
from PIL import Image

from curation.core import image_io
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord
from curation.formats.messages import explain_mismatch

SIDE = 32
"""Pixels of the square that prints are made of: the input of the perceptual hash."""

CELLS = 8
"""Cells on each side of the thumbnail: coarse, so that a cut edge moves little across them."""


@dataclass(frozen=True, slots=True)
class ImageHash:
    """What is kept of a photo to find its copies: about 200 bytes.

    Attributes:
        content: hash of the file's bytes, as :func:`curation.core.image_io.content_hash`
        perceptual: 64 bits, of the signs of the lowest frequencies (pHash)
        thumbnail: the mean colours of 8 x 8 cells, row-major, 3 bytes RGB each
    """

    image_id: str
    content: str
    perceptual: int
    thumbnail: bytes


def check_image(record: ImageRecord) -> tuple[ImageHash | None, list[Finding]]:
    """Opens a photo where it is now, decodes it to its end, and takes its print.

    Returns:
        its print, None where it cannot be read; and what is wrong with it
    """
    try:
        small = Image.fromarray(image_io.read(record.path, resize=SIDE))
        size = image_io.size(record.path)
        content = image_io.content_hash(record.path)
    except (OSError, ValueError) as error:
        return None, [_finding(FindingKind.UNREADABLE, str(error), record)]
    found = []
    if size != (record.height, record.width):
        detail = explain_mismatch((record.height, record.width), size)
        found.append(_finding(FindingKind.SIZE_MISMATCH, detail, record))
    perceptual = int(str(imagehash.phash(small)), 16)
    thumbnail = small.resize((CELLS, CELLS), Image.Resampling.BOX).tobytes()
    return ImageHash(record.image_id, content, perceptual, thumbnail), found


def first_location(record: ImageRecord) -> str:
    """Where the first label of a photo stands; empty where it has none."""
    return record.instances[0].source if record.instances else ""


def _finding(kind: FindingKind, detail: str, record: ImageRecord) -> Finding:
    return Finding(kind, first_location(record), detail, record.image_id)
