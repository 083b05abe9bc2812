"""Cloth: small tiles with a pattern, in the palette of a style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Tile = NDArray[np.float32]
"""(64, 64, 3) RGB, 0 to 1, which continues seamlessly over its edges."""

_SIDE = 64

PALETTES: dict[str, tuple[str, ...]] = {
    style: tuple(colors.split())
    for style, colors in {
        "bohemian": "b5563c d9a441 8a9a6b 7a4a2e 6b6a3a e8d2b0",
        "preppy": "1f2c4d f4f1ea 3d5a98 a9c3e0 2e5440 eab8bf",
        "streetwear": "17181b 8a8d91 3a3d44 e2582b c22a33 6f4aa8",
    }.items()
}
"""Colours of each style, hex RGB. Every garment and every wall takes from the same ones.

Few, so that a style is seen at a glance, as in photos that people choose for one. (With twice as
many, which met, the colours of 12 photos named the style of 56 % of others; a third is chance.)
"""

_PATTERNS = {
    "bohemian": {"plain": 3, "floral": 5, "zigzag": 3, "knit": 1, "denim": 1},
    "preppy": {"plain": 3, "stripes": 4, "checks": 4, "argyle": 2, "knit": 1},
    "streetwear": {"plain": 5, "camouflage": 2, "blocks": 2, "denim": 1, "dots": 1},
}


@dataclass(frozen=True, slots=True)
class Fabric:
    """A tile, the pixels that it spans in the photo, and how much it creases (0 not at all)."""

    tile: Tile
    span: float
    creased: float

    def swatch(self, width: int, height: int, origin: ArrayLike, degrees: float) -> Tile:
        """(height, width, 3) of it, with the tile's corner at ``origin`` (x, y) and turned."""
        if self.tile.shape[0] == 1:
            return self.tile
        grid = cv2.getRotationMatrix2D((0, 0), degrees, self.tile.shape[0] / self.span)
        grid[:, 2] -= grid[:, :2] @ np.asarray(origin)
        return cv2.warpAffine(
            self.tile,
            grid,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        )


def uniform(color: ArrayLike, creased: float = 0.0) -> Fabric:
    """One colour (3,) RGB 0 to 1: skin, hair, leather, paint."""
    return Fabric(np.asarray(color, np.float32).reshape(1, 1, 3), 1.0, creased)


def pick_color(rng: np.random.Generator, style: str) -> NDArray[np.float32]:
    """(3,) RGB 0 to 1 near one of the style's colours."""
    text = PALETTES[style][rng.integers(len(PALETTES[style]))]
    exact = np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    varied = exact * rng.uniform(0.85, 1.12) + rng.normal(0, 0.025, 3)
    return np.clip(varied, 0.03, 0.97).astype(np.float32)


def weave(rng: np.random.Generator, style: str, unit: float) -> Fabric:
    """A random fabric of a style; ``unit`` is the head height in pixels that it is scaled to."""
    weights = _PATTERNS[style]
    name = rng.choice(list(weights), p=np.array(list(weights.values())) / sum(weights.values()))
    tile = np.empty((_SIDE, _SIDE, 3), np.float32)
    tile[:] = pick_color(rng, style)
    _DRAW[str(name)](tile, rng, style)
    tile += rng.normal(0, 0.012, (_SIDE, _SIDE, 1)).astype(np.float32)
    return Fabric(tile, unit * rng.uniform(0.7, 1.5), rng.uniform(0.5, 1.3))


def _plain(tile: Tile, rng: np.random.Generator, style: str) -> None:
    """Nothing to add: the ground colour is the pattern."""


def _stripes(tile: Tile, rng: np.random.Generator, style: str) -> None:
    count = int(rng.choice([2, 4, 8]))
    pitch = _SIDE // count
    rows = np.arange(_SIDE) % pitch < pitch * rng.uniform(0.2, 0.55)
    if rng.random() < 0.6:
        tile[rows] = pick_color(rng, style)
    else:
        tile[:, rows] = pick_color(rng, style)


def _checks(tile: Tile, rng: np.random.Generator, style: str) -> None:
    for color, pitch in ((pick_color(rng, style), 32), (pick_color(rng, style), 16)):
        rows = (np.arange(_SIDE) + rng.integers(8)) % pitch < pitch * rng.uniform(0.15, 0.5)
        tile[rows] += 0.5 * (color - tile[rows])
        tile[:, rows] += 0.5 * (color - tile[:, rows])


def _dots(tile: Tile, rng: np.random.Generator, style: str) -> None:
    color, radius = pick_color(rng, style).tolist(), int(rng.integers(3, 7))
    for x, y in ((16, 16), (48, 16), (0, 48), (32, 48), (64, 48)):
        cv2.circle(tile, (x, y), radius, color, -1, cv2.LINE_AA)


def _floral(tile: Tile, rng: np.random.Generator, style: str) -> None:
    petals = [pick_color(rng, style).tolist() for _ in range(2)]
    leaf, heart = pick_color(rng, style).tolist(), pick_color(rng, style).tolist()
    for i in range(6):
        # kept off the edge, so that the tile repeats without cut flowers
        x, y = 11 + 21 * (i % 3) + rng.integers(-3, 4), 16 + 32 * (i // 3) + rng.integers(-6, 7)
        size, angle = rng.uniform(2.5, 4.2), rng.uniform(0, 90)
        tip = (int(x + rng.integers(-10, 11)), int(y + 9))
        cv2.line(tile, (int(x), int(y)), tip, leaf, 2, cv2.LINE_AA)
        for k in range(5):
            turn = np.deg2rad(72 * k + angle)
            at = (int(x + size * np.cos(turn)), int(y + size * np.sin(turn)))
            cv2.circle(tile, at, int(size), petals[i % 2], -1, cv2.LINE_AA)
        cv2.circle(tile, (int(x), int(y)), 2, heart, -1, cv2.LINE_AA)


def _zigzag(tile: Tile, rng: np.random.Generator, style: str) -> None:
    x = np.arange(0, _SIDE + 8, 8)
    for row in range(0, _SIDE, 16):
        color = pick_color(rng, style).tolist()
        wave = np.stack([x, row + 8 + 4 * (-1) ** (x // 8)], axis=1).astype(np.int32)
        cv2.polylines(tile, [wave], False, color, int(rng.integers(2, 5)), cv2.LINE_AA)


def _argyle(tile: Tile, rng: np.random.Generator, style: str) -> None:
    diamond = np.array([[32, 4], [52, 32], [32, 60], [12, 32]], np.int32)
    cv2.fillPoly(tile, [diamond], pick_color(rng, style).tolist(), cv2.LINE_AA)
    line = pick_color(rng, style).tolist()
    cv2.line(tile, (0, 0), (64, 64), line, 1, cv2.LINE_AA)
    cv2.line(tile, (64, 0), (0, 64), line, 1, cv2.LINE_AA)


def _knit(tile: Tile, rng: np.random.Generator, style: str) -> None:
    ribs = np.sin(np.arange(_SIDE) * (2 * np.pi / rng.choice([4, 8])))
    tile *= (1 + 0.11 * ribs).astype(np.float32)[None, :, None]


def _denim(tile: Tile, rng: np.random.Generator, style: str) -> None:
    tile[:] = 0.35 * tile + 0.65 * np.array([0.2, 0.3, 0.48], np.float32) * rng.uniform(0.5, 1.7)
    rows, columns = np.indices((_SIDE, _SIDE))
    twill = 0.05 * np.sin((rows + columns) * (np.pi / 2)) + rng.normal(0, 0.05, (_SIDE, _SIDE))
    tile += twill.astype(np.float32)[..., None]


def _camouflage(tile: Tile, rng: np.random.Generator, style: str) -> None:
    for _ in range(2):
        coarse = np.tile(rng.normal(size=(6, 6)).astype(np.float32), (3, 3))
        smooth = cv2.resize(coarse, (3 * _SIDE, 3 * _SIDE), interpolation=cv2.INTER_CUBIC)
        tile[smooth[_SIDE : 2 * _SIDE, _SIDE : 2 * _SIDE] > 0.35] = pick_color(rng, style)


def _blocks(tile: Tile, rng: np.random.Generator, style: str) -> None:
    cut = int(rng.integers(20, 44))
    tile[:cut, :] = pick_color(rng, style)
    tile[cut - 2 : cut + 2] = pick_color(rng, style)


_DRAW: dict[str, Callable[[Tile, np.random.Generator, str], None]] = {
    "plain": _plain,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "floral": _floral,
    "zigzag": _zigzag,
    "argyle": _argyle,
    "knit": _knit,
    "denim": _denim,
    "camouflage": _camouflage,
    "blocks": _blocks,
}
