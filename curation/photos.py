"""Photos on disk: find them, measure them, read them. Every file is hostile until checked."""

from __future__ import annotations

import warnings
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from curation.rle import MAX_PIXELS, check_size

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_ORIENTATION = 0x0112
_READ_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def find(folder: Path, name: str) -> Path:
    """The photo ``name`` inside ``folder``; a missing suffix is tried for.

    Raises:
        ValueError: the name leads out of the folder
        FileNotFoundError: no such photo
    """
    root = folder.resolve()
    path = root / name
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
    raise FileNotFoundError(f"no photo {name!r} in {folder}")


def size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels as displayed (EXIF orientation applied), from the header alone.

    Raises:
        ValueError: not a photo that can be read, or larger than MAX_PIXELS
    """
    with _open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) >= 5:  # 5 to 8 are turned by a quarter
            height, width = width, height
        return height, width


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
    try:
        with _open(path) as image:
            if resize:
                # JPEG decodes at 1/2, 1/4 or 1/8 for free; never below twice the target.
                image.draft("RGB", (2 * resize, 2 * resize))
            turned = ImageOps.exif_transpose(image)
            rgb = _to_rgb(turned)
            if resize:
                rgb = rgb.resize((resize, resize), Image.Resampling.BOX)
            return np.asarray(rgb)
    except _READ_ERRORS as error:
        raise ValueError(f"photo cannot be read: {error}") from None


def content_hash(path: Path) -> str:
    """32 hex digits of the file's bytes: the same photo under two names has one hash."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow warns of large photos before check_size can refuse them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
        check_size(image.height, image.width)
        return image
    except _READ_ERRORS as error:
        raise ValueError(f"photo cannot be read: {error}") from None


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
