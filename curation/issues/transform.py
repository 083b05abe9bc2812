"""What would mend all labels of a photo at once: mirror, turn, scale or move them."""

from __future__ import annotations

import re
from typing import NamedTuple

import cv2
import numpy as np

from curation.core import rle
from curation.core.rle import Rle
from curation.issues.geometry import Mask
from curation.issues.issue import PhotoErrorType

MAX_SCALE = 10.0
"""More would leave nothing of the labels in the photo."""

_MOVED = re.compile(r"scale=([0-9.]{1,20}) right=(-?[0-9.]{1,20}) down=(-?[0-9.]{1,20})")


class Transform(NamedTuple):
    """What would be done to all labels of a photo.

    Attributes:
        mirror: left to right
        turn: by 180 degrees
        scale: about the top left corner
        right, down: then moved, in sides of the photo
    """

    mirror: bool = False
    turn: bool = False
    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def __str__(self) -> str:
        """As the database has it; see :meth:`parse`.

        >>> str(Transform(mirror=True)), str(Transform(scale=0.5, right=0.1))
        ('mirror', 'scale=0.5 right=0.1 down=0.0')
        """
        if self.mirror or self.turn:
            return "mirror" if self.mirror else "turn"
        return f"scale={self.scale} right={self.right} down={self.down}"

    @classmethod
    def parse(cls, text: str) -> Transform:
        """The inverse of ``str``; ValueError for what is none.

        >>> Transform.parse("scale=0.5 right=0.1 down=0.0") == Transform(scale=0.5, right=0.1)
        True
        """
        if text in ("mirror", "turn"):
            return cls(**{text: True})
        if not (found := _MOVED.fullmatch(text)):
            raise ValueError(f"{text!r} is no transform of labels")
        scale, right, down = map(float, found.groups())
        if not (0 < scale <= MAX_SCALE and abs(right) <= MAX_SCALE and abs(down) <= MAX_SCALE):
            raise ValueError(f"{text!r} leaves nothing of the labels")
        return cls(scale=scale, right=right, down=down)

    @property
    def error_type(self) -> PhotoErrorType:
        """What was done to labels that this would mend."""
        if self.mirror:
            return PhotoErrorType.MIRRORED
        if self.turn:
            return PhotoErrorType.TURNED
        return PhotoErrorType.MOVED if self.scale == 1 else PhotoErrorType.SCALED

    def applied(self, mask: Mask) -> Mask:
        """(H, W) of a mask of that size; what leaves the frame is lost.

        >>> corner = np.array([[1, 0], [0, 0]], bool)
        >>> Transform(mirror=True).applied(corner).tolist()
        [[False, True], [False, False]]
        """
        if self.mirror:
            mask = mask[:, ::-1]
        if self.turn:
            mask = mask[::-1, ::-1]
        mask = np.ascontiguousarray(mask)
        if (self.scale, self.right, self.down) == (1, 0, 0):
            return mask
        height, width = mask.shape
        # OpenCV's pixels have their centres at whole numbers.
        middle = (self.scale - 1) / 2
        matrix = np.array([
            [self.scale, 0, self.right * width + middle],
            [0, self.scale, self.down * height + middle],
        ])  # fmt: skip
        drawn = cv2.warpAffine(
            mask.view(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST
        )
        return drawn.view(bool)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point goes, in sides of the photo.

        >>> Transform(turn=True).place(0.25, 1.0)
        (0.75, 0.0)
        """
        if self.mirror or self.turn:
            return 1 - x, (1 - y if self.turn else y)
        return self.scale * x + self.right, self.scale * y + self.down

    def of(self, mask: Rle) -> Rle:
        """The same of a mask of the photo's own size; it may be empty then."""
        return rle.encode(self.applied(rle.decode(mask)))


AS_GIVEN = Transform()
