"""What the error network sees of a label: a square window around it, and where in it an error lies.

After arXiv 2508.17930 (learning to detect label errors by making them), of each label by itself,
since garments overlap: its mask, the labels beside it, what the model sees, and what the backbone's
features look like, above all how unlike the middle of the label each place looks. Half of a garment
ends where nothing changes; the second garment in a label looks unlike the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.issues.geometry import InstanceMask, Mask, depth
from curation.issues.observation import Observation

FINE, COARSE = 48, 24
"""Cells a side: of masks and probabilities, and of features and errors."""

_MARGIN = 0.35
"""Around a label, in roots of its area."""
_LEVELS = 3
"""Feature maps that are looked at, the finest first."""
_COMPONENTS = 8
"""Numbers that are kept of the features at each place of a map."""
_SAMPLED = 60
"""Places of each photo and map that these are fitted to."""
_FAR = 6.0
"""What lies further from the mean, in standard deviations, counts as this far."""
_MIDDLE = 0.35
"""The middle of a label begins so deep, as a share of its greatest depth."""
_SMOOTH = 0.05
"""Added to squared distances: features of one colour must not be infinitely alike."""
_WORST = 0.05
"""Share of the cells that the score of a label is the mean of."""


@dataclass(frozen=True)
class FeatureScale:
    """What is usual of each feature map, and its principal components.

    Attributes:
        means, scales: for each map (channels,) float32
        components: for each map (``_COMPONENTS``, channels) float32, of unit variance
    """

    means: tuple[NDArray[np.float32], ...]
    scales: tuple[NDArray[np.float32], ...]
    components: tuple[NDArray[np.float32], ...]

    @classmethod
    def fit(cls, observations: Sequence[Observation], seed: int = 0) -> FeatureScale:
        """To some places of each photo. The photos have feature maps."""
        rng = np.random.default_rng(seed)
        means, scales, components = [], [], []
        for level in range(_LEVELS):
            flat = [o.feature_maps[level].reshape(-1, o.feature_maps[level].shape[-1])
                    for o in observations]  # fmt: skip
            sample = np.concatenate([x[rng.integers(0, len(x), _SAMPLED)] for x in flat])
            sample = sample.astype(np.float32)
            mean, scale = sample.mean(axis=0), sample.std(axis=0) + np.float32(1e-3)
            _, size, along = np.linalg.svd((sample - mean) / scale, full_matrices=False)
            spread = size[:_COMPONENTS, None] / np.sqrt(len(sample)) + np.float32(1e-6)
            means.append(mean)
            scales.append(scale)
            components.append((along[:_COMPONENTS] / spread).astype(np.float32))
        return cls(tuple(means), tuple(scales), tuple(components))


@dataclass(frozen=True)
class Crops:
    """Windows around labels, as the error network takes them.

    Attributes:
        fine: (N, FINE, FINE, channels) uint8
        coarse: (N, COARSE, COARSE, channels) uint8
    """

    fine: NDArray[np.uint8]
    coarse: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.fine)

    def __getitem__(self, which: NDArray) -> Crops:
        return Crops(self.fine[which], self.coarse[which])

    @classmethod
    def concat(cls, parts: Sequence[Crops]) -> Crops:
        """All of several, of which one at least is not empty."""
        some = [part for part in parts if len(part)]
        return cls(np.concatenate([x.fine for x in some]), np.concatenate([x.coarse for x in some]))


@dataclass(frozen=True)
class Square:
    """A window on a photo's grid, which may reach beyond the frame; all numbers are even."""

    top: int
    left: int
    side: int

    @classmethod
    def around(cls, mask: Mask) -> Square:
        """Of a mask that is not empty, and ``_MARGIN`` around it."""
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        half = int(np.ceil(extent / 2 + max(4, _MARGIN * np.sqrt(np.count_nonzero(mask)))))
        half += half % 2
        top, left = ((x[0] + x[-1] + 1) / 2 - half for x in (rows, columns))
        return cls(2 * round(top / 2), 2 * round(left / 2), 2 * half)

    def cut(self, grid: NDArray, side: int) -> NDArray:
        """(side, side, C) of what lies in the window on (S, S, C), or on a grid half as fine; 0
        beyond the frame."""
        return _resized(self._padded(grid), side)

    def _padded(self, grid: NDArray) -> NDArray:
        height, width = grid.shape[:2]
        padded = np.zeros((self.side, self.side, grid.shape[2]), grid.dtype)
        rows = slice(max(self.top, 0), min(self.top + self.side, height))
        columns = slice(max(self.left, 0), min(self.left + self.side, width))
        padded[
            rows.start - self.top : rows.stop - self.top,
            columns.start - self.left : columns.stop - self.left,
        ] = grid[rows, columns]
        return padded

    def halved(self) -> Square:
        """The same window on a grid half as fine."""
        return Square(self.top // 2, self.left // 2, self.side // 2)

    def paste(self, cells: NDArray[np.float32], grid: NDArray[np.float32]) -> None:
        """Raises (S, S) to (n, n) cells of the window, where these are higher."""
        size = (self.side, self.side)
        there = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
        height, width = grid.shape
        rows = slice(max(self.top, 0), min(self.top + self.side, height))
        columns = slice(max(self.left, 0), min(self.left + self.side, width))
        inside = there[
            rows.start - self.top : rows.stop - self.top,
            columns.start - self.left : columns.stop - self.left,
        ]
        grid[rows, columns] = np.maximum(grid[rows, columns], inside)


def _resized(grid: NDArray, side: int) -> NDArray:
    """(side, side, C) of (h, w, C)."""
    interpolation = cv2.INTER_AREA if grid.shape[0] > side else cv2.INTER_LINEAR
    parts = []
    for first in range(0, grid.shape[2], 4):  # OpenCV takes no more channels at once
        part = np.ascontiguousarray(grid[:, :, first : first + 4])
        small = cv2.resize(part, (side, side), interpolation=interpolation)
        parts.append(small if small.ndim == 3 else small[:, :, None])
    return np.concatenate(parts, axis=2)


class PhotoCrops:
    """Cuts windows out of one photo.

    Args:
        observation: has feature maps
        scale: of these
    """

    def __init__(self, observation: Observation, scale: FeatureScale) -> None:
        self._observation, self._scale = observation, scale

    @cached_property
    def _standardized(self) -> list[NDArray[np.float32]]:
        maps = self._observation.feature_maps[:_LEVELS]
        parts = zip(maps, self._scale.means, self._scale.scales, strict=True)
        return [(x.astype(np.float32) - mean) / scale for x, mean, scale in parts]

    @cached_property
    def _projected(self) -> NDArray[np.float32]:
        """(S / 2, S / 2, channels) the principal components of all maps."""
        side = self._observation.side // 2
        parts = zip(self._standardized, self._scale.components, strict=True)
        return np.concatenate([_resized(x @ c.T, side) for x, c in parts], axis=2)

    def of(self, labels: Sequence[InstanceMask], index: int) -> tuple[NDArray, NDArray]:
        """The fine and the coarse window around one of some labels, which is not empty: (FINE,
        FINE, channels) and (COARSE, COARSE, channels) uint8, see :class:`Crops`."""
        label = labels[index]
        window = Square.around(label.mask)
        fine = window.cut(self._fine(labels, index), FINE)
        grid = np.concatenate([self._unlike(label.mask), self._projected], axis=2)
        coarse = window.halved().cut((grid.clip(-_FAR, _FAR) / _FAR).astype(np.float32), COARSE)
        constant = self._constant(label)
        told = np.broadcast_to(constant, (COARSE, COARSE, len(constant)))
        coarse = np.concatenate([coarse, told], axis=2)
        return _as_bytes(fine), _as_bytes((coarse + 1) / 2)

    def _fine(self, labels: Sequence[InstanceMask], index: int) -> NDArray[np.float32]:
        """(S, S, 9), 0 to 1: the label; others of its class, and of another one; how probable are
        its class, background, the likeliest other class at each place, the likeliest other one in
        the label, and what is labelled there; and the frame."""
        k, p = labels[index].class_id, self._observation.probabilities
        shape = p.shape[1:]
        same, other, told = (np.zeros(shape, np.float32) for _ in range(3))
        for number, label in enumerate(labels):
            if number == index:
                continue
            if label.class_id == k:
                same[label.mask] = 1
            else:
                other[label.mask] = 1
                told[label.mask] = np.maximum(told, p[label.class_id])[label.mask]
        rest = p.copy()
        rest[[0, k]] = 0
        likeliest = int(rest[:, labels[index].mask].sum(axis=1).argmax())
        mask = labels[index].mask.astype(np.float32)
        frame = np.ones(shape, np.float32)
        layers = [mask, same, other, p[k], p[0], rest.max(axis=0), rest[likeliest], told, frame]
        return np.stack(layers, axis=2)

    def _unlike(self, mask: Mask) -> NDArray[np.float32]:
        """(S / 2, S / 2, maps) how unlike the middle of the label each place looks: the logarithm
        of its distance in features by the mean one within the middle."""
        deep = depth(mask)
        middle = (deep > max(1.5, _MIDDLE * deep.max())).astype(np.float32)
        far = []
        for features in self._standardized:
            size = features.shape[1::-1]
            weight = cv2.resize(middle, size, interpolation=cv2.INTER_AREA)
            if weight.sum() < 1e-3:
                whole = mask.astype(np.float32)
                weight = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
            weight /= weight.sum() + 1e-6
            center = np.tensordot(weight, features, axes=2)
            squared = ((features - center) ** 2).mean(axis=2)
            usual = float((squared * weight).sum())
            log = np.log((squared + _SMOOTH) / (usual + _SMOOTH))
            far.append(_resized(log[:, :, None], self._observation.side // 2))
        return np.concatenate(far, axis=2)

    def _constant(self, label: InstanceMask) -> NDArray[np.float32]:
        """(K + 1,), -1 to 1: the class, the size and the height in the photo of a label."""
        side = self._observation.side
        classes = np.zeros(len(self._observation.p) - 1, np.float32)
        classes[label.class_id - 1] = 1
        area = np.log(np.count_nonzero(label.mask) / side**2) / 8
        height = np.nonzero(label.mask)[0].mean() / side * 2 - 1
        return np.array([*classes, area.clip(-1, 1), height], np.float32)


def _as_bytes(values: NDArray) -> NDArray[np.uint8]:
    return (values.clip(0, 1) * 255).round().astype(np.uint8)


def target(window_of: Mask, error: Mask) -> NDArray[np.uint8]:
    """(COARSE, COARSE) how much of each cell of a label's window is an error, times 255.

    Args:
        window_of: (S, S) the label
        error: (S, S)
    """
    cells = Square.around(window_of).cut(error.astype(np.float32)[:, :, None], COARSE)
    return _as_bytes(cells[:, :, 0])


def scores(errors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) 0 to 1, how probable an error is where it is most: in a twentieth of the cells.

    Args:
        errors: (N, COARSE, COARSE) the probability of an error in each cell

    >>> errors = np.zeros((2, COARSE, COARSE), np.float32)
    >>> errors[1, :6, :6] = 1
    >>> scores(errors)
    array([0., 1.], dtype=float32)
    """
    flat = errors.reshape(len(errors), -1)
    count = round(_WORST * flat.shape[1])
    return np.partition(flat, -count, axis=1)[:, -count:].mean(axis=1)


def heatmap(squares: Sequence[Square], errors: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """(side, side) the probability of an error at each place of a photo, times 255.

    Args:
        squares: around its labels, on this grid
        errors: (N, COARSE, COARSE) of each of them
    """
    grid = np.zeros((side, side), np.float32)
    for square, cells in zip(squares, errors, strict=True):
        square.paste(cells, grid)
    return _as_bytes(grid)
