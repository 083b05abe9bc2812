"""What somebody wears: a plan of garments, drawn by chance from the habits of a style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation.demo.figures.fabric import Fabric, weave

STYLES = ("bohemian", "preppy", "streetwear")


@dataclass(frozen=True, slots=True)
class Upper:
    """A garment that hangs from the shoulders: a top, a dress, a jumpsuit's bodice, a coat.

    Attributes:
        category: iMaterialist's name
        fabric: what it is made of
        hem: where it ends on the chart of ``Body.at`` (1 hips, 2 knees, 3 ankles)
        ease: how far it stands off the body, in head heights
        flare: how much further it does so at the hem
        neck: round | vee | scoop | straps | high
        sleeve: share of the arm that it covers
        opening: 0 closed, else half the gap in front as a share of the body's half width
        extras: of collar, lapel, pocket, hood, buttons, print
    """

    category: str
    fabric: Fabric
    hem: float
    ease: float
    flare: float
    neck: str
    sleeve: float
    opening: float
    extras: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lower:
    """A garment that hangs from the waist.

    Attributes:
        category: pants, shorts, skirt, or jumpsuit for its trousers
        fabric: what it is made of
        waist, hem: where it starts and ends on the chart of ``Body.at``
        slack: how far it stands off the leg at the hem, in head heights
        extras: of pocket
    """

    category: str
    fabric: Fabric
    waist: float
    hem: float
    slack: float
    extras: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outfit:
    """Everything that one person wears.

    Attributes:
        uppers: from the skin outwards
        lower: None under a dress
        tucked: whether the innermost upper garment goes into the lower one
        shoes: boots | sneakers | pumps | none
        extras: names of further garments, see ``ODDS``
    """

    uppers: tuple[Upper, ...]
    lower: Lower | None
    tucked: bool
    shoes: str
    extras: frozenset[str]


ODDS: dict[str, dict[str, float]] = {
    "bohemian": {
        "hat": 0.3, "headband, head covering, hair accessory": 0.18, "scarf": 0.22, "cape": 0.1,
        "belt": 0.3, "glasses": 0.18, "bag, wallet": 0.4, "glove": 0.03, "watch": 0.1, "sock": 0.25,
        "tights, stockings": 0.3, "leg warmer": 0.06,
    },
    "preppy": {
        "hat": 0.1, "headband, head covering, hair accessory": 0.15, "scarf": 0.2, "cape": 0.05,
        "belt": 0.4, "glasses": 0.3, "bag, wallet": 0.4, "glove": 0.08, "watch": 0.3, "sock": 0.5,
        "tights, stockings": 0.55, "tie": 0.5,
    },
    "streetwear": {
        "hat": 0.45, "headband, head covering, hair accessory": 0.06, "scarf": 0.12, "belt": 0.2,
        "glasses": 0.3, "bag, wallet": 0.45, "glove": 0.08, "watch": 0.2, "sock": 0.6,
        "tights, stockings": 0.3, "leg warmer": 0.04,
    },
}  # fmt: skip
"""Chance of each further garment, where the outfit has a place for it."""

_WHOLE: dict[str, dict[str, float]] = {
    "bohemian": {"dress": 0.4, "jumpsuit": 0.12},
    "preppy": {"dress": 0.25, "jumpsuit": 0.05},
    "streetwear": {"dress": 0.12, "jumpsuit": 0.12},
}
_TOPS: dict[str, dict[str, float]] = {
    "bohemian": {"shirt, blouse": 5, "top, t-shirt, sweatshirt": 4, "sweater": 2},
    "preppy": {"shirt, blouse": 6, "sweater": 3, "top, t-shirt, sweatshirt": 2},
    "streetwear": {"top, t-shirt, sweatshirt": 8, "shirt, blouse": 2, "sweater": 1},
}
_LOWERS: dict[str, dict[str, float]] = {
    "bohemian": {"skirt": 5, "pants": 4, "shorts": 2},
    "preppy": {"pants": 5, "skirt": 4, "shorts": 2},
    "streetwear": {"pants": 7, "shorts": 3, "skirt": 1},
}
_OUTERS: dict[str, dict[str, float]] = {
    "bohemian": {"none": 6, "cardigan": 3, "vest": 2, "coat": 1, "jacket": 1},
    "preppy": {"none": 5, "cardigan": 2, "vest": 2, "coat": 2, "jacket": 4},
    "streetwear": {"none": 5, "jacket": 4, "coat": 1, "vest": 1, "cardigan": 0.5},
}
_SHOES: dict[str, dict[str, float]] = {
    "bohemian": {"boots": 4, "pumps": 3, "sneakers": 1, "none": 0.6},
    "preppy": {"pumps": 5, "sneakers": 2, "boots": 2},
    "streetwear": {"sneakers": 8, "boots": 3, "pumps": 0.5},
}


def choose(rng: np.random.Generator, style: str, unit: float) -> Outfit:
    """A random outfit of a style; ``unit`` is the head height in pixels of who wears it."""
    probability, whole = rng.random(), _WHOLE[style]
    inner = weave(rng, style, unit)
    # sometimes a set of one fabric: two garments that only their outline tells from one
    other = inner if rng.random() < 0.15 else weave(rng, style, unit)
    lower: Lower | None
    if probability < whole["dress"]:
        uppers, lower = [_dress(rng, inner)], None
    elif probability < whole["dress"] + whole["jumpsuit"]:
        uppers = [_top(rng, "jumpsuit", inner)]
        lower = _lower(rng, str(rng.choice(["jumpsuit", "jumpsuit short"], p=[0.8, 0.2])), inner)
    else:
        uppers = [_top(rng, _draw(rng, _TOPS[style]), inner)]
        lower = _lower(rng, _draw(rng, _LOWERS[style]), other)
    over = _draw(rng, _OUTERS[style])
    if over != "none":
        fabric = other if rng.random() < 0.2 else weave(rng, style, unit)
        uppers.append(_outer(rng, over, fabric))
    extras = {name for name, odds in ODDS[style].items() if rng.random() < odds}
    if uppers[0].neck != "round" or "collar" not in uppers[0].extras:
        extras.discard("tie")
    if over in ("coat", "vest"):
        extras.discard("cape")
    tucked = uppers[0].hem <= 1.1 and rng.random() < 0.5
    shoes = _draw(rng, _SHOES[style])
    return Outfit(tuple(uppers), lower, tucked, shoes, frozenset(extras))


def _draw(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    odds = np.array(list(weights.values()), dtype=float)
    return list(weights)[int(rng.choice(len(odds), p=odds / odds.sum()))]


def _some(rng: np.random.Generator, **odds: float) -> frozenset[str]:
    return frozenset(name for name, probability in odds.items() if rng.random() < probability)


def _top(rng: np.random.Generator, category: str, fabric: Fabric) -> Upper:
    ease, flare, hem = rng.uniform(0.02, 0.14), rng.uniform(0, 0.08), rng.uniform(0.72, 1.2)
    sleeve = float(rng.choice([0.0, 0.25, 0.4, 0.6, 0.95], p=[0.15, 0.2, 0.25, 0.1, 0.3]))
    neck = str(rng.choice(["round", "vee", "scoop", "straps", "high"]))
    extras = _some(rng, print=0.3, pocket=0.12)
    if category == "shirt, blouse":
        neck, sleeve = str(rng.choice(["round", "vee"], p=[0.75, 0.25])), max(sleeve, 0.3)
        extras = _some(rng, collar=0.8, buttons=0.8, pocket=0.3)
    elif category == "sweater":
        neck, sleeve = str(rng.choice(["round", "vee", "high"])), 0.95
        ease, extras = ease + 0.06, frozenset[str]()
    elif category == "jumpsuit":
        hem, extras = 0.75, _some(rng, collar=0.3, buttons=0.4)
    elif sleeve > 0.9 and rng.random() < 0.6:  # a sweatshirt
        neck, ease, extras = "round", ease + 0.08, _some(rng, hood=0.6, print=0.4, pocket=0.5)
    if sleeve == 0.0 and neck == "high":
        neck = "scoop"
    if neck == "straps":
        sleeve = 0.0
    return Upper(category, fabric, hem, ease, flare, neck, sleeve, 0.0, extras)


def _dress(rng: np.random.Generator, fabric: Fabric) -> Upper:
    neck = str(rng.choice(["round", "vee", "scoop", "straps"]))
    sleeve = 0.0 if neck == "straps" else float(rng.choice([0.0, 0.25, 0.45, 0.95]))
    hem, flare = rng.uniform(1.35, 2.85), rng.uniform(0.02, 0.45)
    extras = _some(rng, collar=0.15, buttons=0.2)
    return Upper("dress", fabric, hem, rng.uniform(0.01, 0.1), flare, neck, sleeve, 0.0, extras)


def _outer(rng: np.random.Generator, category: str, fabric: Fabric) -> Upper:
    hem = {
        "cardigan": rng.uniform(0.95, 1.7),
        "vest": rng.uniform(0.85, 1.15),
        "jacket": rng.uniform(0.78, 1.2),
        "coat": rng.uniform(1.6, 2.5),
    }[category]
    sleeve = 0.0 if category == "vest" else rng.uniform(0.8, 1.0)
    closed = rng.random() < (0.35 if category == "coat" else 0.2)
    opening = 0.0 if closed else rng.uniform(0.15, 0.65)
    extras = {
        "cardigan": _some(rng, buttons=0.7, pocket=0.3),
        "vest": _some(rng, buttons=0.6, pocket=0.3),
        "jacket": _some(rng, lapel=0.6, pocket=0.6, buttons=0.5),
        "coat": _some(rng, lapel=0.75, pocket=0.6, buttons=0.6),
    }[category]
    ease, flare = rng.uniform(0.1, 0.2), rng.uniform(0, 0.18 if category == "coat" else 0.06)
    return Upper(category, fabric, hem, ease, flare, "vee", sleeve, opening, extras)


def _lower(rng: np.random.Generator, category: str, fabric: Fabric) -> Lower:
    waist = rng.uniform(0.58, 0.78)
    if category == "skirt":
        hem, slack, extras = rng.uniform(1.35, 2.8), rng.uniform(0.0, 0.5), frozenset[str]()
    elif category in ("shorts", "jumpsuit short"):
        hem, slack, extras = rng.uniform(1.3, 1.9), rng.uniform(0.02, 0.12), _some(rng, pocket=0.5)
    else:
        hem, extras = rng.uniform(2.6, 3.05), _some(rng, pocket=0.5)
        slack = rng.uniform(0.01, 0.05) if rng.random() < 0.45 else rng.uniform(0.06, 0.3)
    return Lower(category.removesuffix(" short"), fabric, waist, hem, slack, extras)
