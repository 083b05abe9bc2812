"""The journal on disk: nothing that was confirmed is lost, and nothing is read twice."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from curation.core import rle
from curation.core.errors import FormatError
from curation.review import Journal
from curation.review.journal import decision, summary
from tests.conftest import picture

MASK = rle.encode(picture("##..", "#..."))


@pytest.mark.parametrize(
    "values",
    [
        {"action": "burn"},
        {"action": "keep"},
        {"action": "relabel", "instance_id": "1"},
        {"action": "add", "category": "coat"},
        {"action": "undo"},
        {"action": "redraw", "instance_id": "1"},
    ],
)
def test_half_a_decision_is_refused(values):
    with pytest.raises(ValueError):
        decision(values.pop("action"), "a", **values)


def test_the_journal_gives_back_what_was_written(tmp_path):
    journal = Journal(tmp_path / "decisions.csv")
    written = [
        decision("relabel", 'odd, "name"\n.jpg', "Ann", instance_id="1", category="top, t-shirt"),
        decision("add", "a", instance_id="9", category="coat", mask=rle.to_text(MASK)),
    ]
    journal.append(written[:1])
    journal.append(written[1:])
    assert journal.read() == written
    assert rle.parse(journal.read()[1].mask) == MASK


def test_a_line_torn_by_a_power_cut_is_left_out(tmp_path):
    journal = Journal(tmp_path / "decisions.csv")
    whole = decision("exclude", "a")
    journal.append([whole])
    with journal.path.open("a") as file:
        file.write("f00d,2026-01-01T00:00:00Z,Ann,excl")
    assert journal.read() == [whole]


def test_a_decision_after_a_torn_line_is_not_lost(tmp_path):
    journal = Journal(tmp_path / "decisions.csv")
    first, second = decision("exclude", "a"), decision("exclude", "b")
    journal.append([first])
    with journal.path.open("a") as file:
        file.write("f00d,2026-01-01T00:00:00Z,Ann,excl")
    journal.append([second])
    assert journal.read() == [first, second]


def test_a_wrong_line_is_named(tmp_path):
    journal = Journal(tmp_path / "decisions.csv")
    journal.append([decision("exclude", "a")])
    with journal.path.open("a") as file:
        file.write("1,now,Ann,burn,a" + "," * 8 + "\n")
    with pytest.raises(FormatError, match=r"decisions.csv:3: 'burn'"):
        journal.read()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("decision_id,", "id,", ":1: the first line is not decision_id,time"),
        (",reviewer", ",action", ":1: the first line is not decision_id,time"),
        ("Z,Ann", ",Ann", ":2: time '.*' or seconds '' cannot be read"),
        (",\n", ",a minute\n", ":2: time '.*' or seconds 'a minute' cannot be read"),
    ],
)
def test_a_journal_that_was_changed_is_refused(tmp_path, old, new, reason):
    journal = Journal(tmp_path / "decisions.csv")
    journal.append([decision("exclude", "a", "Ann")])
    journal.path.write_text(journal.path.read_text().replace(old, new, 1))
    with pytest.raises(FormatError, match=reason):
        Journal(journal.path).read()


def test_a_journal_is_read_on_from_where_it_was_left(tmp_path):
    """Two processes share a journal; each reads what the other appended, and only that."""
    mine, theirs = (Journal(tmp_path / "decisions.csv") for _ in range(2))
    first, second = decision("exclude", "a"), decision("exclude", "b\nc")
    mine.append([first])
    assert theirs.read() == [first]
    mine.append([second])
    before = theirs.read()[0]
    assert theirs.read() == [first, second]
    assert theirs.read()[0] is before, "what was read before is not parsed again"


def test_threads_that_read_one_journal_at_once_each_have_all_of_it(tmp_path):
    Journal(tmp_path / "decisions.csv").append([decision("exclude", f"{i}") for i in range(2000)])
    journal, begin = Journal(tmp_path / "decisions.csv"), Barrier(4)

    def read(_):
        begin.wait()
        return len(journal.read())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, range(4))) == [2000] * 4


def test_another_journal_in_its_place_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "decisions.csv"
    journal, other = Journal(path), Journal(tmp_path / "other.csv")
    journal.append([decision("exclude", name) for name in "abc"])
    assert len(journal.read()) == 3
    restored = [decision("exclude", name) for name in "xyzuvw"]
    other.append(restored)
    other.path.replace(path)
    assert journal.read() == restored
    path.unlink()
    assert journal.read() == []


def test_a_journal_of_an_earlier_build_is_read(tmp_path):
    """Its columns were fewer, and whoever wrote it did not know this version."""
    path = tmp_path / "decisions.csv"
    path.write_text(
        "decision_id,time,reviewer,action,image_id,instance_id,category\n"
        "1f,2026-01-01T00:00:00Z,Ann,relabel,a,9,skirt\n"
    )
    (only,) = Journal(path).read()
    assert (only.action, only.category, only.taxonomy) == ("relabel", "skirt", "")


def test_what_was_decided_at_once_is_one_line():
    feet = decision("relabel", "a", "Ann", instance_id="1", category="coat")
    redrawn = decision("redraw", "a", "Ann", instance_id="1", mask=rle.to_text(MASK))
    assert summary([feet, redrawn]) == "Ann relabelled it to coat in a"
    other = decision("keep", "a", "Ann", instance_id="2")
    assert summary([feet, redrawn, other]) == "Ann relabelled it to coat in a, and 1 more"
    assert summary([feet, decision("exclude", "b", "Ann")]) == "2 decisions"


def test_a_journal_of_an_earlier_build_gets_the_new_columns_at_the_next_decision(tmp_path):
    path = tmp_path / "decisions.csv"
    earlier = "decision_id,time,reviewer,action,image_id,instance_id,category,taxonomy,mask,undoes"
    path.write_text(f"{earlier}\n1f,2026-01-01T00:00:00Z,Ann,relabel,a,9,skirt,five,,\n")
    mine, theirs = Journal(path), Journal(path)
    (first,) = theirs.read()
    second = decision("keep", "a", "Bea", instance_id="9", seconds="2.5", batch="77")
    mine.append([second])
    assert path.read_text().splitlines()[0] == earlier + ",batch,before,seconds"
    assert mine.read() == theirs.read() == Journal(path).read() == [first, second]


def test_what_a_decision_did_is_a_sentence():
    drawn = rle.to_text(MASK)
    said = {
        decision(action, "a", "Ann", instance_id="1", **values).sentence
        for action, values in {
            "keep": {"before": "feet"},
            "delete": {"before": "feet"},
            "add": {"category": "coat", "mask": drawn},
            "redraw": {"before": "coat", "mask": drawn},
            "exclude": {},
        }.items()
    }
    assert said == {"Ann kept the feet", "Ann deleted the feet", "Ann added coat",
                    "Ann redrew the coat", "Ann excluded the photo"}  # fmt: skip
    dismissed = decision("delete", "a", "Ann", instance_id="1", category="coat", mask=drawn)
    assert dismissed.sentence == "Ann dismissed the coat"


def test_a_name_of_two_lines_is_one_line_of_the_journal(tmp_path):
    journal = Journal(tmp_path / "decisions.csv")
    journal.append([decision("exclude", "a", " Ann\r\n B. ")])
    assert [d.reviewer for d in Journal(journal.path).read()] == ["Ann B."]
    for odd in ("a\rb", "a\ud800"):
        with pytest.raises(ValueError):
            decision("exclude", odd)


def test_what_is_no_csv_is_said_each_time_and_nothing_of_it_kept(tmp_path):
    journal = Journal(tmp_path / "decisions.csv")
    journal.append([decision("exclude", "a")])
    with journal.path.open("a", newline="") as file:
        file.write("1,2,a\rb\n")
    for _ in range(2):
        with pytest.raises(FormatError, match="new-line"):
            journal.read()
