"""Paints what is worn beside clothes: legwear, shoes, hats, glasses, bags and the like."""

from __future__ import annotations

import numpy as np

from curation.demo.figures.body import SIDES, Body
from curation.demo.figures.canvas import Canvas
from curation.demo.figures.fabric import Fabric, pick_color, uniform
from curation.demo.figures.person import foot, hand, leg
from curation.demo.figures.shapes import curve, disc, part_of, tube, vector


def tights(canvas: Canvas, body: Body, fabric: Fabric, rng: np.random.Generator) -> None:
    """Both legs are one instance; thin ones let the skin shine through."""
    owner, opacity = canvas.new("tights, stockings"), rng.uniform(0.65, 1.0)
    for side in SIDES:
        shape = leg(body, side, 0.0, 1.03) + foot(body, side, 0.005)
        canvas.paint(shape, fabric, owner, opacity=opacity)


def sock(canvas: Canvas, body: Body, fabric: Fabric, side: int, height: float) -> None:
    """Up to a height: 0.5 is the knee, 1 the ankle."""
    shape = leg(body, side, height, 1.08) + foot(body, side, 0.01)
    canvas.paint(shape, fabric, canvas.new("sock"))


def leg_warmer(canvas: Canvas, body: Body, fabric: Fabric, side: int) -> None:
    """A loose knitted tube around the shin."""
    path = part_of(body.legs[side], 0.6, 0.98)
    shape = tube(path, [r * body.unit for r in (0.22, 0.25, 0.24, 0.2)], caps=False)
    canvas.paint(shape, fabric, canvas.new("leg warmer"))


def shoe(canvas: Canvas, body: Body, color: Fabric, kind: str, side: int) -> None:
    """A boot, a sneaker or a pump, with its sole."""
    owner, unit = canvas.new("shoe"), body.unit
    ankle = body.legs[side, 2]
    out = (2 * side - 1) * 0.12 + 0.3 * body.turn
    toe = ankle + unit * np.array([out, 0.27])
    heel = ankle + unit * np.array([0.25 * out, 0.27])
    if kind == "pumps":
        shape = tube([ankle + 0.45 * (toe - ankle), toe], [0.1 * unit, 0.125 * unit])
    else:
        shape = foot(body, side, 0.03)
    if kind == "boots":
        shape = leg(body, side, 0.8, 1.25) + shape
    sole = tube([heel, toe + vector(0, 0.07 * unit)], [0.06 * unit, 0.1 * unit])
    pale = uniform(np.full(3, 0.88) if kind == "sneakers" else 0.4 * color.tile.mean(axis=(0, 1)))
    canvas.paint(sole, pale, owner, volume=0.4)
    canvas.paint(shape, color, owner)
    if kind == "sneakers":
        for k in (0.35, 0.55):
            at = ankle + k * (toe - ankle)
            lace = tube(
                [at - vector(0.06 * unit, 0), at + vector(0.06 * unit, 0)], [0.014 * unit] * 2
            )
            canvas.paint(lace, pale, None, volume=0.0, within=owner)


def belt(canvas: Canvas, body: Body, color: Fabric, at: float, ease: float) -> None:
    """Around the waist at a height of the trunk's chart, with a buckle as its part."""
    owner = canvas.new("belt")
    u = np.array([-1, 0, 1, 1, 0, -1])
    t = at + np.array([0, 0.02, 0, 0.065, 0.085, 0.065])
    canvas.paint([curve(body.at(u, t, ease + 0.02), closed=True)], color, owner, volume=0.6)
    metal = uniform([0.78, 0.68, 0.42])
    buckle = [body.at([-0.13, 0.13, 0.13, -0.13], at + np.array([0.0, 0.0, 0.1, 0.1]))]
    canvas.paint(buckle, metal, owner, part=canvas.new("buckle"), within=owner, volume=0.5)


def tie(canvas: Canvas, body: Body, fabric: Fabric, length: float) -> None:
    """Knot and blade on the chest."""
    u = np.array([0.09, 0.06, 0.15, 0, -0.15, -0.06, -0.09])
    t = np.array([0.04, 0.12, length, length + 0.06, length, 0.12, 0.04])
    canvas.paint([body.at(u, t)], fabric, canvas.new("tie"), axis=45.0)


def scarf(canvas: Canvas, body: Body, fabric: Fabric, rng: np.random.Generator) -> None:
    """Wound around the neck, with one end hanging."""
    owner, unit = canvas.new("scarf"), body.unit
    side = rng.choice([-1, 1])
    tail = body.at([0.25 * side, 0.32 * side, 0.3 * side], [0.02, 0.3, rng.uniform(0.35, 0.85)])
    canvas.paint(tube(tail, [0.1 * unit, 0.14 * unit, 0.16 * unit], caps=False), fabric, owner)
    loop = body.at([-1.1, -0.35, 0.3, 1.1], [-0.1, 0.04, 0.05, -0.1])
    canvas.paint(
        tube(loop, [0.1 * unit, 0.17 * unit, 0.17 * unit, 0.1 * unit]), fabric, owner, axis=80.0
    )


def cape(canvas: Canvas, body: Body, fabric: Fabric, rng: np.random.Generator) -> None:
    """Over the shoulders and the arms, open in front."""
    hem, wide, gap = rng.uniform(0.75, 1.5), rng.uniform(0.35, 0.6), rng.uniform(0.05, 0.35)
    rings = []
    for sign in (-1, 1):
        u = np.array([0.9, 1, 1, 1, 1, 1, 0.5, gap, gap, 0.3]) * sign
        t = np.array([-0.12, -0.04, 0.12, 0.4, hem, hem, hem + 0.06, hem + 0.03, 0.4, -0.02])
        stand = np.array([0, 0.06, 0.16, 0.6 * wide, wide, wide, 0, 0, 0, 0])
        rings.append(curve(body.at(u, t, stand), closed=True))
    canvas.paint(rings, fabric, canvas.new("cape"))


def glove(canvas: Canvas, body: Body, color: Fabric, side: int) -> None:
    """A hand in a glove with a cuff."""
    cuff = part_of(body.arms[side], 0.88, 1.0)
    radius = body.arm_radii[2] + 0.02 * body.unit
    shape = hand(body, side, 0.015) + tube(cuff, [radius] * 4, caps=False)
    canvas.paint(shape, color, canvas.new("glove"))


def watch(canvas: Canvas, body: Body, color: Fabric, side: int) -> None:
    """A strap around the wrist and its face."""
    owner, at = canvas.new("watch"), part_of(body.arms[side], 0.93, 0.99)
    canvas.paint(tube(at, [body.arm_radii[2] + 0.01 * body.unit] * 4, caps=False), color, owner)
    dial = [disc(at.mean(axis=0), 0.07 * body.unit)]
    canvas.paint(dial, uniform([0.85, 0.82, 0.72]), owner, volume=0.5)


def glasses(canvas: Canvas, body: Body, color: Fabric, rng: np.random.Generator) -> None:
    """Frame and lenses, clear or dark; the lenses belong to the mask."""
    owner, unit, look = canvas.new("glasses"), body.unit, 0.28 * body.turn
    eyes = [body.face(look + s * 0.4, 0.05)[0] for s in (-1, 1)]
    rx, ry = 0.145 * unit, unit * rng.uniform(0.095, 0.14)
    bridge = tube(body.face([look - 0.1, look + 0.1], 0.02), [0.016 * unit] * 2)
    arms = tube(body.face([look - 0.7, -0.98], [0.0, 0.02]), [0.014 * unit] * 2)
    arms += tube(body.face([look + 0.7, 0.98], [0.0, 0.02]), [0.014 * unit] * 2)
    dark = rng.random() < 0.5
    rims = [disc(eye, rx, ry, -body.head_tilt) for eye in eyes]
    canvas.paint(bridge + arms, color, owner, volume=0.0)
    canvas.paint(rims, color, owner, opacity=0.9 if dark else 0.55, volume=0.3)
    lens = uniform([0.12, 0.12, 0.14] if dark else [0.85, 0.88, 0.9])
    inner = [disc(eye, 0.8 * rx, 0.78 * ry, -body.head_tilt) for eye in eyes]
    canvas.paint(inner, lens, owner, opacity=0.9 if dark else 0.4, volume=0.0)


def hat(canvas: Canvas, body: Body, fabric: Fabric, rng: np.random.Generator) -> None:
    """A cap, a beanie or a hat with a brim."""
    owner, unit = canvas.new("hat"), body.unit
    kind = rng.choice(["cap", "beanie", "brim"])
    top = {"cap": -1.28, "beanie": -1.4, "brim": -1.75}[str(kind)]
    wide = 0.8 if kind == "brim" else 0.98
    x = [-1.1, -1.12, -wide, 0, wide, 1.12, 1.1, 0]
    y = [-0.4, -0.7, 0.9 * top, top, 0.9 * top, -0.7, -0.4, -0.3]
    crown = curve(body.face(x, y), closed=True)
    axis = -body.head_tilt
    if kind == "brim":
        size = rng.uniform(0.65, 0.85)
        brim = disc(body.face(0, -0.52)[0], size * unit, 0.2 * unit, body.head_tilt)
        canvas.paint([brim], fabric, owner, axis=axis)
        canvas.paint([crown], fabric, owner, axis=axis)
        band = curve(
            body.face([-1.05, 0, 1.05, 1.05, 0, -1.05], [-0.62, -0.5, -0.62, -0.8, -0.68, -0.8]),
            closed=True,
        )
        canvas.paint(
            [band], uniform(0.4 * fabric.tile.mean(axis=(0, 1))), owner, volume=0.4, within=owner
        )
    else:
        canvas.paint([crown], fabric, owner, axis=axis)
        if kind == "cap":
            side = body.turn * 0.9
            peak = disc(body.face(side, -0.4)[0], 0.38 * unit, 0.1 * unit, body.head_tilt)
            canvas.paint([peak], fabric, owner, axis=axis)
        else:
            cuff = curve(
                body.face(
                    [-1.13, 0, 1.13, 1.1, 0, -1.1], [-0.75, -0.68, -0.75, -0.36, -0.28, -0.36]
                ),
                closed=True,
            )
            canvas.paint([cuff], fabric, owner, axis=axis + 90)


def headband(canvas: Canvas, body: Body, fabric: Fabric) -> None:
    """Around the forehead."""
    x, y = [-1.12, 0, 1.12, 1.1, 0, -1.1], [-0.6, -0.72, -0.6, -0.38, -0.5, -0.38]
    owner = canvas.new("headband, head covering, hair accessory")
    canvas.paint([curve(body.face(x, y), closed=True)], fabric, owner)


def bag(canvas: Canvas, body: Body, fabric: Fabric, rng: np.random.Generator, style: str) -> None:
    """A handbag in one hand, or a bag across the body on a strap."""
    owner, unit = canvas.new("bag, wallet"), body.unit
    leather = uniform(pick_color(rng, style), 0.4)
    side = int(rng.integers(2))
    wide, high = unit * rng.uniform(0.25, 0.5), unit * rng.uniform(0.25, 0.5)
    hanging = body.arms[side, 2, 1] > body.arms[side, 1, 1] + 0.8 * unit
    if hanging and rng.random() < 0.5:
        grip = body.arms[side, 2] + vector(0, 0.3 * unit)
        middle = grip + vector(0, 0.35 * unit + high)
        handle = curve(
            [middle + vector(-0.6 * wide, -high), grip, middle + vector(0.6 * wide, -high)]
        )
        canvas.paint(tube(handle[::3], [0.025 * unit] * 2), leather, owner)
    else:
        sign = 2 * side - 1
        middle = body.at(0.95 * sign, 1.12, 0.1)[0]
        strap = np.concatenate([body.at([-0.75 * sign, 0.0], [-0.02, 0.5]), [middle]])
        canvas.paint(tube(strap, [0.035 * unit] * 3), leather, owner)
    x = np.array([-1, -0.92, 0.92, 1, 1.08, 1.08, -1.08, -1.08])
    y = np.array([-0.9, -1, -1, -0.9, 0.9, 1, 1, 0.9])
    canvas.paint([middle + np.stack([x * wide, y * high], axis=1)], fabric, owner)
    flap = np.stack(
        [np.array([-1, 1, 0.9, 0, -0.9]) * wide, np.array([-1, -1, 0, 0.2, 0]) * high], axis=1
    )
    canvas.paint(
        [middle + flap], leather if rng.random() < 0.5 else fabric, owner, volume=0.7, within=owner
    )
