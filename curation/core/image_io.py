"""Photos and masks on disk: find, measure and read them. Every file is hostile until checked."""

from __future__ import annotations

import os
import re
import reprlib
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from curation.core import jpeg
from curation.core.rle import MAX_PIXELS, check_size

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""What is read, by content: a suffix may lie. Of a film, the first picture."""

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = 100
"""Names in messages: an annotation file may hold any."""

_INDEX_FORMATS = ("PNG", "BMP", "TIFF")  # who writes a GIF may sort its palette anew
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")
_INDEX_TYPES = {"1": np.uint8, "L": np.uint8, "P": np.uint8, "I;16": np.uint16, "I;16B": np.uint16}
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
    OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError,
    AssertionError, struct.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises over files that are cut off or tampered with."""


def find(folder: Path, name: str) -> Path:
    """The photo ``name`` inside ``folder``; it may lack its suffix, and spell é in either way.

    Links that lie in the folder are followed wherever they lead: whoever may write there may as
    well copy. The name alone leads nowhere else.

    Args:
        name: with ``/`` between folders, as an annotation file has it

    Raises:
        ValueError: the name leads out of the folder, fits several photos, or
            no file can have it
        FileNotFoundError: no such photo
    """
    head, tail = os.path.split(name)
    shown = _SHOWN.repr(name)
    try:
        name.encode()  # half a character, as "\\ud800" in JSON, could not even be listed
        inside = None if "\0" in name else _inside(folder.resolve(), head)
        if not inside:
            raise ValueError(f"{shown} leads out of the image folder")
        files = _listing(inside, inside.stat().st_mtime_ns).get(normalize("NFC", tail), [])
        if len(files) > 1:
            named = " or ".join(sorted(repr(file.name) for file in files))
            raise ValueError(f"{shown} may be {named}: leave one of them in the folder")
        for file in files:
            if file.is_file():
                return inside / file.name
    except UnicodeEncodeError:
        raise ValueError(f"photo cannot be read: {shown} is not text") from None
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, RuntimeError) as error:  # too long, not allowed, a loop of links
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"photo cannot be read: {shown}: {reason}") from None
    raise FileNotFoundError(f"no photo {shown} in {folder}")


def without_suffix(name: str) -> str:
    """A photo's name without its image suffix: some files write it, some do not."""
    stem, dot, suffix = name.rpartition(".")
    has_stem = stem and not stem.endswith("/")  # ".png" and "train/.png" are names
    return stem if has_stem and f"{dot}{suffix}".lower() in SUFFIXES else name


def size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels as displayed (EXIF orientation applied), from the header alone.

    Raises:
        ValueError: not a photo that can be read, or larger than MAX_PIXELS
    """
    return header(path)[0]


def header(path: Path) -> tuple[tuple[int, int], bool]:
    """:func:`size`, and whether it has an EXIF orientation that browsers do not apply, as of WebP.

    They turn JPEG and PNG.

    Raises:
        ValueError: as :func:`size`
    """
    with _opened(path) as image:
        width, height = image.size
        orientation = _orientation(image)
        size = (width, height) if orientation in (5, 6, 7, 8) else (height, width)
        return size, image.format == "WEBP" and orientation in _TURNS


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
            if image.info.get("progressive") and image.decoderconfig[:1] == (8,):
                image.fp = BytesIO(jpeg.without_detail(path.read_bytes()))
        rgb = _to_rgb(image if turn is None else image.transpose(turn))
        if resize:
            rgb = rgb.resize((resize, resize), Image.Resampling.BOX)
        return np.asarray(rgb)


def read_index(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """An index mask as (H, W): the value of each pixel as stored, EXIF orientation applied.

    Of a palette image the indices count, not the colours.

    Raises:
        ValueError: not an image that can be read, larger than MAX_PIXELS, saved
            with loss, or not of one value of 1, 8 or 16 bits for each pixel
    """
    with _opened(path, "mask") as image:
        if image.format not in _INDEX_FORMATS or image.info.get("compression") in _LOSSY_TIFF:
            raise _RefusedError(f"{image.format} may change values; save index masks as PNG")
        # Also where the three are equal: a coloured mask may happen to hold only greys.
        if (channels := len(image.getbands())) > 1:
            raise _RefusedError(
                f"has {channels} channels; an index mask has one value per pixel: write the number "
                "of its class in place of each colour"
            )
        # Pillow stretches greys of 2 and 4 bits ("L;4") to 255, and inverts some ("1;I").
        if image.mode not in _INDEX_TYPES or re.search("'[L1];", str(image.tile)):
            raise _RefusedError("its values are not of 1, 8 or 16 bits; save it as an 8-bit PNG")
        turn = _TURNS.get(_orientation(image))
        image.load()  # a TIFF is turned by it
        values = np.asarray(image if turn is None else image.transpose(turn))
        return values.astype(_INDEX_TYPES[image.mode])


def read_bitmap(data: bytes, height: int, width: int) -> NDArray[np.bool_]:
    """A mask that was kept as an image, as (H, W): what its alpha shows, else what is not 0.

    Args:
        data: of a file, such as a PNG
        height, width: of the mask in pixels

    Raises:
        ValueError: not an image that can be read, or of another size
    """
    with _decoded(BytesIO(data), "mask") as opened:
        image: Image.Image = opened
        if image.size != (width, height):
            raise _RefusedError(f"the mask is {image.width}x{image.height}, not {width}x{height}")
        if image.has_transparency_data:
            image = image.convert("RGBA").getchannel("A")
        values = np.asarray(image).reshape(height, width, -1)
        return (values != 0).any(axis=2)


def content_hash(path: Path) -> str:
    """32 hex digits of the file's bytes: the same photo under two names has one hash."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


class _RefusedError(ValueError):
    """What can be read, and is not what was asked for."""


@lru_cache(maxsize=256)
def _inside(folder: Path, head: str) -> Path | None:
    """``folder / head`` without dots; None where that is outside of ``folder``.

    By the name alone: what ``..`` is behind a link is for the disk to say.
    """
    place = Path(os.path.normpath(folder / head))
    return place if place.is_relative_to(folder) else None


@lru_cache(maxsize=8192)
def _listing(folder: Path, changed: int) -> dict[str, list[os.DirEntry[str]]]:
    """The files of a folder by their names, and by their names without suffix.

    Listed once, not once for each photo; and again when ``changed``, its time
    of change, is another. So many are kept that photos may come in any order:
    a split that was drawn by chance goes back and forth between all folders.
    Composed letters (NFC), since macOS takes them apart.
    """
    whole: dict[str, list[os.DirEntry[str]]] = {}
    short: dict[str, list[os.DirEntry[str]]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                name = normalize("NFC", entry.name)
                whole.setdefault(name, []).append(entry)
                short.setdefault(without_suffix(name), []).append(entry)
    return short | whole


@contextmanager
def _opened(path: Path, kind: str = "photo") -> Iterator[ImageFile.ImageFile]:
    """An image as :func:`_decoded`."""
    try:
        # Not by its name: Pillow would map a turned TIFF into memory, and mix up its sides.
        file = path.open("rb")
    except OSError as error:
        raise ValueError(f"{kind} cannot be read: {error}") from None
    with file, _decoded(file, kind) as image:
        yield image


@contextmanager
def _decoded(file: BinaryIO, kind: str) -> Iterator[ImageFile.ImageFile]:
    """An image whose size is checked; what Pillow raises in the block is a ValueError."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of large photos before check_size can refuse them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
        check_size(image.height, image.width)
        yield image
    except _RefusedError:
        raise
    except UnidentifiedImageError:
        raise ValueError(f"{kind} cannot be read: it is none of {', '.join(FORMATS)}") from None
    except _READ_ERRORS as error:
        raise ValueError(f"{kind} cannot be read: {error}") from None


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, from the header alone."""
    if image.format == "TIFF":  # Pillow turns a TIFF, and its size, by itself
        return 1
    # The base class's way: PNG's own decodes the photo in search of EXIF behind the pixels.
    value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    if not isinstance(value, int):
        raise ValueError(f"its EXIF orientation {_SHOWN.repr(value)} is not a number")
    return value


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its values are fractions; save it with 8 bits")
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip it to white
        image.load()  # a TIFF is turned by it
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
