"""A round's file: what is written is read, and what is damaged is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.core.errors import FormatError
from curation.rounds import state
from curation.rounds.state import Basis, Round, State

THEN = Basis("t", "p", "s", "")
ROUND = Round(
    "r002", State.FLAGGED, "r001", "r001_after", "r002_after", 3, {"size": 320, "ema": True},
    since="ab", made_of={State.TRAINED: THEN, State.PREDICTED: THEN},
)  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    for round_ in (ROUND, replace(ROUND, begun=Basis("t", "p", "s", "later"))):
        state.write(tmp_path / "r002", round_)
        assert state.read(tmp_path / "r002") == round_


def test_rounds_are_listed_oldest_first_and_what_a_kill_left_of_a_start_is_none(tmp_path):
    for name in ("r010", "r002"):
        state.write(tmp_path / name, ROUND)
    (tmp_path / "r011").mkdir()
    (tmp_path / "notes").mkdir()
    assert [r.name for r in state.list_rounds(tmp_path)] == ["r002", "r010"]
    assert state.list_rounds(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("line", "instead", "found"),
    [
        ('state = "flagged"', "state = ", "is no TOML any more"),
        ('state = "flagged"', "", "state: is None"),
        ('state = "flagged"', 'state = "done"', "state: 'done' is none of started, trained,"),
        ("folds = 3", 'folds = "3"', "folds: is '3'"),
        ("[settings]", "[other]", "has no settings"),
        ('taxonomy = "t"', "", "trained: does not name decisions, photos,"),
        ('taxonomy = "t"', "taxonomy = 1", "trained.taxonomy: is no text"),
    ],
)
def test_a_damaged_file_is_named_with_the_place_and_the_way_out(tmp_path, line, instead, found):
    state.write(tmp_path / "r002", ROUND)
    path = tmp_path / "r002" / state.FILE
    path.write_text(path.read_text().replace(line, instead, 1))
    with pytest.raises(FormatError, match=f"{found}.*(restore it|Expected|Invalid)") as error:
        state.read(tmp_path / "r002")
    assert "round.toml" in str(error.value)
    assert "restore it" in str(error.value)
