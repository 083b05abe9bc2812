"""Places people stand in, full of things that look like clothes, and the light on them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.demo.figures.body import Body
from curation.demo.figures.canvas import Canvas, in_rgb
from curation.demo.figures.fabric import Fabric, pick_color, uniform, weave
from curation.demo.figures.person import looks
from curation.demo.figures.shapes import Points, Shape, curve, disc, polar, tube, vector


def creases(rng: np.random.Generator) -> NDArray[np.float32]:
    """(64, 64) a tile of soft creases around 0, drawn out downwards."""
    coarse = np.tile(rng.normal(size=(6, 14)).astype(np.float32), (3, 3))
    smooth = cv2.resize(coarse, (192, 192), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.clip(smooth[64:128, 64:128], -1.6, 1.6)) * np.float32(0.5)


def background(
    rng: np.random.Generator, height: int, width: int, style: str, light: Points
) -> NDArray[np.float32]:
    """(H, W, 3) RGB 0 to 1: a wall, a floor and what stands there, a little out of focus."""
    horizon = height * rng.uniform(0.66, 0.84)
    rows = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None, None]
    wall, floor = _muted(rng, style), _muted(rng, style)
    columns = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :, None]
    image = wall * (1 + np.float32(rng.normal(0, 0.15)) * columns - np.float32(0.15) * rows)
    below = int(horizon)
    image[below:] = floor * (1 + np.float32(0.5) * (rows[below:] - rows[below]))
    unit = height / rng.uniform(6, 9)
    canvas = Canvas(image, light, creases(rng), unit)
    kind = rng.choice(["studio", "room", "shop", "street", "park"], p=[0.22, 0.28, 0.15, 0.2, 0.15])
    _PLACES[str(kind)](canvas, rng, style, horizon, unit)
    if kind != "studio" and rng.random() < 0.3:
        for _ in range(rng.integers(1, 3)):
            _bystander(canvas, rng, style, horizon, unit * rng.uniform(0.55, 0.9))
    blur = rng.uniform(0.0, 0.007) * height
    return cv2.GaussianBlur(image, (0, 0), blur) if blur > 0.4 else image


def floor_shadow(image: NDArray[np.float32], body: Body, light: Points) -> None:
    """Darkens the floor around the feet, away from the light."""
    feet = body.legs[:, 2].mean(axis=0) + body.unit * vector(-0.5 * light[0], 0.3)
    spread = 0.5 * np.ptp(body.legs[:, 2, 0]) + 0.7 * body.unit
    dark = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(dark, [np.rint(disc(feet, spread, 0.22 * body.unit)).astype(np.int32)], 1.0)
    size = 2 * int(0.16 * body.unit) + 1
    dark = cv2.blur(cv2.blur(dark, (size, size)), (size, size))
    image *= in_rgb(1 - np.float32(0.45) * dark)


def develop(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera makes of it: uneven light, colour cast, exposure, blur, noise.

    Takes and overwrites (H, W, 3) float32 RGB 0 to 1, returns uint8.
    """
    height, width = image.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope, vignette = rng.normal(0, 0.1, 2), rng.uniform(0.0, 0.22)
    lit = 1 + slope[0] * x + slope[1] * y - vignette * 0.5 * (x**2 + y**2)
    warm = rng.normal(0, 0.045)
    cast = np.array([1 + warm, 1 + rng.normal(0, 0.012), 1 - warm]) * np.exp(
        rng.normal(-0.03, 0.13)
    )
    lit = lit.astype(np.float32)
    image *= cv2.merge([lit * np.float32(channel) for channel in cast])
    blur = rng.uniform(0.0, 0.0026) * height
    if blur > 0.35:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    noise = rng.standard_normal(image.shape[:2], np.float32) * np.float32(rng.uniform(0.004, 0.025))
    image += in_rgb(noise)
    raw = cv2.convertScaleAbs(np.clip(image, 0, 1.3, out=image), alpha=255 / 1.3)
    return cv2.LUT(raw, _tone_curve(rng))


def _tone_curve(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(256,) from light, 255 is 1.3 times white, to what the file holds: whites roll off."""
    light = np.linspace(0, 1.3, 256) ** rng.uniform(0.88, 1.15)
    rolled = np.where(light < 0.7, light, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.38))
    black, white = rng.uniform(0.0, 0.07), rng.uniform(0.88, 1.0)
    return np.rint(255 * (black + (white - black) * rolled)).astype(np.uint8)


def _muted(rng: np.random.Generator, style: str) -> NDArray[np.float32]:
    """A colour of the style, as it looks on a wall."""
    color = pick_color(rng, style)
    return color + np.float32(rng.uniform(0.1, 0.75)) * (np.float32(rng.uniform(0.4, 0.85)) - color)


def _box(left: float, top: float, width: float, height: float) -> Points:
    return np.array([left, top]) + np.array([[0, 0], [width, 0], [width, height], [0, height]])


def _flat(canvas: Canvas, shape: Shape, fabric: Fabric, opacity: float = 1.0) -> None:
    canvas.paint(shape, fabric, None, volume=0.0, opacity=opacity)


def _studio(
    canvas: Canvas, rng: np.random.Generator, style: str, horizon: float, unit: float
) -> None:
    """A paper roll: wall and floor flow into each other."""
    image = canvas.image
    height, width = image.shape[:2]
    paper = _muted(rng, style)
    image[:] = paper * np.linspace(1.08, 0.85, height, dtype=np.float32)[:, None, None]
    if rng.random() < 0.5:
        glow = disc([width * rng.uniform(0.2, 0.8), 0.35 * height], 0.3 * height)
        _flat(canvas, [glow], uniform(_muted(rng, style)), opacity=0.4)


def _room(
    canvas: Canvas, rng: np.random.Generator, style: str, horizon: float, unit: float
) -> None:
    """Wallpaper or paint, a window, posters, a sofa or a shelf, a plant."""
    height, width = canvas.owner.shape
    if rng.random() < 0.4:
        _flat(canvas, [_box(0, 0, width, horizon)], weave(rng, style, unit), opacity=0.35)
    skirting = _box(0, horizon - 0.12 * unit, width, 0.14 * unit)
    _flat(canvas, [skirting], uniform(_muted(rng, style)))
    if rng.random() < 0.4:
        at = rng.uniform(-0.1, 0.8) * width
        _flat(canvas, [_box(at, 0.12 * height, 2.2 * unit, 3 * unit)], uniform([0.93, 0.95, 0.97]))
        bars = [_box(at + 1.05 * unit, 0.12 * height, 0.1 * unit, 3 * unit)]
        bars.append(_box(at, 0.12 * height + 1.4 * unit, 2.2 * unit, 0.1 * unit))
        _flat(canvas, bars, uniform([0.75, 0.74, 0.72]))
        curtain = _box(at - 0.5 * unit, 0.08 * height, 0.7 * unit, rng.uniform(3.2, 4.5) * unit)
        canvas.paint([curtain], weave(rng, style, unit), None)
    for _ in range(rng.integers(0, 3)):
        at = np.array([rng.uniform(0, 0.85) * width, rng.uniform(0.08, 0.35) * height])
        _flat(canvas, [_box(at[0], at[1], 1.1 * unit, 1.5 * unit)], uniform(pick_color(rng, style)))
        _hanging(canvas, rng, style, at + unit * np.array([0.55, 0.35]), 0.5 * unit)
    if rng.random() < 0.6:
        left, wide = rng.uniform(-0.4, 0.6) * width, rng.uniform(2.5, 4) * unit
        fabric = weave(rng, style, unit)
        back = _box(left, horizon - 1.1 * unit, wide, 1.5 * unit)
        seat = _box(left - 0.2 * unit, horizon - 0.3 * unit, wide + 0.4 * unit, 0.8 * unit)
        canvas.paint([back], fabric, None)
        canvas.paint([seat], fabric, None)
        cushion = disc([left + 0.3 * wide, horizon - 0.55 * unit], 0.5 * unit, 0.45 * unit)
        canvas.paint([cushion], weave(rng, style, unit), None)
    if rng.random() < 0.5:
        _plant(canvas, rng, np.array([rng.uniform(0, 1) * width, horizon + 0.4 * unit]), unit)


def _shop(
    canvas: Canvas, rng: np.random.Generator, style: str, horizon: float, unit: float
) -> None:
    """Clothes on a rail, and shelves with folded ones."""
    width = canvas.owner.shape[1]
    rail = horizon - rng.uniform(2.6, 3.6) * unit
    _flat(canvas, [_box(0, rail, width, 0.07 * unit)], uniform([0.3, 0.3, 0.32]))
    at = -0.2 * unit
    while at < width:
        _hanging(
            canvas, rng, style, np.array([at, rail + 0.1 * unit]), unit * rng.uniform(0.8, 1.1)
        )
        at += unit * rng.uniform(0.55, 1.3)
    for shelf in range(rng.integers(0, 3)):
        y = rail - (0.9 + 0.9 * shelf) * unit
        _flat(canvas, [_box(0, y, width, 0.08 * unit)], uniform([0.55, 0.42, 0.3]))
        for x in np.arange(0.2 * unit, width, 1.4 * unit):
            pile = _box(x, y - 0.4 * unit, rng.uniform(0.7, 1.1) * unit, 0.4 * unit)
            canvas.paint([pile], uniform(pick_color(rng, style)), None)


def _street(
    canvas: Canvas, rng: np.random.Generator, style: str, horizon: float, unit: float
) -> None:
    """Houses with windows and doors over a pavement."""
    width = canvas.owner.shape[1]
    _flat(canvas, [_box(0, 0, width, horizon)], uniform(rng.uniform([0.6, 0.7, 0.8], 0.95)))
    left = rng.uniform(-2, 0) * unit
    while left < width:
        wide, high = rng.uniform(2, 4) * unit, horizon * rng.uniform(0.7, 1.1)
        _flat(canvas, [_box(left, horizon - high, wide, high)], uniform(_muted(rng, style)))
        glass = uniform(rng.uniform(0.2, 0.75) * rng.uniform([0.85, 0.92, 1.0], 1.05))
        panes = [
            _box(left + x * unit, horizon - y * unit, 0.55 * unit, 0.9 * unit)
            for x in np.arange(0.35, wide / unit - 0.6, 1.0)
            for y in np.arange(1.9, high / unit, 1.5)
        ]
        if panes:
            _flat(canvas, panes, glass)
        door = _box(left + 0.3 * wide, horizon - 1.5 * unit, 0.8 * unit, 1.5 * unit)
        _flat(canvas, [door], uniform(pick_color(rng, style)))
        left += wide
    kerb = _box(0, horizon + rng.uniform(0.5, 1.5) * unit, width, 0.12 * unit)
    _flat(canvas, [kerb], uniform([0.72, 0.71, 0.69]), opacity=0.7)


def _park(
    canvas: Canvas, rng: np.random.Generator, style: str, horizon: float, unit: float
) -> None:
    """Sky, hedges and trees over grass or a path."""
    height, width = canvas.owner.shape
    _flat(canvas, [_box(0, 0, width, horizon)], uniform(rng.uniform([0.6, 0.72, 0.82], 0.97)))
    if rng.random() < 0.7:
        grass = uniform(rng.uniform([0.3, 0.42, 0.18], [0.55, 0.6, 0.35]))
        _flat(canvas, [_box(0, horizon, width, height - horizon)], grass)
    for _ in range(rng.integers(4, 8)):
        green = uniform(rng.uniform([0.15, 0.28, 0.12], [0.5, 0.58, 0.35]), creased=1.0)
        at = np.array([rng.uniform(0, 1) * width, horizon - rng.uniform(0.2, 4.5) * unit])
        trunk = tube([at, vector(at[0], horizon)], [0.12 * unit, 0.18 * unit])
        canvas.paint(trunk, uniform([0.34, 0.26, 0.2]), None)
        crown = at + rng.normal(0, 0.45, (6, 2)) * unit
        canvas.paint([disc(c, unit * rng.uniform(0.5, 1.0)) for c in crown], green, None)


_PLACES: dict[str, Callable[[Canvas, np.random.Generator, str, float, float], None]] = {
    "studio": _studio,
    "room": _room,
    "shop": _shop,
    "street": _street,
    "park": _park,
}


def _hanging(
    canvas: Canvas, rng: np.random.Generator, style: str, top: Points, size: float
) -> None:
    """A shirt, a dress or trousers on a hanger: not worn, so not labelled."""
    fabric = weave(rng, style, size)
    kind = rng.integers(3)
    if kind == 0:
        x = [0.15, 0.6, 0.8, 0.55, 0.42, 0.42, -0.42, -0.42, -0.55, -0.8, -0.6, -0.15]
        y = [0.1, 0.2, 0.8, 0.85, 0.55, 1.5, 1.5, 0.55, 0.85, 0.8, 0.2, 0.1]
    elif kind == 1:
        x, y = (
            [0.2, 0.4, 0.3, 0.7, -0.7, -0.3, -0.4, -0.2],
            [0.1, 0.15, 0.8, 2.4, 2.4, 0.8, 0.15, 0.1],
        )
    else:
        x, y = [0.35, 0.4, 0.1, 0, -0.1, -0.4, -0.35], [0.1, 2.4, 2.4, 0.7, 2.4, 2.4, 0.1]
    canvas.paint([top + size * np.stack([x, y], axis=1)], fabric, None)


def _plant(canvas: Canvas, rng: np.random.Generator, foot: Points, unit: float) -> None:
    """Long leaves out of a pot."""
    green = uniform(rng.uniform([0.15, 0.3, 0.12], [0.4, 0.55, 0.3]))
    for degrees in np.linspace(120, 240, 7) + rng.normal(0, 8, 7):
        tip = foot + polar(degrees, unit * rng.uniform(1.2, 2.2)) - [0, 0.5 * unit]
        middle = 0.5 * (tip + foot) - [0, 0.4 * unit]
        canvas.paint(
            tube([foot - [0, 0.5 * unit], middle, tip], [0.05 * unit, 0.15 * unit, 0.02 * unit]),
            green,
            None,
        )
    pot = np.array([[-0.4, -0.6], [0.4, -0.6], [0.28, 0.1], [-0.28, 0.1]]) * unit
    canvas.paint([foot + pot], uniform([0.66, 0.42, 0.31]), None)


def _bystander(
    canvas: Canvas, rng: np.random.Generator, style: str, horizon: float, unit: float
) -> None:
    """Somebody far behind, a few soft shapes in the same clothes; never labelled."""
    x = canvas.owner.shape[1] * rng.choice([rng.uniform(0, 0.25), rng.uniform(0.75, 1)])
    feet = np.array([x, horizon + 0.5 * unit])
    top, low = weave(rng, style, unit), weave(rng, style, unit)
    skin = looks(rng).skin
    for side in (-1, 1):
        legs = tube(
            [feet + unit * vector(0.3 * side, 0), feet + unit * vector(0.3 * side, -3.4)],
            [0.14 * unit, 0.3 * unit],
        )
        canvas.paint(legs, low, None)
    chest = np.array(
        [
            [0.75, -5.7],
            [0.55, -4.6],
            [0.62, -3.2],
            [-0.62, -3.2],
            [-0.55, -4.6],
            [-0.75, -5.7],
            [0, -5.9],
        ]
    )
    canvas.paint([disc(feet + unit * vector(0, -6.4), 0.38 * unit, 0.5 * unit)], skin, None)
    canvas.paint([curve(feet + unit * chest, closed=True)], top, None)
    for side in (-1, 1):
        arm = feet + unit * np.array([[0.8 * side, -5.5], [1.0 * side, -4.4], [0.95 * side, -3.3]])
        canvas.paint(tube(arm, [0.2 * unit, 0.16 * unit, 0.1 * unit]), top, None)
