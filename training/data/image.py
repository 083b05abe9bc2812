"""Photos as the trainer takes them: named by the hash of their content, read at a size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.core import image_io
from curation.core.errors import CurateError
from curation.formats.tfrecord import example


class InputImage(Protocol):
    """A photo from wherever.

    Attributes:
        key: the hash of its content, hex: names its features and its predictions;
            photos with one key are one photo
        image_id: what the team calls it
    """

    @property
    def key(self) -> str: ...
    @property
    def image_id(self) -> str: ...

    def read(self, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB; CurateError when it cannot be read."""
        ...


@dataclass(frozen=True)
class ImageFile:
    """A photo in a file of its own."""

    key: str
    image_id: str
    path: Path

    def read(self, size: int) -> NDArray[np.uint8]:
        try:
            # As it would be read from a record: what a model is trained on is what it predicts
            # from, and cached features are the same whoever asked for them first.
            return example.as_recorded(image_io.read(self.path, size))
        except (ValueError, OSError) as error:
            raise CurateError(self.path, f"{error}; exclude or replace it") from None
