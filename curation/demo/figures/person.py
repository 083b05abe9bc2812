"""Paints skin, faces and hair: what garments hide and what they must be told from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.demo.figures.body import SIDES, Body
from curation.demo.figures.canvas import Canvas
from curation.demo.figures.fabric import Fabric, uniform
from curation.demo.figures.shapes import Points, Shape, curve, disc, tube, vector

_SKIN = ("f2cfb3", "e9bd9a", "dba882", "c08a62", "9a6844", "6f4a33", "4a3226")
_HAIR = ("1c1613", "3a261b", "5e3d26", "8f5f34", "c79a5b", "e3c68f", "8c3b1f", "9b9894", "b86a8c")


@dataclass(frozen=True, slots=True)
class Looks:
    """Skin and hair; ``cut`` is bald | short | bob | long | bun | afro | ponytail."""

    skin: Fabric
    hair: Fabric
    cut: str


def looks(rng: np.random.Generator) -> Looks:
    """A random person."""
    skin = _rgb(_SKIN[rng.integers(len(_SKIN))]) * rng.uniform(0.93, 1.06)
    hair = _rgb(_HAIR[rng.integers(len(_HAIR))]) * rng.uniform(0.8, 1.15)
    cuts = ["bald", "short", "bob", "long", "bun", "afro", "ponytail"]
    cut = str(rng.choice(cuts, p=[0.06, 0.24, 0.18, 0.22, 0.1, 0.1, 0.1]))
    return Looks(uniform(np.clip(skin, 0, 1)), uniform(np.clip(hair, 0, 1), creased=1.2), cut)


def back_hair(canvas: Canvas, body: Body, who: Looks) -> None:
    """The hair behind the shoulders."""
    if who.cut == "long":
        x = [-0.9, -1.25, -1.35, -0.6, 0.6, 1.35, 1.25, 0.9]
        y = [-0.6, 0.3, 2.1, 2.4, 2.4, 2.1, 0.3, -0.6]
    elif who.cut == "bob":
        x = [-0.9, -1.3, -1.25, 0, 1.25, 1.3, 0.9]
        y = [-0.6, 0.2, 1.15, 1.2, 1.15, 0.2, -0.6]
    elif who.cut == "ponytail":
        side = 1.0 if body.turn < 0 else -1.0
        x = [0.3 * side, 1.3 * side, 1.7 * side, 1.35 * side, 0.9 * side]
        y = [-0.8, -0.6, 0.6, 1.7, 0.3]
    elif who.cut == "afro":
        canvas.paint([disc(body.face(0, -0.35)[0], 0.68 * body.unit, 0.62 * body.unit)], who.hair)
        return
    elif who.cut == "bun":
        canvas.paint([disc(body.face(-0.2 * body.turn, -1.2)[0], 0.2 * body.unit)], who.hair)
        return
    else:
        return
    canvas.paint([curve(body.face(x, y), closed=True)], who.hair)


def legs_and_trunk(canvas: Canvas, body: Body, who: Looks) -> None:
    """Bare legs, feet, trunk and neck."""
    for side in SIDES:
        canvas.paint(leg(body, side, 0.0, 1.0) + foot(body, side, 0.0), who.skin)
    u = np.array([1.0, 1.0, 1, 1, 1, 1, -1, -1, -1, -1, -1.0, -1.0])
    t = np.array([-0.1, 0.0, 0.12, 0.3, 0.58, 1.1, 1.1, 0.58, 0.3, 0.12, 0.0, -0.1])
    canvas.paint([curve(body.at(u, t), closed=True)], who.skin)
    root = body.at(0, 0.0)[0]
    canvas.paint(tube([root, body.face(0, 0.4)[0]], [0.2 * body.unit, 0.165 * body.unit]), who.skin)


def arm(canvas: Canvas, body: Body, who: Looks, side: int) -> None:
    """A bare arm and its hand."""
    canvas.paint(tube(body.arms[side], body.arm_radii) + hand(body, side, 0.0), who.skin)


def leg(body: Body, side: int, start: float, ease: float) -> Shape:
    """A leg from a share of its length (0 hip, 1 ankle) down; ease as a share of its thickness."""
    places = np.linspace(2 * start, 2, 5)
    x, y = (np.interp(places, (0, 1, 2), body.legs[side, :, axis]) for axis in (0, 1))
    # the calf is thicker than a line from knee to ankle
    radii = np.interp(places, (0, 0.5, 1, 1.4, 2), _with_calf(body)) * ease
    return tube(np.stack([x, y], axis=1), radii.tolist(), caps=start > 0)


def foot(body: Body, side: int, ease: float) -> Shape:
    """A foot seen from the front; ease in head heights."""
    ankle, unit = body.legs[side, 2], body.unit
    out = (2 * side - 1) * 0.12 + 0.3 * body.turn
    toe = ankle + unit * np.array([out, 0.25])
    return tube(
        [ankle, ankle + 0.35 * (toe - ankle), toe],
        [r * unit + ease * unit for r in (0.1, 0.1, 0.12)],
    )


def hand(body: Body, side: int, ease: float) -> Shape:
    """A hand that goes on from the forearm; ease in head heights."""
    elbow, wrist = body.arms[side, 1:]
    along = (wrist - elbow) / max(float(np.hypot(*(wrist - elbow))), 1e-6) * body.unit
    radii = [(r + ease) * body.unit for r in (0.085, 0.12, 0.07)]
    return tube([wrist, wrist + 0.2 * along, wrist + 0.42 * along], radii)


def head(canvas: Canvas, body: Body, who: Looks, rng: np.random.Generator) -> None:
    """Head, face and the hair in front."""
    unit, look = body.unit, 0.28 * body.turn
    ears = [disc(body.face(side, 0.1)[0], 0.07 * unit, 0.11 * unit) for side in (-1, 1)]
    x = [0, 0.42, 0.82, 1.0, 0.92, 0.5, 0, -0.5, -0.92, -1.0, -0.82, -0.42]
    y = [1.0, 0.92, 0.5, 0, -0.5, -0.92, -1, -0.92, -0.5, 0, 0.5, 0.92]
    canvas.paint([*ears, curve(body.face(x, y), closed=True)], who.skin)

    skin = who.skin.tile[0, 0]
    dark, flush = (
        uniform(0.35 * skin * [1, 0.8, 0.7]),
        uniform(np.clip(skin * [1.0, 0.72, 0.7], 0, 1)),
    )
    white = uniform([0.95, 0.94, 0.92])
    eyes = [body.face(look + s * 0.38, 0.05)[0] for s in (-1, 1)]
    canvas.paint([disc(e, 0.062 * unit, 0.036 * unit) for e in eyes], white, volume=0.0)
    canvas.paint(
        [disc(e + vector(0.1 * look * unit, 0), 0.033 * unit) for e in eyes], dark, volume=0.0
    )
    arch = [-0.17, -0.23, -0.18]
    brows = [body.face(look + s * np.array([0.2, 0.4, 0.58]), arch) for s in (-1, 1)]
    canvas.paint([q for b in brows for q in tube(b, [0.02 * unit] * 3)], who.hair, volume=0.0)
    nose = body.face([look * 1.3, look * 1.6 + 0.06, look * 1.3], [0.1, 0.36, 0.38])
    canvas.paint(
        tube(nose, [0.01 * unit, 0.03 * unit, 0.02 * unit]), flush, volume=0.0, opacity=0.7
    )
    smile = rng.uniform(0.02, 0.11)
    mouth = body.face([look - 0.24, look, look + 0.24], [0.6, 0.6 + smile, 0.6])
    canvas.paint(tube(mouth, [0.012 * unit, 0.03 * unit, 0.012 * unit]), flush, volume=0.0)
    if who.cut != "bald":
        canvas.paint([_fringe(body, who, rng)], who.hair)


def _fringe(body: Body, who: Looks, rng: np.random.Generator) -> Points:
    """The hair over the forehead, with a parting."""
    parting, low = rng.uniform(-0.5, 0.5), -0.05 if who.cut == "short" else 0.35
    brow = rng.uniform(-0.6, -0.3)
    x = [-1.06, -1.1, -0.7, 0, 0.7, 1.1, 1.06, 0.88, 0.7, parting, -0.7, -0.88]
    y = [low, -0.5, -1.05, -1.17, -1.05, -0.5, low, low - 0.1, brow, brow - 0.25, brow, low - 0.1]
    return curve(body.face(x, y), closed=True)


def _with_calf(body: Body) -> list[float]:
    thigh, knee, ankle = body.leg_radii
    return [thigh, 0.5 * (thigh + knee) + 0.02 * body.unit, knee, knee, ankle]


def _rgb(text: str) -> np.ndarray:
    return np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255
