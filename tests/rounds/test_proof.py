"""What reviewers did in a round, and the file that keeps it."""

from __future__ import annotations

import pytest

from curation.core.errors import FormatError
from curation.review.journal import Decision
from curation.rounds import proof
from curation.rounds.comparison import Change, Comparison, Interval
from curation.rounds.proof import Proof, minutes, what_changed

CHANGE = Change(0.4, 0.5, Interval(0.1, 0.05, 0.15))
PROOF = Proof(
    Comparison(9, CHANGE, {"dress": CHANGE}, frozen=True),
    {"missing": (2, 3)},
    {"keep": 4},
    {"ann": 1.5},
)


def said(minute, reviewer="ann", action="keep", instance="1", **values):
    time = f"2026-03-02T10:{minute:02d}:00Z"
    values = {"instance_id": instance, "category": "feet", **values}
    return Decision(f"{reviewer}{minute}{instance}", time, reviewer, action, "a", **values)


def test_a_label_counts_once_by_what_was_said_last_of_it():
    decisions = [said(1), said(2, action="delete"), said(3, instance="2")]
    assert what_changed(decisions) == {"delete": 1, "keep": 1}


def test_a_changed_label_that_somebody_kept_then_was_changed():
    assert what_changed([said(1, action="relabel"), said(2, reviewer="bob")]) == {"relabel": 1}


def test_a_missing_garment_that_was_dismissed_is_no_label_that_was_deleted():
    changed = said(1, action="relabel", batch="b", seconds="4.0")
    along = said(1, action="delete", instance="2", batch="b", mask="1 1 0")
    by_itself = said(2, action="delete", instance="3", mask="1 1 0", seconds="2.0")
    gone = said(3, action="delete", instance="4", seconds="2.0")
    assert what_changed([changed, along, by_itself, gone]) == {
        "relabel": 1, "dismiss": 1, "delete": 1,
    }  # fmt: skip


def test_minutes_are_those_between_decisions_but_for_pauses():
    decisions = [said(0, seconds="30"), said(2), said(5), said(40, seconds="60"), said(41)]
    assert minutes(decisions) == {"ann": pytest.approx(0.5 + 2 + 3 + 1 + 1)}


def test_a_wall_after_a_pause_took_the_seconds_of_all_its_tiles():
    wall = [said(40, instance=str(n), batch="wall", seconds="3.0") for n in range(20)]
    assert minutes([said(0, seconds="30"), *wall, said(42)]) == {"ann": pytest.approx(0.5 + 1 + 2)}


def test_what_a_file_brought_at_once_took_nobodys_time():
    assert minutes([said(n, batch="file") for n in range(5)]) == {}
    assert minutes([said(0), said(1, reviewer="bob"), said(3)]) == {"ann": 3, "bob": 0}


def test_the_file_gives_back_what_was_written(tmp_path):
    assert proof.read(tmp_path) is None
    proof.write(tmp_path, PROOF)
    assert proof.read(tmp_path) == PROOF


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"comparison": {"photos": "many"}}',
                                  '{"comparison": {"photos": Infinity, "iou": {}}}'])  # fmt: skip
def test_a_damaged_file_is_said(tmp_path, text):
    (tmp_path / proof.FILE).write_text(text)
    with pytest.raises(FormatError, match=r"proof\.json: is no proof of a round any more"):
        proof.read(tmp_path)
