import io
import logging

import pytest
from rich.console import Console

from curation.core import console
from curation.core.finding import Finding, FindingKind


def test_labels_that_look_like_markup_are_shown_as_they_are():
    stream = io.StringIO()
    Console(file=stream, width=60).print(console.table(("label",), [("[red]x[/red]",)]))
    assert "[red]x[/red]" in stream.getvalue()


MARKUP = r"[/red] [old] \[x] :bag: \\"
"""What a label or a path may hold: rich would fail on it, swallow it or draw a bag."""


def test_a_table_shows_every_text_as_it_is():
    stream = io.StringIO()
    Console(file=stream, width=99).print(console.table((MARKUP,), [(MARKUP,)], MARKUP))
    assert stream.getvalue().count(MARKUP) == 3


@pytest.mark.parametrize(("write", "stream"), [("say", "err"), ("tell", "out")])
def test_a_line_is_printed_as_it_is(capsys, write, stream):
    getattr(console, write)(MARKUP)
    getattr(console, write)("x" * 500, "bold red")
    assert getattr(capsys.readouterr(), stream).splitlines() == [MARKUP, "x" * 500]


def test_the_consoles_print_no_markup(capsys):
    console.out.print(MARKUP)
    console.err.print(MARKUP)
    assert [s.strip() for s in capsys.readouterr()] == [MARKUP, MARKUP]


def test_a_bar_shows_its_description_as_it_is():
    stream = io.StringIO()
    bars = console._bars()
    bars.add_task(f"import {MARKUP}", total=1)
    Console(file=stream, width=200).print(bars.get_renderable())
    assert f"import {MARKUP}" in stream.getvalue()


def test_what_the_library_logs_is_a_line_on_stderr_while_bars_are_drawn(capsys):
    log = logging.getLogger("curation.steps.export")
    with console.bars() as progress:
        progress("export", 0, 2)
        log.info("Took %d edits into the journal.", 3)
        progress("export", 2, 2, "done")
    log.info("nobody hears this")
    assert capsys.readouterr().err.splitlines() == ["Took 3 edits into the journal."]


def test_kinds_are_counted_most_frequent_first():
    kinds = FindingKind.TINY, FindingKind.EMPTY, FindingKind.TINY
    found = [Finding(kind, "a.csv:2") for kind in kinds]
    assert console.count_kinds(found) == "tiny mask (2), empty mask (1)"


def test_a_list_of_findings_goes_when_there_are_none_left(tmp_path):
    path = tmp_path / "skipped.csv"
    found = Finding(FindingKind.TINY, "t.csv:2", 'has "quotes", and commas')
    console.list_findings(path, [found])
    assert path.read_text().splitlines() == [
        "location,kind,detail",
        't.csv:2,tiny mask,"has ""quotes"", and commas"',
    ]
    console.list_findings(path, [])
    assert not path.exists()
