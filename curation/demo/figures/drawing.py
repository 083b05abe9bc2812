"""Draws one dressed person in a scene, from the background to the hat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.demo.figures import accessories, clothes, person, scene
from curation.demo.figures.body import SIDES, Body, pose
from curation.demo.figures.canvas import Canvas
from curation.demo.figures.fabric import Fabric, pick_color, uniform, weave
from curation.demo.figures.outfit import STYLES, Outfit, choose
from curation.demo.figures.shapes import polar

FEWEST_PIXELS = 20
"""A garment with fewer visible pixels is left out."""


@dataclass(frozen=True, slots=True)
class Garment:
    """One garment or garment part as seen in the photo.

    Attributes:
        category: its name in iMaterialist 2020, e.g. ``shirt, blouse``
        mask: (H, W) its visible pixels
    """

    category: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figure:
    """A photo of a person and the truth about it.

    Attributes:
        image: (H, W, 3) RGB
        garments: clothes from the skin outwards, then accessories and parts; the
            masks do not overlap, except those of parts (sleeve, collar, pocket
            and the like), which lie on the mask of their garment
        style: bohemian | preppy | streetwear
    """

    image: NDArray[np.uint8]
    garments: tuple[Garment, ...]
    style: str


def draw_figure(
    rng: np.random.Generator, height: int = 384, width: int = 256, style: str | None = None
) -> Figure:
    """Draws somebody in clothes; the same generator state gives the same bytes.

    Args:
        rng: decides everything that is not given
        height, width: size of the photo in pixels
        style: bohemian | preppy | streetwear, or any of them

    Raises:
        ValueError: an unknown style
    """
    if style is None:
        style = str(rng.choice(STYLES))
    elif style not in STYLES:
        raise ValueError(f"style {style!r} is not one of {', '.join(STYLES)}")
    body = pose(rng, height, width)
    light = -polar(rng.uniform(-70, 70), 1.0)
    image = scene.background(rng, height, width, style, light)
    scene.floor_shadow(image, body, light)
    canvas = Canvas(image, light, scene.creases(rng), body.unit)
    _dress(canvas, body, choose(rng, style, body.unit), rng, style)
    return Figure(scene.develop(canvas.image, rng), _visible(canvas), style)


def _visible(canvas: Canvas) -> tuple[Garment, ...]:
    found = []
    for number, category in enumerate(canvas.categories, start=1):
        mask = (canvas.owner == number) | (canvas.part == number)
        if np.count_nonzero(mask) >= FEWEST_PIXELS:
            found.append(Garment(category, mask))
    return tuple(found)


def _dress(
    canvas: Canvas, body: Body, outfit: Outfit, rng: np.random.Generator, style: str
) -> None:
    """Paints the person and the outfit, what lies behind first."""
    who = person.looks(rng)
    # numbers in the order of wearing; painting goes another way where a coat has a lining
    lower = canvas.new(outfit.lower.category) if outfit.lower else 0
    jumpsuit = outfit.uppers[0].category == "jumpsuit"
    uppers = [
        lower if jumpsuit and i == 0 else canvas.new(upper.category)
        for i, upper in enumerate(outfit.uppers)
    ]

    def limb(side: int) -> None:
        person.arm(canvas, body, who, side)
        for upper, owner in zip(outfit.uppers, uppers, strict=True):
            if upper.sleeve:
                clothes.sleeve(canvas, body, upper, owner, side)

    person.back_hair(canvas, body, who)
    for upper, owner in zip(outfit.uppers, uppers, strict=True):
        if upper.opening and upper.hem > 1.3:
            clothes.lining(canvas, body, upper, owner)
    for side in SIDES:
        if body.arm_behind[side]:
            limb(side)
    person.legs_and_trunk(canvas, body, who)
    slim = outfit.lower is not None and outfit.lower.slack < 0.06
    boots_over = outfit.shoes == "boots" and slim and rng.random() < 0.7
    _legwear(canvas, body, outfit, rng, style, shoes=not boots_over)
    first = outfit.uppers[0], uppers[0]
    if outfit.tucked:
        clothes.upper_body(canvas, body, *first, rng)
    if outfit.lower:
        clothes.lower_body(canvas, body, outfit.lower, lower, rng)
    if boots_over:
        _shoes(canvas, body, outfit, rng, style)
    if not outfit.tucked:
        clothes.upper_body(canvas, body, *first, rng)
    if "belt" in outfit.extras:
        _belt(canvas, body, outfit, rng, style)
    if "tie" in outfit.extras:
        fabric = weave(rng, style, 0.6 * body.unit)
        accessories.tie(canvas, body, fabric, rng.uniform(0.45, 0.75))
    for upper, owner in zip(outfit.uppers[1:], uppers[1:], strict=True):
        clothes.upper_body(canvas, body, upper, owner, rng)
    for side in SIDES:
        if not body.arm_behind[side]:
            limb(side)
    _accessories(canvas, body, outfit, who, rng, style)


def _legwear(
    canvas: Canvas, body: Body, outfit: Outfit, rng: np.random.Generator, style: str, shoes: bool
) -> None:
    """Tights or socks, shoes, leg warmers: under trousers, seen below skirts."""
    if "tights, stockings" in outfit.extras and (outfit.lower is None or outfit.lower.hem < 2.3):
        accessories.tights(canvas, body, weave(rng, style, body.unit), rng)
    elif "sock" in outfit.extras:
        fabric, height = weave(rng, style, 0.6 * body.unit), rng.uniform(0.55, 0.92)
        for side in SIDES:
            accessories.sock(canvas, body, fabric, side, height)
    if shoes:
        _shoes(canvas, body, outfit, rng, style)
    if "leg warmer" in outfit.extras:
        fabric = weave(rng, style, body.unit)
        for side in SIDES:
            accessories.leg_warmer(canvas, body, fabric, side)


def _shoes(
    canvas: Canvas, body: Body, outfit: Outfit, rng: np.random.Generator, style: str
) -> None:
    color = _leather(rng, style)
    if outfit.shoes != "none":
        for side in SIDES:
            accessories.shoe(canvas, body, color, outfit.shoes, side)


def _belt(canvas: Canvas, body: Body, outfit: Outfit, rng: np.random.Generator, style: str) -> None:
    """At the waistband, or around the waist of a dress; not under a top that hangs over it."""
    if outfit.lower is None:
        accessories.belt(canvas, body, _leather(rng, style), 0.57, outfit.uppers[0].ease)
    elif outfit.tucked or outfit.uppers[0].hem < outfit.lower.waist:
        accessories.belt(canvas, body, _leather(rng, style), outfit.lower.waist + 0.01, 0.02)


def _accessories(
    canvas: Canvas,
    body: Body,
    outfit: Outfit,
    who: person.Looks,
    rng: np.random.Generator,
    style: str,
) -> None:
    """What is put on last, and the head."""
    wears, unit = outfit.extras, body.unit
    if "cape" in wears:
        accessories.cape(canvas, body, weave(rng, style, unit), rng)
    if "watch" in wears:
        accessories.watch(canvas, body, _leather(rng, style), int(rng.integers(2)))
    if "bag, wallet" in wears:
        accessories.bag(canvas, body, weave(rng, style, unit), rng, style)
    if "glove" in wears:
        color = _leather(rng, style)
        for side in SIDES:
            accessories.glove(canvas, body, color, side)
    person.head(canvas, body, who, rng)
    if "scarf" in wears:
        accessories.scarf(canvas, body, weave(rng, style, unit), rng)
    if "glasses" in wears:
        accessories.glasses(canvas, body, _leather(rng, style), rng)
    if "hat" in wears:
        accessories.hat(canvas, body, weave(rng, style, unit), rng)
    elif "headband, head covering, hair accessory" in wears:
        accessories.headband(canvas, body, weave(rng, style, unit))


def _leather(rng: np.random.Generator, style: str) -> Fabric:
    return uniform(pick_color(rng, style), creased=0.4)
