"""Checks by themselves: which labels can be one, what is right, and the file of answers."""

from __future__ import annotations

import pytest

from curation.core.errors import FormatError
from curation.review import checks, resolve
from curation.review.checks import FILE, Answer, Answers, Check, Hits
from curation.review.journal import decision


def kept(key: str, *people: str):
    return [decision("keep", "a", who, instance_id=key) for who in people]


def answered(action: str, check: Check, who: str = "cleo", key: str = "1") -> Answer:
    return checks.answer(action, "a", who, instance_id=key, check=check)


def test_only_what_was_kept_and_never_changed_can_be_a_check():
    changed = decision("relabel", "a", "bea", instance_id="2", category="feet")
    back = kept("3", "anna")
    undo = decision("undo", "a", "anna", undoes=back[0].decision_id)
    journal = [*kept("1", "anna"), *kept("2", "anna"), changed, *back, undo]
    found = checks.candidates(resolve(journal), "cleo", [])
    assert [planned.instance_id for planned in found] == ["1"]
    assert found[0].check is not Check.KEPT, "one person alone kept it"


def test_each_check_is_asked_once_of_each_reviewer_and_all_kinds_come_up():
    journal = [d for i in range(60) for d in kept(str(i), "anna", "bea")]
    found = checks.candidates(resolve(journal), "cleo", [answered("keep", Check.KEPT, key="7")])
    assert {planned.check for planned in found} == set(Check)
    assert {planned.instance_id for planned in found} == {str(i) for i in range(60)} - {"7"}
    assert len(checks.candidates(resolve(journal), "dan", [])) == 60
    assert [p.instance_id for p in found] != sorted(p.instance_id for p in found)


def test_right_is_to_keep_what_two_kept_and_anything_else_of_a_planted_error():
    assert answered("keep", Check.KEPT).right
    assert not answered("delete", Check.KEPT).right
    assert not answered("keep", Check.CLASS).right
    assert answered("relabel", Check.CLASS).right
    assert answered("redraw", Check.SHIFTED).right


def test_hits_are_counted_by_reviewer():
    given = [
        answered("keep", Check.KEPT),
        answered("keep", Check.CLASS),
        answered("delete", Check.SHIFTED),
        answered("delete", Check.KEPT, "dan"),
    ]
    found = checks.hits(given)
    assert found == {"cleo": Hits(planted=2, caught=1, kept=1, left_alone=1), "dan": Hits(kept=1)}
    assert [h.sentence for h in found.values()] == ["2 of 3 (67 %)", "0 of 1 (0 %)"]


def test_answers_are_kept_line_by_line_and_taken_back(tmp_path):
    file = Answers(tmp_path / FILE)
    assert file.read() == []
    first, second = answered("keep", Check.KEPT), answered("delete", Check.CLASS, "Ann\nB.")
    file.append([first])
    with file.path.open("ab") as torn:
        torn.write(b'{"answer_id": "9')
    file.append([second])
    assert Answers(file.path).read() == [first, second]
    assert second.reviewer == "Ann B."
    undo = checks.answer(
        "undo", "a", "cleo", instance_id="1", check=Check.KEPT, undoes=first.answer_id
    )
    file.append([undo])
    assert (file.read(), len(file.every())) == ([second], 3)


@pytest.mark.parametrize("line", ["{", "[1]", '{"answer_id": "1"}', "\udc80", "5"])
def test_a_damaged_line_is_named(tmp_path, line):
    file = Answers(tmp_path / FILE)
    file.append([answered("keep", Check.KEPT)])
    with file.path.open("ab") as out:
        out.write(line.encode(errors="surrogateescape") + b"\n")
    with pytest.raises(FormatError, match=rf"{FILE}:2: is no answer to a check"):
        file.read()
