"""What a review comes to, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from curation.core import rle
from curation.core.taxonomy import SOURCE
from curation.review import Decision, Review, statistics
from curation.review.journal import decision as decide
from curation.review.statistics import Pace, Tally
from curation.review.suspect import FAULT, MISSING, SOURCE_LABEL
from tests.conftest import picture
from tests.review.test_resolve import ACTIVE
from tests.review.test_suspect import suspect

MASK = rle.to_text(rle.encode(picture("##.", "...")))


def said(action: str, key: str, time: str = "10:00:00", who: str = "anna", **values) -> Decision:
    d = decide(action, "a", who, instance_id=key, **values)
    return replace(d, time=f"2026-03-02T{time}Z")


def computed(*decisions: Decision, kinds=None, left=()):
    return statistics.compute(Review(decisions, ACTIVE), kinds or {}, left)


def test_a_doubt_is_right_where_something_was_changed_and_wrong_where_it_was_kept():
    kinds = {str(i): "wrong category" for i in range(4)} | {"7": MISSING, "8": MISSING}
    told = computed(
        said("keep", "0"),
        said("relabel", "1", category="skirt"),
        said("delete", "2", before="shirt"),
        said("redraw", "3", mask=MASK),
        said("delete", "5", before="shirt"),  # nobody had doubted it
        said("add", "7", category="coat", mask=MASK),
        said("delete", "8", category="coat", mask=MASK),
        kinds=kinds,
        left=[suspect("10"), suspect("11", kind=SOURCE_LABEL)],
    )
    assert told.by_kind == {
        "wrong category": Tally(wrong=3, right=1, left=1),
        MISSING: Tally(wrong=1, right=1),
        SOURCE_LABEL: Tally(left=1),
    }
    assert [t.precision for t in told.by_kind.values()] == [0.75, 0.5, 0.0]
    assert (told.decided, told.left) == (7, 2)


def test_of_a_deleted_label_that_was_kept_the_doubt_was_wrong():
    told = computed(said("delete", "1"), said("keep", "1"), kinds={"1": "wrong category"})
    assert told.by_kind == {"wrong category": Tally(right=1)}


def test_what_a_file_brought_along_at_once_makes_nobody_fast():
    imported = [replace(said("keep", str(i), "09:59:00"), batch="file") for i in range(50)]
    told = computed(*imported, said("keep", "60", "10:00:00"), said("keep", "61", "10:01:00"))
    assert (told.decided, told.pace.an_hour) == (52, 60)


def test_a_simulated_curator_has_no_pace():
    told = computed(
        said("keep", "1", "11:00:00"),
        said("keep", "2", "11:00:20"),
        said("keep", "3", "11:00:00", who="simulated"),
        said("keep", "4", "11:00:01", who="simulated"),
    )
    assert told.pace == Pace(4, 180.0, None)
    assert told.by_reviewer["simulated"] == Pace(2, None, None)


def test_a_photo_counts_as_a_label_does_and_has_no_class():
    told = computed(
        said("include", "", before="near-duplicate photo, other labels: only here: 'skirt'"),
        replace(said("exclude", ""), image_id="b"),
        kinds={"a": FAULT, "b": FAULT},
    )
    assert told.by_kind == {FAULT: Tally(wrong=1, right=1)}
    assert (told.decided, dict(told.by_class)) == (2, {})


def test_a_doubted_photo_whose_labels_were_mirrored_at_once_was_doubted_rightly():
    def redrawn(key, photo, **values):
        return replace(said("redraw", key, mask=MASK, batch="b", **values), image_id=photo)

    kinds = dict.fromkeys("abcd", "mirrored labels") | {"e": FAULT}
    told = computed(
        redrawn("1", "a", seconds="9.0"), redrawn("2", "a"),
        replace(said("include", ""), image_id="b"),
        redrawn("3", "c", seconds="4.0"),  # one label
        redrawn("4", "d", seconds="4.0"), redrawn("5", "d", seconds="4.0"),  # of a wall
        redrawn("6", "e"), redrawn("7", "e"),
        kinds=kinds,
    )  # fmt: skip
    assert told.by_kind == {"mirrored labels": Tally(wrong=1, right=1)}


def test_the_last_word_counts_but_to_keep_what_was_changed_takes_nothing_back():
    kinds = {"1": "wrong category", "2": "wrong category"}
    told = computed(
        said("keep", "1"),
        said("relabel", "1", who="ben", category="skirt", before="shirt"),
        said("relabel", "2", category="skirt", before="shirt"),
        said("keep", "2", who="ben", before="skirt"),
        kinds=kinds,
    )
    assert told.by_kind == {"wrong category": Tally(wrong=2)}
    assert told.confusion == {("shirt", "skirt"): 2}
    assert told.decided == 2
    assert {who: pace.decisions for who, pace in told.by_reviewer.items()} == {"anna": 2, "ben": 2}


def test_a_label_is_of_the_class_that_it_had_before_anybody_decided():
    kinds = {"1": "wrong category", "2": "wrong category"}
    told = computed(
        said("relabel", "1", category="coat", before="shirt"),
        said("relabel", "1", category="skirt", before="coat"),
        said("relabel", "2", category="coat", before="shirt"),
        said("relabel", "2", category="shirt", before="coat"),
        kinds=kinds,
    )
    assert told.confusion == {("shirt", "skirt"): 1}
    assert told.by_class == {"shirt": Tally(wrong=1, right=1)}
    assert told.by_kind == {"wrong category": Tally(wrong=1, right=1)}


def test_a_missing_garment_that_went_along_with_its_label_was_not_asked_about():
    relabel = said("relabel", "1", category="skirt", before="shirt", batch="b")
    redraw = said("redraw", "1", mask=MASK, before="skirt", batch="b", seconds="8.0")
    along = said("delete", "2", category="skirt", mask=MASK, batch="b")
    told = computed(relabel, redraw, along, kinds={"1": "wrong category", "2": MISSING})
    assert told.by_kind == {"wrong category": Tally(wrong=1)}
    assert told.confusion == {("shirt", "skirt"): 1}
    assert told.pace == Pace(1, None, 8.0)
    # On the wall many are dismissed at once, and each of them was asked about.
    wall = [said("delete", key, category="coat", mask=MASK, batch="c") for key in "34"]
    assert computed(*wall, kinds={"3": MISSING, "4": MISSING}).by_kind == {MISSING: Tally(right=2)}


def test_a_missing_garment_that_a_file_dismisses_beside_a_label_of_its_photo_counts():
    in_a_file = {"batch": "file", "category": "coat", "mask": MASK}
    kept, dismissed = said("keep", "1", batch="file"), said("delete", "2", **in_a_file)
    told = computed(kept, dismissed, kinds={"1": "wrong category", "2": MISSING})
    assert told.by_kind == {"wrong category": Tally(right=1), MISSING: Tally(right=1)}
    assert told.decided == 2


def test_by_given_class_and_by_what_became_of_it():
    told = computed(
        said("relabel", "1", category="parka", taxonomy=SOURCE, before="shirt"),
        said("relabel", "2", category="parka", taxonomy=SOURCE, before="coat"),
        said("keep", "3", before="coat"),
        said("add", "4", category="skirt", mask=MASK),
        said("relabel", "5", category="trousers", before="shirt"),  # of another taxonomy
        left=[suspect("9", label="skirt")],
    )
    assert told.by_class == {
        "skirt": Tally(wrong=1, left=1),
        "shirt": Tally(wrong=2),
        "coat": Tally(wrong=1, right=1),
    }
    assert told.confusion == {("shirt", "coat"): 1}


def test_an_hour_of_work_has_no_pauses():
    told = computed(
        said("keep", "1", "10:59:50", seconds="4.0"),
        said("keep", "2", "11:00:00", seconds="10.0"),
        said("keep", "3", "11:00:30", seconds="6.0"),
        said("keep", "4", "11:30:00"),  # after lunch
        said("keep", "5", "11:00:10", who="ben"),
        said("keep", "6", "11:00:20", who="ben"),
    )
    # Two decisions in 40 s, one in 10 s, and three in 50 s.
    assert told.by_reviewer == {"anna": Pace(4, 180.0, 6.0), "ben": Pace(2, 360.0, None)}
    assert told.pace == Pace(6, pytest.approx(216.0), 6.0)
    ten, eleven = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (10, 11))
    assert told.by_hour == {ten: {"anna": 1}, eleven: {"anna": 3, "ben": 2}}


def test_a_wall_after_a_pause_makes_nobody_fast():
    wall = [said("keep", str(i), "10:00:00", batch="wall", seconds="2.0") for i in range(50)]
    wall[-1] = replace(wall[-1], time="2026-03-02T10:00:01Z")  # it took a moment to write
    told = computed(*wall, said("keep", "60", "10:01:00"), said("keep", "61", "10:02:00"))
    assert (told.pace.decisions, told.pace.an_hour) == (52, 60)


def test_before_the_first_decision_there_is_no_pace():
    told = computed(left=[suspect("1")])
    assert (told.decided, told.left, told.pace) == (0, 1, Pace(0, None, None))
    assert not told.by_hour
    assert not told.confusion
