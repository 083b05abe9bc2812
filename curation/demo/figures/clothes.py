"""Paints tops, coats, dresses, trousers and skirts onto a body."""

from __future__ import annotations

import numpy as np

from curation.demo.figures.body import SIDES, Body
from curation.demo.figures.canvas import Canvas
from curation.demo.figures.fabric import Fabric, uniform
from curation.demo.figures.outfit import Lower, Upper
from curation.demo.figures.shapes import Points, curve, disc, part_of, tube

Chart = list[tuple[float, float, float]]
"""Points as (u, t, ease), see ``Body.at``."""

_NECKLINES: dict[str, Chart] = {
    # from the middle of the chest to where the garment meets the shoulder
    "round": [(0, 0.07, 0), (0.22, 0.03, 0), (1.05, -0.09, 0)],
    "vee": [(0, 0.3, 0), (0, 0.3, 0), (1.0, -0.09, 0)],
    "scoop": [(0, 0.2, 0), (0.3, 0.15, 0), (0.5, -0.03, 0)],
    "straps": [(0, 0.24, 0), (0.38, 0.22, 0), (0.52, -0.01, 0)],
    "high": [(0, -0.14, 0), (0.7, -0.17, 0), (0.85, -0.1, 0.02)],
}


def upper_body(
    canvas: Canvas, body: Body, garment: Upper, owner: int, rng: np.random.Generator
) -> None:
    """Paints a garment without its sleeves."""
    outer = _outer_edge(garment)
    hem = _ripple(garment.hem, garment.flare, rng)
    neck = _NECKLINES[garment.neck]
    if garment.opening == 0:
        right = neck[1:] + outer
        rings = [_mirrored(body, neck[:1], right, hem)]
    else:
        gap = garment.opening
        inner: Chart = [(gap * 1.15, garment.hem, 0), (gap * 1.15, garment.hem, 0)]
        inner += [(gap, 0.6, 0), (0.7 * gap, 0.3, 0), (0.5, -0.03, 0)]
        panel = [neck[-1], *outer, *inner]
        rings = [curve(_on(body, panel, sign), closed=True) for sign in (-1, 1)]
    canvas.paint(rings, garment.fabric, owner)
    _trimmings(canvas, body, garment, owner, rng)


def lining(canvas: Canvas, body: Body, garment: Upper, owner: int) -> None:
    """Paints the inside of the back of an open long garment, seen beside and between the legs."""
    dark = uniform(0.45 * garment.fabric.tile.mean(axis=(0, 1)), 0.6)
    right: Chart = [(0.9, 0.2, 0), (0.9, 0.6, 0), (0.9, garment.hem - 0.02, 0)]
    ring = _on(body, right, 1).tolist() + _on(body, right[::-1], -1).tolist()
    canvas.paint([np.array(ring)], dark, owner)


def sleeve(canvas: Canvas, body: Body, garment: Upper, owner: int, side: int) -> None:
    """Paints one sleeve, which is a part of its own on its garment."""
    path = part_of(body.arms[side], 0.0, garment.sleeve)
    ease = body.unit * (0.02 + 0.6 * garment.ease)
    joints = np.array(body.arm_radii) + ease
    radii = np.interp(np.linspace(0, 2 * garment.sleeve, 4), (0, 1, 2), joints)
    radii[-1] += 0.25 * ease
    shape = [*tube(path, radii.tolist(), caps=False), disc(path[0], radii[0])]
    x, y = path[-1] - path[0]
    canvas.paint(
        shape,
        garment.fabric,
        owner,
        part=canvas.new("sleeve"),
        axis=float(np.rad2deg(np.arctan2(x, y))),
    )


def lower_body(
    canvas: Canvas, body: Body, garment: Lower, owner: int, rng: np.random.Generator
) -> None:
    """Paints trousers, shorts or a skirt."""
    if garment.category == "skirt":
        right: Chart = [(1.02, garment.waist, 0.02)] * 2
        right += [(1, 0.95, 0.05), (1, 1.0 + 0.6 * (garment.hem - 1), 0.05 + 0.6 * garment.slack)]
        right.append((1, garment.hem, 0.04 + garment.slack))
        middle: Chart = [(0, garment.waist + 0.02, 0)]
        ring = _mirrored(body, middle, right, _ripple(garment.hem, garment.slack, rng))
        canvas.paint([ring], garment.fabric, owner)
    else:
        _trousers(canvas, body, garment, owner)
    if "pocket" in garment.extras:
        for sign in (-1, 1):
            chart: Chart = [(0.4, 0.86, 0), (0.75, 0.84, 0), (0.72, 1.04, 0), (0.44, 1.05, 0)]
            _part(canvas, "pocket", [_on(body, chart, sign)], garment.fabric, owner)


def _trousers(canvas: Canvas, body: Body, garment: Lower, owner: int) -> None:
    seat: Chart = [(1, garment.waist, 0.02), (1, 0.9, 0.03), (1, 1.2, 0.02), (0.15, 1.24, 0)]
    block = np.concatenate([_on(body, seat, 1), _on(body, seat[::-1], -1)])
    length = (garment.hem - 1) / 2
    loose = np.linspace(0.3 * garment.slack, garment.slack, 4) * body.unit
    known = np.interp(np.linspace(0, 2 * length, 4), (0, 1, 2), body.leg_radii)
    legs = [
        tube(
            part_of(body.legs[side], 0.0, length),
            (known + loose + 0.02 * body.unit).tolist(),
            caps=False,
        )
        for side in SIDES
    ]
    # the legs one after the other, so that shading tells them apart where they touch
    canvas.paint(legs[0], garment.fabric, owner)
    canvas.paint(legs[1], garment.fabric, owner)
    canvas.paint([block], garment.fabric, owner, volume=0.35)


def _outer_edge(garment: Upper) -> Chart:
    """The right edge from the shoulder down to the hem."""
    ease, wide = garment.ease, garment.ease + garment.flare
    bare = garment.sleeve == 0.0
    if garment.neck == "straps":
        edge: Chart = [(0.64, -0.01, 0), (0.66, 0.14, 0), (1.0, 0.3, 0.4 * ease)]
    elif bare:
        edge = [(0.8, -0.02, 0.02), (0.84, 0.12, 0), (1.0, 0.31, 0.5 * ease)]
    else:
        edge = [(0.95, -0.02, 0.03), (1.0, 0.06, 0.03), (1.0, 0.3, 0.5 * ease)]
    edge.append((1, 0.58, ease))
    if garment.hem > 1.25:
        edge.append((1, 0.95, ease + 0.03))
        edge.append((1, 0.5 * (1 + garment.hem), ease + 0.5 * garment.flare))
    return [*edge, (1, garment.hem, wide)]


def _ripple(hem: float, depth: float, rng: np.random.Generator) -> Chart:
    """A hem from right to left that waves more, the wider the cloth falls."""
    waves = 0.03 + 0.07 * rng.random(5) * min(1.0, 3 * depth)
    places = np.linspace(0.85, -0.85, 5)
    return [(float(u), hem + float(w), 0.0) for u, w in zip(places, waves, strict=True)]


def _on(body: Body, chart: Chart, sign: int) -> Points:
    """Points (n, 2) in pixels of a chart drawn for the right side; sign -1 mirrors it."""
    u, t, ease = np.array(chart, dtype=float).T
    return body.at(sign * u, t, ease)


def _mirrored(body: Body, top: Chart, right: Chart, hem: Chart) -> Points:
    """A closed outline: the middle of the neck, the right edge, the hem, the left edge."""
    left = [(-u, t, ease) for u, t, ease in reversed(right)]
    return curve(_on(body, [*top, *right, *hem, *left], 1), closed=True)


def _part(canvas: Canvas, category: str, shape: list[Points], fabric: Fabric, owner: int) -> None:
    canvas.paint(
        shape, fabric, owner, part=canvas.new(category), axis=4.0, volume=0.7, within=owner
    )


def _trimmings(
    canvas: Canvas, body: Body, garment: Upper, owner: int, rng: np.random.Generator
) -> None:
    """Collar, lapels, pockets, buttons, print: parts and decorations on the garment."""
    unit, extras, gap = body.unit, garment.extras, garment.opening
    contrast = uniform(np.clip(garment.fabric.tile.mean(axis=(0, 1)) * rng.uniform(0.4, 1.5), 0, 1))
    if "print" in extras and gap == 0:
        size = unit * rng.uniform(0.15, 0.3)
        at = body.at(0, 0.36)[0]
        shape = [disc(at, size, size * rng.uniform(0.5, 1.1), rng.uniform(0, 90))]
        canvas.paint(shape, contrast, None, opacity=0.85, volume=0.0, within=owner)
    if "hood" in extras:
        chart: Chart = [(1.3, -0.12, 0.05), (0.75, 0.02, 0), (0.3, 0.12, 0), (0.12, 0.02, 0)]
        shape = [curve(_on(body, chart, sign), closed=True) for sign in (-1, 1)]
        canvas.paint(shape, garment.fabric, owner, part=canvas.new("hood"))
    if "collar" in extras:
        chart = [
            (0.03, 0.07, 0),
            (0.2, 0.14, 0),
            (0.42, 0.06, 0),
            (1.05, -0.13, 0),
            (0.6, -0.12, 0),
        ]
        shape = [_on(body, chart, sign) for sign in (-1, 1)]
        canvas.paint(shape, garment.fabric, owner, part=canvas.new("collar"), axis=35.0)
    if "lapel" in extras:
        chart = [(0.9, -0.1, 0), (0.62, 0.1, 0), (0.7, 0.14, 0), (max(gap, 0.05), 0.5, 0)]
        shape = [_on(body, [*chart, (0.6 * gap, 0.25, 0)], sign) for sign in (-1, 1)]
        _part(canvas, "lapel", shape, garment.fabric, owner)
    if "pocket" in extras:
        low = min(garment.hem - 0.12, 1.0)
        chart = [(0.35, low - 0.16, 0), (0.75, low - 0.17, 0), (0.75, low, 0), (0.37, low, 0)]
        if garment.category == "shirt, blouse":
            chart = [
                (0.3, 0.3, 0),
                (0.62, 0.3, 0),
                (0.6, 0.46, 0),
                (0.46, 0.49, 0),
                (0.32, 0.46, 0),
            ]
        for sign in (-1, 1)[: 1 if garment.category == "shirt, blouse" else 2]:
            _part(canvas, "pocket", [_on(body, chart, sign)], garment.fabric, owner)
    if "buttons" in extras:
        start = 0.34 if garment.neck == "vee" else 0.12
        rows = np.arange(start, min(garment.hem, 1.6), 0.14)
        shape = [disc(at, 0.022 * unit) for at in body.at(gap * 0.8, rows)]
        if len(shape):
            canvas.paint(shape, contrast, None, volume=0.0, within=owner)
