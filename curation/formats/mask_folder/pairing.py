"""Which photo a mask belongs to, by their names."""

from __future__ import annotations

import re
from pathlib import Path

from curation.core import image_io

_MASK_SUFFIX = re.compile(r"[_-](mask|seg|label|gt)$", re.IGNORECASE)


def image_name(images: Path, mask: str) -> str:
    """The photo of a mask, as it is spelled on disk, both without suffix; else the mask itself."""
    for name in (mask, _MASK_SUFFIX.sub("", mask)):
        try:
            image = image_io.find(images, name)
        except FileNotFoundError:
            continue
        except ValueError:  # there, and refused: whoever reads it says why
            return name
        return image_io.without_suffix(image.relative_to(images).as_posix())
    return mask
