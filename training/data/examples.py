"""What a trainer asks of the photos and label maps that it is given, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.data.image import InputImage
from training.folder import ClassList


class Examples(Protocol):
    """Photos with a label map each, all of one size, in an order that never changes.

    Attributes:
        folder: where they lie, for errors
        size: S, side in pixels of photos and label maps
        classes: K classes, background first
        images: N photos
    """

    @property
    def folder(self) -> Path: ...
    @property
    def size(self) -> int: ...
    @property
    def classes(self) -> ClassList: ...
    @property
    def images(self) -> Sequence[InputImage]: ...

    def labels(self, index: int) -> NDArray[np.uint8]:
        """The label map (S, S) of a photo: channels 0 to K - 1, 255 ignored.

        Raises:
            CurateError: it is damaged
        """
        ...

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Photo (S, S, 3) RGB and label map (S, S), as :meth:`labels`.

        Raises:
            CurateError: either is damaged
        """
        ...

    def digest(self) -> str:
        """A hash of all photos and labels."""
        ...
