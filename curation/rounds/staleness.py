"""What makes what stale: a round's products, and what happened since each was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from curation.rounds.state import Basis, State

DECISIONS = "decisions were taken"
SOURCES = "the annotation file was corrected"
TAXONOMY = "the taxonomy was changed"
PHOTOS = "photos came or went"

_CHANGED = {"decisions": DECISIONS, "sources": SOURCES, "taxonomy": TAXONOMY, "photos": PHOTOS}
"""What happened, by the part of a :class:`Basis` that is another one."""

PRODUCTS: Mapping[State, str] = {
    State.TRAINED: "models",
    State.PREDICTED: "predictions",
    State.FLAGGED: "suspects",
}
"""What each step of a round makes."""

STALE_BY: Mapping[str, frozenset[str]] = {
    "models": frozenset({DECISIONS, SOURCES, TAXONOMY, PHOTOS}),
    # Of the models as they are: labels do not enter.
    "predictions": frozenset({TAXONOMY, PHOTOS}),
    # What was decided on leaves the queue by itself; the rest is doubted as it was.
    "suspects": frozenset({SOURCES, TAXONOMY, PHOTOS}),
}
"""What makes each product stale."""


class Stale(NamedTuple):
    """A product that is not of the dataset as it is, and what happened since it was made."""

    product: str
    why: str


def stale(made_of: Mapping[State, Basis], now: Basis) -> list[Stale]:
    """The products of a round that something of now makes stale, in the order of the steps.

    Args:
        made_of: what each step was made of, as far as they are done
        now: what it would be made of
    """
    return [
        Stale(product, why)
        for step, product in PRODUCTS.items()
        if step in made_of
        for why in _changes(made_of[step], now)
        if why in STALE_BY[product]
    ]


def _changes(then: Basis, now: Basis) -> list[str]:
    return [why for part, why in _CHANGED.items() if getattr(then, part) != getattr(now, part)]
