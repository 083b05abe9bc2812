"""``issues.csv``, written and read without holding it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core import rle
from curation.core.errors import CurateError
from curation.issues import issue_table
from curation.issues.issue import SUSPECT, Issue

MASK = rle.encode(np.eye(4, dtype=bool))
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


def issue(image_id: str, number: int, score: float, **more) -> Issue:
    return Issue(image_id, f"{number:024x}", "t.csv:2", "top", score, "spurious", "", "", **more)


@st.composite
def issues(draw) -> list[Issue]:
    images = draw(st.lists(TEXT.filter(bool), unique=True, max_size=4))
    return [
        issue(
            image_id, 10 * i + j, draw(st.floats(0, 1)), source_label=draw(TEXT),
            source_error_score=draw(st.none() | st.floats(0, 1)),
            mask=draw(st.sampled_from([None, MASK])),
        )
        for i, image_id in enumerate(images)
        for j in range(draw(st.integers(0, 3)))
    ]  # fmt: skip


@given(rows=issues(), decided=st.sets(st.integers(0, 33)))
def test_it_is_what_pandas_writes_of_the_same_rows_sorted(rows, decided, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "issues.csv"
    ids = {f"{number:024x}" for number in decided}
    counts = issue_table.write(path, rows, ids)
    cells = [[getattr(row, name) for name in Issue.__slots__] for row in rows]
    table = pd.DataFrame(cells, columns=list(Issue.__slots__))
    table["mask"] = [rle.to_text(row.mask) if row.mask else None for row in rows]
    table["decided"] = np.array([row.instance_id in ids for row in rows], bool)
    order = ["decided", "error_score", "image_id", "instance_id"]
    table = table.sort_values(order, ascending=[True, False, True, True])
    assert path.read_bytes().decode() == table.to_csv(index=False, lineterminator="\n")
    left = table[~table["decided"]]
    assert counts.rows == len(rows)
    assert counts.suspects == (left["error_score"] >= SUSPECT).sum()
    sources = left["source_error_score"].astype(float)
    assert counts.suspect_source_labels == (sources >= SUSPECT).sum()


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(issue_table, "_CHUNK", 3)
    rows = [issue("a", n, n / 20, source_error_score=1 - n / 20) for n in range(20)]
    issue_table.write(tmp_path / "issues.csv", rows, {f"{19:024x}"})
    return tmp_path / "issues.csv"


def test_the_first_rows_by_another_score_are_found_in_all_of_it(path):
    rows = issue_table.read(path, "source_error_score", lambda r: r.head(4), again="flag again")
    assert rows.source_error_score.tolist() == [1.0, 0.95, 0.9, 0.85]
    assert rows.error_score.tolist() == [0, 0.05, 0.1, 0.15]


def test_of_no_issue_there_is_a_table_without_rows(tmp_path):
    issue_table.write(tmp_path / "issues.csv", [])
    rows = issue_table.read(tmp_path / "issues.csv", "error_score", again="flag again")
    assert rows.image_id.tolist() == []


def test_those_that_were_decided_on_come_last(path):
    rows = issue_table.read(path, "error_score", again="flag again")
    assert rows.error_score.tolist() == [*(n / 20 for n in range(18, -1, -1)), 0.95]
    assert rows.decided.tolist() == [False] * 19 + [True]


def test_a_row_that_was_not_written_so_is_named_by_its_line(path):
    lines = path.read_text().splitlines(keepends=True)
    lines[15] = lines[15].replace(",0.2,", ",2,")
    path.write_text("".join(lines))
    with pytest.raises(CurateError, match=r"issues.csv:16: .*flag again"):
        issue_table.read(path, "error_score", again="flag again")
