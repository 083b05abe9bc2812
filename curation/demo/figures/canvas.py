"""The picture while it is painted, and who owns each of its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.demo.figures.fabric import Fabric
from curation.demo.figures.shapes import Points, Shape

_FINE = 4
"""Shapes are filled on a grid this many times finer and averaged: smooth edges."""

NOBODY = 0
"""Owner of background, skin and hair."""


def in_rgb(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) to (H, W, 3): several times faster than letting numpy broadcast the last axis."""
    return cv2.merge((plane, plane, plane))


class Canvas:
    """Paints shapes over each other and keeps the exact visible pixels of each garment.

    Attributes:
        image: (H, W, 3) float32 RGB, 0 to 1
        owner: (H, W) int16, number of the garment that is seen at a pixel, 0 for none
        part: (H, W) int16, number of the garment part that lies on it there, 0 for none
        categories: name of number n at place n - 1
    """

    def __init__(
        self, image: NDArray[np.float32], light: Points, folds: NDArray[np.float32], unit: float
    ) -> None:
        """
        Args:
            image: (H, W, 3) the background, painted over in place
            light: (2,) unit vector towards the light
            folds: (n, n) a tile of creases around 0, which run down
            unit: height of a head in pixels, to which creases and shadows are scaled
        """
        self.image = image
        self.owner: NDArray[np.int16] = np.zeros(image.shape[:2], np.int16)
        self.part: NDArray[np.int16] = np.zeros(image.shape[:2], np.int16)
        self.categories: list[str] = []
        self._figure: NDArray[np.float32] = np.zeros(image.shape[:2], np.float32)
        self._light = light
        self._folds = folds
        self._unit = unit

    def new(self, category: str) -> int:
        """A number for one more garment or garment part."""
        self.categories.append(category)
        return len(self.categories)

    def paint(
        self,
        shape: Shape,
        fabric: Fabric,
        owner: int | None = NOBODY,
        part: int = 0,
        axis: float = 0.0,
        opacity: float = 1.0,
        volume: float = 1.0,
        within: int | None = None,
    ) -> None:
        """Paints a shape, which takes over the pixels that it covers by half or more.

        Args:
            shape: rings in pixels, whose union is painted
            fabric: what it is made of
            owner: garment that it belongs to; None for a print or a seam, which
                changes colours only
            part: garment part that it is, beside being its garment
            axis: degrees by which the fabric is turned, 0 hangs straight down
            opacity: below 1 what lies under it shines through
            volume: 0 flat, 1 round with creases and a shadow on what is below
            within: paint only on visible pixels of this garment
        """
        corners = np.concatenate(shape)
        pad = int(0.2 * self._unit) + 2
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - pad, 0)
        right, bottom = np.minimum(
            np.ceil(corners.max(axis=0)).astype(int) + pad, self.owner.shape[::-1]
        )
        if right <= left or bottom <= top:
            return
        place = np.s_[top:bottom, left:right]
        cover = _coverage(shape, left, top, right - left, bottom - top)
        if within is not None:
            cover *= self.owner[place] == within
        if not cover.any():
            return
        color = fabric.swatch(right - left, bottom - top, corners.mean(axis=0) - (left, top), axis)
        image, figure = self.image[place], self._figure[place]
        if volume:
            soft, shade = self._shading(cover, axis, volume * fabric.creased, corners)
            image *= in_rgb(1 - np.float32(0.3 * volume) * soft * figure)
            color = color * in_rgb(shade)
        image += in_rgb(np.float32(opacity) * cover) * (color - image)
        if owner is None:
            return
        np.maximum(figure, cover, out=figure)
        solid = cover >= 0.5
        self.owner[place][solid] = owner
        self.part[place][solid] = part

    def _shading(
        self, cover: NDArray[np.float32], axis: float, creases: float, corners: Points
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A soft copy of the shape, moved away from the light, and its brightness (h, w)."""
        height, width = cover.shape
        thick = cover.sum() / max(height, width)
        size = int(np.clip(0.5 * thick, 2, 0.5 * self._unit)) | 1
        soft = cv2.blur(cv2.blur(cover, (size, size)), (size, size))
        slope_x = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
        slope_y = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
        rise = slope_x * np.float32(self._light[0]) + slope_y * np.float32(self._light[1])
        shade = np.float32(0.88) + np.float32(0.12) * soft - np.float32(0.075 * size) * rise
        # the tile starts elsewhere for each shape, so that no two show the same creases
        offset = corners[0] * 7.3
        grid = cv2.getRotationMatrix2D((0, 0), axis, len(self._folds) / (2.2 * self._unit))
        grid[:, 2] = offset
        shade += np.float32(0.2 * creases) * cv2.warpAffine(
            self._folds,
            grid,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        )
        far = 0.06 * self._unit * self._light
        near = cv2.blur(cover, (2 * int(0.05 * self._unit) + 1,) * 2)
        shadow = cv2.warpAffine(near, np.array([[1, 0, -far[0]], [0, 1, -far[1]]]), (width, height))
        return shadow, shade


def _coverage(shape: Shape, left: int, top: int, width: int, height: int) -> NDArray[np.float32]:
    """(height, width) share of each pixel that the shape covers, 0 to 1."""
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    for ring in shape:
        # pixel centres of the fine grid lie at half-integers, cv2 counts them as integers
        points = np.rint((ring - (left, top)) * _FINE - 0.5).astype(np.int32)
        cv2.fillPoly(fine, [points], 255)
    cover = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return cover.astype(np.float32) * np.float32(1 / 255)
