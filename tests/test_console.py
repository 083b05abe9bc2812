import io

from rich.console import Console

from curation import console
from curation.records import Skip


def test_labels_that_look_like_markup_are_shown_as_they_are():
    stream = io.StringIO()
    Console(file=stream, width=60).print(console.table(("label",), [("[red]x[/red]",)]))
    assert "[red]x[/red]" in stream.getvalue()


def test_kinds_are_counted_most_frequent_first():
    skips = [Skip("a", "bad row"), Skip("b", "no photo"), Skip("c", "bad row")]
    assert console.count_kinds(skips) == "2 bad row, 1 no photo"


def test_a_list_of_skips_goes_when_there_are_none_left(tmp_path):
    path = tmp_path / "skipped.csv"
    console.list_skips(path, [Skip("t.csv:2", "bad row", 'has "quotes", and commas')])
    assert path.read_text().splitlines() == [
        "where,kind,detail",
        't.csv:2,bad row,"has ""quotes"", and commas"',
    ]
    console.list_skips(path, [])
    assert not path.exists()
