"""The two networks, run on photos: a silhouette, and the pose of whom it is of."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core import image_io
from curation.core.person import LANDMARKS, SIDE, Person, agreement
from training.person import install
from training.quiet import without_chatter

_INPUT = 256
"""Pixels of what both networks take."""
_READ = 2 * _INPUT
"""Pixels that a photo is read at: the pose is cut out of it."""
_MARGIN = 0.2
"""Around the box of the silhouette, in its sides: with less, the pose misses half-seen people."""
_SURE = 0.9
"""Score of a pose from which its mask counts as much as the silhouette."""

_starting = threading.Lock()

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in widths and heights of the photo."""


class Networks:
    """Sees people. May be called by several threads at once.

    Args:
        folder: of both networks, see :func:`training.person.install.install`

    Raises:
        CurateError: one is missing or damaged
    """

    def __init__(self, folder: Path) -> None:
        self._contents = install.read(folder)
        self._own = threading.local()

    def see(self, path: Path) -> Person:
        """The person in a photo; where there are several, one of them, with little confidence.

        Raises:
            ValueError, OSError: the photo cannot be read
        """
        height, width = image_io.size(path)
        image = image_io.read(path, _READ).astype(np.float32) / np.float32(255)
        return self.see_pixels(image, width / height)

    def see_pixels(self, image: NDArray[np.float32], ratio: float) -> Person:
        """As :meth:`see`, of a photo that is read already.

        Args:
            image: (S, S, 3) RGB, 0 to 1, the photo stretched to a square
            ratio: width of the photo by its height
        """
        small = cv2.resize(image, (_INPUT, _INPUT), interpolation=cv2.INTER_AREA)
        (silhouette,) = self._run(install.SILHOUETTE, small)
        silhouette = silhouette[..., 0]
        landmarks, score, mask = self._pose(image, ratio, _box(silhouette > 0.5))
        both = float(agreement(silhouette > 0.5, (mask > 0.5)[None])[0])
        if score > _SURE:
            silhouette = (silhouette + mask) / 2
        silhouette = cv2.resize(silhouette, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return Person(silhouette > 0.5, landmarks, score * both, ratio)

    def _pose(
        self, image: NDArray[np.float32], ratio: float, box: Box
    ) -> tuple[NDArray[np.float32], float, NDArray[np.float32]]:
        """Landmarks as in :class:`Person`, the pose's score, and (256, 256) its mask, 0 to 1, of
        the whole photo."""
        left, top, right, bottom = box
        # In heights of the photo, where a square is one.
        side = max((right - left) * ratio, bottom - top)
        scale = np.array([side / ratio, side])  # of the square, in widths and heights
        origin = np.array([left + right, top + bottom]) / 2 - scale / 2
        length = image.shape[0]
        crop = _cut(image, _matrix(scale * length / _INPUT, origin * length))
        points, score, mask, *_ = self._run(install.POSE, crop)
        points = points.reshape(-1, 5)[:LANDMARKS]
        xy = origin + points[:, :2] / _INPUT * scale
        seen = _sigmoid(points[:, 3])
        back = _cut(_sigmoid(mask[..., 0]), _matrix(1 / scale, -origin * _INPUT / scale))
        return np.column_stack([xy, seen]).astype(np.float32), float(score[0]), back

    def _run(self, file: install.NetworkFile, image: NDArray[np.float32]) -> list[NDArray]:
        """The outputs of a network for one photo."""
        own = vars(self._own)
        if file.name not in own:
            own[file.name] = _interpreter(self._contents[file])
        network = own[file.name]
        network.set_tensor(network.get_input_details()[0]["index"], image[None])
        network.invoke()
        return [network.get_tensor(x["index"])[0] for x in network.get_output_details()]


def _interpreter(content: bytes) -> Any:
    # What it does to stderr and to warnings, threads share.
    with _starting, without_chatter(), warnings.catch_warnings():
        import tensorflow as tf

        # That another package will have it one day. One thread each: photos are done at once.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter")
        network = tf.lite.Interpreter(model_content=content, num_threads=1)
        network.allocate_tensors()
        return network


def _box(mask: NDArray[np.bool_]) -> Box:
    """The box of a mask with its margin; the whole photo where it is empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 0.0, 0.0, 1.0, 1.0
    height, width = mask.shape
    left, right = columns[0] / width, (columns[-1] + 1) / width
    top, bottom = rows[0] / height, (rows[-1] + 1) / height
    x, y = (right - left) * _MARGIN, (bottom - top) * _MARGIN
    return left - x, top - y, right + x, bottom + y


def _matrix(scale: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """From pixels of a crop to pixels that it is cut out of; OpenCV counts from their centres."""
    shift = origin + (scale - 1) / 2
    return np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])


def _cut(image: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """(256, 256, ...) of an image; black beyond it."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (_INPUT, _INPUT), flags=how)


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1 / (1 + np.exp(-x.clip(-30, 30)))
