"""The decisions of one machine, written to a file and taken by another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.core import rle
from curation.core.errors import FormatError
from curation.review import agreement, journal
from curation.rounds import proof
from curation.steps import export_decisions, import_decisions
from curation.store import decisions
from curation.store.decisions import Request
from tests.store.test_store import CORNER, dataset, labels, records  # noqa: F401 - fixtures

MASK = rle.to_text(rle.encode(CORNER))
ADDED, DISMISSED = "c" * 24, "d" * 24


@pytest.fixture
def file(dataset, tmp_path):  # noqa: F811
    """Of two reviewers, several on one label, one on a garment that only a run here found."""
    shirt = labels(dataset)["shirt, blouse"].id
    decisions.decide(dataset, [Request("delete", "a", shirt)], "anna")
    decisions.decide(dataset, [Request("keep", "a", shirt)], "anna")
    decisions.decide(dataset, [Request("add", "a", ADDED, "feet", mask=MASK)], "bea")
    decisions.decide(dataset, [Request("relabel", "a", ADDED, "upper-body")], "anna")
    found = journal.decision("delete", "b", "bea", instance_id=DISMISSED, category="feet",
                             taxonomy=dataset.taxonomy.name, mask=MASK)  # fmt: skip
    dataset.journal.append([found])
    path = tmp_path / "all.csv"
    assert export_decisions(dataset, path) == 5
    return path


def called(dataset):  # noqa: F811
    (record,) = dataset.records("labels", ["a"])
    return [(x.instance_id, x.category, x.mask) for x in record.instances]


def test_another_machine_gets_the_same_labels_and_twice_changes_nothing(dataset, file):  # noqa: F811
    there = called(dataset)
    dismissed = dataset.review().missing_status
    assert import_decisions(dataset, file) == []
    dataset.journal.path.unlink()
    decisions.labels.rebuild(dataset, ["a", "b"])
    assert len(import_decisions(dataset, file)) == 5
    assert called(dataset) == there
    assert dataset.review().missing_status == dismissed
    assert import_decisions(dataset, file) == []


def test_a_decision_of_elsewhere_keeps_its_time_its_batch_and_its_seconds(dataset, tmp_path):  # noqa: F811
    path = tmp_path / "elsewhere.csv"
    of = "action,image_id,reviewer,time,seconds,batch"
    path.write_text(f"{of}\nexclude,a,bea,2026-03-02T10:00:00Z,3.5,b1\nexclude,b,bea,,,\n")
    first, second = import_decisions(dataset, path)
    assert (first.time, first.seconds, first.batch) == ("2026-03-02T10:00:00Z", "3.5", "b1")
    assert second.time > "2026-03-02T10:00:00Z"
    assert second.batch not in ("", "b1"), "what has no batch is one that is taken back at once"
    export_decisions(dataset, path)
    dataset.journal.path.unlink()
    decisions.labels.rebuild(dataset, ["a", "b"])
    again = import_decisions(dataset, path)
    assert [(d.time, d.seconds, d.batch) for d in again] == [
        (d.time, d.seconds, d.batch) for d in (first, second)
    ]


def test_who_kept_a_label_on_another_machine_does_not_agree_with_who_relabelled_it_here(
    dataset,  # noqa: F811
    tmp_path,
):
    shirt = labels(dataset)["shirt, blouse"].id
    decisions.decide(dataset, [Request("keep", "a", shirt)], "bea")
    export_decisions(dataset, tmp_path / "there.csv")
    decisions.undo(dataset, "bea")
    dataset.journal.path.unlink()
    decisions.labels.rebuild(dataset, ["a"])
    decisions.decide(dataset, [Request("relabel", "a", shirt, "feet")], "anna")
    (kept,) = import_decisions(dataset, tmp_path / "there.csv")
    assert kept.before == "upper-body"
    (only,) = agreement.compare(dataset.journal.read()).disagreements
    assert only.said == {"anna": "it is feet", "bea": "it is upper-body"}


def test_a_time_of_another_zone_is_noted_in_utc(dataset, tmp_path):  # noqa: F811
    path = tmp_path / "zones.csv"
    rows = ["exclude,a,bea,2026-03-02T11:05:00.7+02:00", "exclude,b,bea,2026-03-02T09:00:00Z"]
    path.write_text("\n".join(["action,image_id,reviewer,time", *rows, ""]))
    taken = import_decisions(dataset, path)
    assert [d.time for d in taken] == ["2026-03-02T09:05:00Z", "2026-03-02T09:00:00Z"]
    assert proof.minutes([replace(d, batch="") for d in taken]) == {"bea": 5}


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("yesterday", ""),
        ("2026-03-02", ""),
        ("0001-01-01T00:00:00+10:00", ""),
        ("", "soon"),
        ("", "nan"),
        ("", "-1"),
    ],
)
def test_what_is_no_time_is_refused_with_its_line(dataset, tmp_path, time, seconds):  # noqa: F811
    path = tmp_path / "times.csv"
    path.write_text(f"action,image_id,time,seconds\nexclude,a,{time},{seconds}\n")
    with pytest.raises(FormatError, match=r"no time|no number") as refused:
        import_decisions(dataset, path)
    assert refused.value.where == "2"
    assert dataset.journal.read() == []


def test_only_what_is_new_in_a_longer_file_is_taken(dataset, file):  # noqa: F811
    lines = file.read_text().splitlines(keepends=True)
    dataset.journal.path.unlink()
    decisions.labels.rebuild(dataset, ["a", "b"])
    file.write_text("".join(lines[:2]))
    import_decisions(dataset, file)
    file.write_text("".join(lines))
    assert [d.action for d in import_decisions(dataset, file)][:2] == ["keep", "add"]


def test_of_an_import_nobody_takes_back_what_another_one_decided(dataset, file):  # noqa: F811
    dataset.journal.path.unlink()
    decisions.labels.rebuild(dataset, ["a", "b"])
    import_decisions(dataset, file)
    assert {d.reviewer for d in decisions.undo(dataset, "anna")} == {"anna"}
    assert {d.reviewer for d in dataset.review().active} == {"bea"}


@pytest.mark.parametrize("instance_id", ["", "sleeve", "{shirt}"])
def test_a_label_is_not_added_under_an_id_that_cannot_be_its_own(dataset, tmp_path, instance_id):  # noqa: F811
    """The journal is written first: what the dataset cannot hold must not get into it."""
    path = tmp_path / "add.csv"
    known = instance_id.format(shirt=labels(dataset)["shirt, blouse"].id)
    path.write_text(f"action,image_id,instance_id,category,mask\nadd,a,{known},feet,{MASK}\n")
    with pytest.raises(FormatError, match=r"no id of a label|already"):
        import_decisions(dataset, path)
    assert dataset.journal.read() == []


def test_a_row_that_excludes_a_photo_may_name_the_label_that_it_was_about(dataset, tmp_path):  # noqa: F811
    path = tmp_path / "exclude.csv"
    path.write_text("action,image_id,instance_id,category\nexclude,a,123,feet\n")
    (decision,) = import_decisions(dataset, path)
    assert (decision.instance_id, decision.category) == ("", "")
    assert import_decisions(dataset, path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"action;image_id;instance_id\nexclude;a;\n", "separated by semicolons"),
        (b"action\timage_id\texport\nexclude\ta\t\n", "separated by tabs"),
        ("action,image_id\nexclude,a\n".encode("utf-16"), "UTF-16 text"),
        (b"PK\x03\x04", "a spreadsheet's own"),
        (b"what,image_id\nexclude,a\n", "no column action"),
    ],
)
def test_what_a_spreadsheet_writes_is_named_for_what_it_is(
    dataset,  # noqa: F811
    tmp_path,
    content,
    message,
):
    path = tmp_path / "of-a-spreadsheet.csv"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        import_decisions(dataset, path)


def test_a_file_taken_again_over_a_later_decision_can_be_taken_back(dataset, tmp_path):  # noqa: F811
    shirt = labels(dataset)["shirt, blouse"].id
    path = tmp_path / "patch.csv"
    path.write_text(
        "action,image_id,instance_id,reviewer,batch\n"
        f"delete,a,{shirt},anna,b1\nexclude,b,,anna,b1\n"
    )
    assert len(import_decisions(dataset, path)) == 2
    decisions.decide(dataset, [Request("keep", "a", shirt)], "anna")
    assert len(import_decisions(dataset, path)) == 1
    back = [[d.action for d in decisions.undo(dataset, "anna")] for _ in range(4)]
    assert back == [["delete"], ["keep"], ["delete", "exclude"], []]
