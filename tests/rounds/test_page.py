"""The page of a round: what stands on it, escaped, and its curve."""

from __future__ import annotations

from curation.rounds import page
from curation.rounds.comparison import Change, Comparison, Interval
from curation.rounds.page import Page, Picture, Section, Table, curve, render
from curation.rounds.proof import Proof

EVIL = "<script>alert(1)</script>"


def proof(before, after):
    change = Change(before, after, Interval(after - before, 0, 0))
    return Proof(Comparison(9, change, {}), {}, {}, {})


def test_what_comes_from_files_is_escaped_wherever_it_stands():
    picture = Picture(page.data_url(b"jpeg"), f'" onerror="x {EVIL}', EVIL)
    tables = {EVIL: Table((EVIL, EVIL), [(EVIL, EVIL)])}
    sections = [Section(EVIL, EVIL, [picture])]
    text = render(Page(EVIL, EVIL, EVIL, EVIL, EVIL, tables, None, {EVIL: EVIL}, sections))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 14
    assert '" onerror' not in text
    assert '<img src="data:image/jpeg;base64,anBlZw=="' in text


def test_a_table_without_rows_and_a_section_without_pictures_are_not_there():
    sections = [Section("Best calls", "", [])]
    text = render(
        Page("d", "r001", "", "", "", {"Relabelled": Table(("a",), [])}, None, {}, sections)
    )
    assert "Relabelled" not in text
    assert "Best calls" not in text


def test_each_round_is_a_line_that_rises_where_it_helped():
    drawn = curve({"r001": proof(0.4, 0.5), "r002": proof(0.5, 0.45)})
    first, second = drawn.spans
    assert first["y1"] > first["y2"]  # downwards, as pixels are counted
    assert second["y1"] < second["y2"]
    assert first["y2"] == second["y1"]
    assert first["x2"] < second["x1"]
    assert curve({}) is None
