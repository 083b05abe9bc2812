"""Photos on disk: find them, measure them, read them. Every file is hostile until checked."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.rle import MAX_PIXELS, check_size

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What an EXIF orientation asks for; from 5 on, height and width change places."""

_READ_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AssertionError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises over files that are cut off or tampered with."""


def find(folder: Path, name: str) -> Path:
    """The photo ``name`` inside ``folder``; a missing suffix is tried for.

    Raises:
        ValueError: the name leads out of the folder, or no file can have it
        FileNotFoundError: no such photo
    """
    root = folder.resolve()
    path = root / name
    try:
        name.encode()  # half a character, as "\\ud800" in JSON, could not even be listed
        # resolve() follows links too, so a link that leads out is refused as well.
        if "\0" in name or not path.resolve().is_relative_to(root):
            raise ValueError(f"{name!r} leads out of the image folder")
        if path.is_file():
            return path
        for suffix in SUFFIXES:
            for variant in (suffix, suffix.upper()):
                candidate = path.with_name(path.name + variant)
                if candidate.is_file() and candidate.resolve().is_relative_to(root):
                    return candidate
    except UnicodeEncodeError:
        raise ValueError(f"photo cannot be read: {name!r} is not text") from None
    except (OSError, RuntimeError) as error:  # too long, not allowed, a loop of links
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"photo cannot be read: {name!r}: {reason}") from None
    raise FileNotFoundError(f"no photo {name!r} in {folder}")


def size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels as displayed (EXIF orientation applied), from the header alone.

    Raises:
        ValueError: not a photo that can be read, or larger than MAX_PIXELS
    """
    with _opened(path) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)


def lookup(folder: Path, name: str) -> tuple[Path, int, int]:
    """A photo named by an annotation file: its path, height and width. Raises as both above."""
    path = find(folder, name)
    return (path, *size(path))


def read(path: Path, resize: int | None = None) -> NDArray[np.uint8]:
    """A photo as (H, W, 3) uint8 RGB, EXIF orientation applied, alpha over white.

    Args:
        resize: side in pixels of the square to resize to (area filter, aspect
            ratio not kept, as label maps are); None keeps the size

    Raises:
        ValueError: not a photo that can be read, or larger than MAX_PIXELS
    """
    with _opened(path) as image:
        # Before the pixels are read, as in size(): EXIF behind them counts in neither.
        turn = _TURNS.get(_orientation(image))
        if resize:
            # JPEG decodes at 1/2, 1/4 or 1/8 for free; never below twice the target.
            image.draft("RGB", (2 * resize, 2 * resize))
        rgb = _to_rgb(image if turn is None else image.transpose(turn))
        if resize:
            rgb = rgb.resize((resize, resize), Image.Resampling.BOX)
        return np.asarray(rgb)


def content_hash(path: Path) -> str:
    """32 hex digits of the file's bytes: the same photo under two names has one hash."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A photo whose size is checked; all that Pillow raises in the block is a ValueError."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of large photos before check_size can refuse them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
        with image:
            check_size(image.height, image.width)
            yield image
    except _READ_ERRORS as error:
        raise ValueError(f"photo cannot be read: {error}") from None


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, from the header alone."""
    if image.format == "TIFF":  # Pillow turns a TIFF, and its size, by itself
        return 1
    # The base class's way: PNG's own decodes the photo in search of EXIF behind the pixels.
    value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    if not isinstance(value, int):
        raise ValueError(f"its EXIF orientation {value!r} is not a number")
    return value


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I", "F"):  # 16-bit grey: Pillow would clip it to white
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        grey = (values * (255.0 / top)).clip(0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


Image.MAX_IMAGE_PIXELS = MAX_PIXELS
