"""The report of a round as one HTML page that opens without a network. Pure: text in, text out."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from curation.rounds.proof import Proof

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 600, 16, 184
"""Pixels of the drawing between which the curve lies."""


@dataclass(frozen=True)
class Table:
    """A table of the page; the first column is text."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Picture:
    """A picture, and what stands under it.

    Attributes:
        url: a data URL
    """

    url: str
    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """Pictures under a heading."""

    title: str
    about: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Curve:
    """A mark for each round, and lines with a figure behind them, in pixels of the drawing."""

    spans: Sequence[Mapping[str, float | str]]
    ticks: Sequence[Mapping[str, float | str]]


@dataclass(frozen=True)
class Page:
    """All that is on the page.

    Attributes:
        about, verdict, measured_on: lines under the heading; the last one may be empty
        tables: by their headings
        curve: of the rounds so far; None where none is closed
        colors: of the classes in the pictures, like '#1f77b4'
    """

    dataset: str
    round: str
    about: str
    verdict: str
    measured_on: str
    tables: Mapping[str, Table]
    curve: Curve | None
    colors: Mapping[str, str]
    sections: Sequence[Section]


def render(page: Page) -> str:
    """The page as HTML; what comes from files is escaped."""
    from jinja2 import Environment, StrictUndefined  # a tenth of a second, for this verb alone

    text = resources.files("curation.rounds").joinpath("page.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(text).render(page=page)


def data_url(jpeg: bytes) -> str:
    """A JPEG inside of the page."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def curve(proofs: Mapping[str, Proof]) -> Curve | None:
    """Mean IoU before and after each round.

    Args:
        proofs: of the closed rounds, by name, oldest first
    """
    if not proofs:
        return None
    figures = [
        v for p in proofs.values() for v in (p.comparison.miou.before, p.comparison.miou.after)
    ]
    low, high = min(figures) - 0.02, max(figures) + 0.02
    width = (_RIGHT - _LEFT) / len(proofs)

    def y(value: float) -> float:
        return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 1)

    spans: list[Mapping[str, float | str]] = []
    for number, (name, proof) in enumerate(proofs.items()):
        x, miou = _LEFT + number * width, proof.comparison.miou
        spans.append({
            "name": name, "x1": round(x, 1), "x2": round(x + width * 0.8, 1),
            "y1": y(miou.before), "y2": y(miou.after),
        })  # fmt: skip
    lines = [low + (high - low) * part / 4 for part in range(5)]
    ticks: list[Mapping[str, float | str]] = [{"y": y(v), "label": f"{v:.2f}"} for v in lines]
    return Curve(spans, ticks)
