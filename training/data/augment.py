"""Other views of a photo and its label map, which always move together."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core.masks import IGNORE_INDEX
from training.config import TrainConfig

_LUMA = (0.299, 0.587, 0.114)
"""Rec. ITU-R BT.601: what red, green and blue weigh in a grey."""


def augment(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    config: TrainConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A random view, within ``flip``, ``rotate``, ``scale`` and ``color`` of the settings.

    Zoom is as often in as out; the photo is shifted by up to a quarter of
    ``scale`` of its sides. With all settings at 0 it is what went in, and with
    ``flip`` alone the exact mirror image.

    Args:
        image: (H, W, 3) RGB
        labels: (H, W), 255 ignored

    Returns:
        photo and labels in the same shapes
    """
    mirror = config.flip and rng.random() < 0.5
    if config.rotate or config.scale:
        degrees = rng.uniform(-config.rotate, config.rotate)
        zoom = (1 + config.scale) ** rng.uniform(-1, 1)
        shift = rng.uniform(-config.scale / 4, config.scale / 4, 2)
        image, labels = moved(image, labels, mirror, degrees, zoom, tuple(shift))
    elif mirror:
        image, labels = cv2.flip(image, 1), cv2.flip(labels, 1)
    if config.color:
        brightness, contrast, saturation = 1 + rng.uniform(-config.color, config.color, 3)
        image = recolored(image, brightness, contrast, saturation)
    return image, labels


def moved(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    mirror: bool = False,
    degrees: float = 0.0,
    zoom: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Mirrors, turns, zooms and shifts both with one matrix, in this order, about the centre.

    The photo is sampled bilinearly, the labels by the nearest pixel. What comes
    in from outside is ignored; the photo goes on there with its edge pixels, since
    a flat colour would be an edge that no photo has, and a reflection would show
    garments that are labelled 255.

    Args:
        degrees: counter-clockwise
        zoom: above 1 things grow
        shift: to the right and downwards, as a share of width and height
    """
    height, width = labels.shape
    center = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(center, degrees, zoom)
    if mirror:
        matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    matrix[:, 2] += shift[0] * width, shift[1] * height
    view = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    ids = cv2.warpAffine(
        labels, matrix, (width, height), flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT, borderValue=IGNORE_INDEX,
    )  # fmt: skip
    return view, ids


def recolored(
    image: NDArray[np.uint8], brightness: float, contrast: float, saturation: float
) -> NDArray[np.uint8]:
    """Scales the light, the distance from the mean grey and the distance from grey; 1 keeps each.

    All three are linear, so one matrix does it, and values are cut off at 0 and
    255 only once.
    """
    grey = np.tile(_LUMA, (3, 1))
    matrix = brightness * contrast * (saturation * np.eye(3) + (1 - saturation) * grey)
    mean = np.dot(_LUMA, cv2.mean(image)[:3])
    offset = np.full((3, 1), brightness * (1 - contrast) * mean)
    return cv2.transform(image, np.hstack([matrix, offset]))


def cutmix(
    arrays: Sequence[NDArray], labels: NDArray[np.uint8], share: float, rng: np.random.Generator
) -> None:
    """Pastes a rectangle of another photo of the batch, with its label, into some, in place.

    After arXiv 1905.04899, on photos or on features: rectangles lie on the grid
    of the last array, so that each of its cells moves as a whole; on photos it is
    that of the pixels. What another photo's features saw beyond the rectangle
    comes along, which did no harm when measured.

    Args:
        arrays: [photos] or four feature maps, each (B, h, w, channels)
        labels: (B, S, S)
        share: of the photos that get one
    """
    grid = arrays[-1].shape[1]
    others = rng.permutation(len(labels))
    for index in np.flatnonzero(rng.random(len(labels)) < share):
        height, width = rng.integers(max(1, grid // 4), max(2, grid - 1), 2)
        top, left = rng.integers(0, grid - height + 1), rng.integers(0, grid - width + 1)
        for array in (*arrays, labels):
            cell = array.shape[1] // grid
            rows = slice(top * cell, (top + height) * cell)
            columns = slice(left * cell, (left + width) * cell)
            array[index, rows, columns] = array[others[index], rows, columns]
