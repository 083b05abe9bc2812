"""The table "what makes what stale", cell by cell, and as the documentation has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from curation.rounds.staleness import PRODUCTS, STALE_BY, stale
from curation.rounds.state import Basis, State

THEN = Basis("taxonomy", "photos", "sources", "decision")
README = Path(__file__).parents[2] / "curation" / "README.md"
EVENTS = {
    "decisions": "decisions were taken",
    "sources": "the annotation file was corrected",
    "taxonomy": "the taxonomy was changed",
    "photos": "photos came or went",
}


def in_the_documentation():
    """(product, event): whether the table has a yes there."""
    table = README.read_text("utf-8").split("| what a round made | ")[1].split("\n\n")[0]
    header, _, *rows = table.splitlines()
    events = [cell.strip() for cell in header.strip("|").split("|")]
    for row in rows:
        product, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        yield from (((product, e), c.startswith("yes")) for e, c in zip(events, cells, strict=True))


@pytest.mark.parametrize(("cell", "expected"), list(in_the_documentation()))
def test_each_cell_of_the_table_is_what_status_says(cell, expected):
    product, event = cell
    part = next(part for part, why in EVENTS.items() if why == event)
    now = replace(THEN, **{part: "another"})
    found = stale(dict.fromkeys(PRODUCTS, THEN), now)
    assert ((product, event) in found) is expected


def test_the_table_has_every_cell():
    cells = {cell for cell, _ in in_the_documentation()}
    assert cells == {(p, e) for p in STALE_BY for e in EVENTS.values()}


def test_what_is_not_made_yet_is_not_stale_and_what_is_the_same_neither():
    assert stale({}, THEN) == []
    assert stale(dict.fromkeys(State, THEN), THEN) == []
