"""A photo on disk: is it whole, has it its size, and what would another copy of it look like?

The last takes decoding it, so it is answered once: the answer (:class:`ImageHash`) can be kept
beside the hash of the file's bytes, and holds as long as that does.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.audit.crop_hash import CROPS, SIDE, crop_hashes
from curation.core import image_io
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord
from curation.formats.messages import SAVE_TURNED, explain_mismatch

CELLS = 8
"""Cells on each side of the thumbnail: coarse, so that a cut edge moves little across them."""


@dataclass(frozen=True, slots=True)
class ImageHash:
    """What is kept of a photo to find its copies: about 700 bytes of text.

    Attributes:
        image_id: the photo
        content: hash of the file's bytes, as :func:`curation.core.image_io.content_hash`
        perceptual: 64 bits, of the signs of the lowest frequencies (pHash)
        thumbnail: the mean colors of 8 x 8 cells, row-major, 3 bytes RGB each
        crops: as ``perceptual``, of the photo cut as :data:`curation.audit.crop_hash.CROPS` says,
            8 bytes each, big-endian; none of a photo that an earlier curate hashed
    """

    image_id: str
    content: str
    perceptual: int
    thumbnail: bytes
    crops: bytes = b""

    def to_text(self) -> tuple[str, str, str]:
        """What is not the file's hash, for three fields of a database: 16 hex digits, and base64.

        >>> ImageHash("a", "8d7f", 10, bytes(192)).to_text()[0]
        '000000000000000a'
        """
        thumbnail, crops = (b64encode(x).decode("ascii") for x in (self.thumbnail, self.crops))
        return f"{self.perceptual:016x}", thumbnail, crops

    def under(self, image_id: str) -> ImageHash:
        """The same of another name."""
        return replace(self, image_id=image_id)

    @classmethod
    def from_text(
        cls, image_id: str, content: str, perceptual: str, thumbnail: str, crops: str
    ) -> ImageHash:
        """The inverse of :meth:`to_text`.

        Args:
            content: hash of the file's bytes that the two were made of

        Raises:
            ValueError: not 16 hex digits, or not the base64 of as many bytes as there have to be
        """
        cells, hashes = (b64decode(text, validate=True) for text in (thumbnail, crops))
        whole = len(perceptual) == 16 and len(cells) == CELLS * CELLS * 3
        if not whole or len(hashes) not in (0, 8 * len(CROPS)):
            sizes = f"{len(cells)} and {len(hashes)} bytes"
            raise ValueError(f"not the hash of a photo: {perceptual!r}, {sizes}")
        return cls(image_id, content, int(perceptual, 16), cells, hashes)


def hash_image(image_id: str, path: Path) -> ImageHash:
    """Decodes a photo to its end, and hashes it.

    Raises:
        OSError, ValueError: it cannot be read
    """
    small = Image.fromarray(image_io.read(path, resize=SIDE))
    return _hash_small(image_id, image_io.content_hash(path), small)


def hash_pixels(image_id: str, content: str, image: NDArray[np.uint8]) -> ImageHash:
    """The hash of a photo that is decoded already, (H, W, 3) RGB.

    Args:
        content: hash of its file's bytes
    """
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX)
    return _hash_small(image_id, content, small)


def _hash_small(image_id: str, content: str, small: Image.Image) -> ImageHash:
    import imagehash  # and scipy with it, which no verb but those that hash has to wait for

    perceptual = int(str(imagehash.phash(small)), 16)
    thumbnail = small.resize((CELLS, CELLS), Image.Resampling.BOX).tobytes()
    crops = crop_hashes(np.asarray(small.convert("L"))).tobytes()
    return ImageHash(image_id, content, perceptual, thumbnail, crops)


def hash_images(_: None, images: Sequence[tuple[str, Path]]) -> list[ImageHash | None]:
    """The hash of each photo, None of one that cannot be read; for worker processes.

    Args:
        images: image_id and path of each
    """
    return [_hash_or_none(image_id, path) for image_id, path in images]


def check_image(
    record: ImageRecord, known: ImageHash | None = None
) -> tuple[ImageHash | None, list[Finding]]:
    """Opens a photo where it is now, decodes it to its end, and hashes it.

    Args:
        known: its hash from an earlier time. Where the file has the same bytes still, it is not
            decoded again: that it can be is what the hash says, and its size in pixels stands in
            its header. Whether it is there, and the same, is looked at every time: it takes
            reading the file, a thirtieth of the time

    Returns:
        its hash, None where it cannot be read; and what is wrong with it
    """
    try:
        same = known and known.content == image_io.content_hash(record.path)
        found = known if same else hash_image(record.image_id, record.path)
        size, unturned = image_io.header(record.path)
    except (OSError, ValueError) as error:
        return None, [_finding(FindingKind.UNREADABLE, str(error), record)]
    faults = []
    if size != (record.height, record.width):
        detail = explain_mismatch((record.height, record.width), size)
        faults.append(_finding(FindingKind.SIZE_MISMATCH, detail, record))
    if unturned:
        faults.append(_finding(FindingKind.UNTURNED, SAVE_TURNED, record))
    return found, faults


def first_location(record: ImageRecord) -> str:
    """Where the first label of a photo stands; empty where it has none."""
    return record.instances[0].source if record.instances else ""


def _hash_or_none(image_id: str, path: Path) -> ImageHash | None:
    try:
        return hash_image(image_id, path)
    except (OSError, ValueError):
        return None


def _finding(kind: FindingKind, detail: str, record: ImageRecord) -> Finding:
    return Finding(kind, first_location(record), detail, record.image_id)
