"""One cell of a row changes, however the row is quoted; the steps' tests have whole files."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core import rle
from curation.core.records import Instance
from curation.formats import imaterialist
from curation.formats.change import Change

COLUMNS = ["note", *imaterialist.COLUMNS, "AttributesIds", "more"]
COAT = Instance("coat", rle.from_pairs("5 2 10 1", 4, 6), "train.csv:3")
notes = st.text(st.characters(exclude_categories=["C"]) | st.sampled_from('",; \t'), max_size=6)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("rewritten") / "train.csv"


@given(
    st.lists(notes, min_size=6, max_size=6),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(
        [replace(COAT, category="hat"), replace(COAT, mask=rle.from_pairs("1 3", 4, 6))]
    ),
)
def test_one_cell_differs_and_no_other_byte(file, notes, quoting, end, after):
    out = io.StringIO()
    rows = [[a, "a.jpg", "5 2 10 1", 4, 6, 9, "1,2", b] for a, b in zip(notes, notes, strict=True)]
    csv.writer(out, quoting=quoting, lineterminator=end).writerows([COLUMNS, *rows])
    before = out.getvalue().encode()
    file.write_bytes(before)
    target = file.with_name("new.csv")
    imaterialist.rewrite(file, target, [Change(COAT.source, COAT, after)])
    made = target.read_bytes()
    old, new = before.splitlines(keepends=True), made.splitlines(keepends=True)
    assert old[:2] + old[3:] == new[:2] + new[3:]
    (was,), (now,) = (csv.reader([line.decode().rstrip("\r\n")]) for line in (old[2], new[2]))
    different = [(c, n) for c, w, n in zip(COLUMNS, was, now, strict=True) if w != n]
    assert different == [("ClassId", "14") if after.category == "hat" else ("EncodedPixels", "1 3")]
    for cells in (old, new):
        assert cells[2].endswith(end.encode())
