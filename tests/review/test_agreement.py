"""What reviewers agree on; alpha against the literature's worked example."""

from __future__ import annotations

import pytest

from curation.core import rle
from curation.review import agreement
from curation.review.agreement import Agreement, alpha
from curation.review.journal import decision
from tests.conftest import picture

MASK = rle.to_text(rle.encode(picture("##.", "...")))

# K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), part C: nominal data, four
# observers, twelve units, and missing values.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def said(who: str, action: str, key: str = "1", before: str = "feet", **values):
    return decision(action, "a", who, instance_id=key, before=before, **values)


def test_alpha_is_that_of_the_literature():
    columns = zip(*(row.split() for row in OBSERVERS), strict=True)
    units = [[value for value in column if value != "."] for column in columns]
    assert alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_alpha_of_two_observers_of_ten_units():
    # Part A of the same: binary data.
    meg, owen = "0100000000", "1110010100"
    assert alpha(zip(meg, owen, strict=True)) == pytest.approx(0.095, abs=5e-4)


@pytest.mark.parametrize("units", [[], [["a"]], [["a", "a"], ["a", "a"]]])
def test_alpha_is_undefined_where_nothing_can_differ(units):
    assert alpha(units) is None


def test_two_who_say_different_things_of_a_label_are_listed_with_what_they_said():
    found = agreement.compare([
        said("anna", "keep"),
        said("bea", "relabel", category="lower-body"),
        said("anna", "keep", "2"),
        said("bea", "keep", "2"),
        said("anna", "delete", "3", "accessories"),
    ])  # fmt: skip
    (only,) = found.disagreements
    assert (only.image_id, only.instance_id, only.category) == ("a", "1", "feet")
    assert only.said == {"anna": "it is feet", "bea": "it is lower-body"}
    assert found.whole == Agreement(2, 1, alpha([["f", "l"], ["f", "f"]]))
    assert set(found.by_class) == {"feet"}, "of accessories one reviewer spoke alone"


def test_the_same_class_is_no_disagreement_however_it_came_about():
    found = agreement.compare([
        said("anna", "relabel", category="lower-body"),
        said("bea", "keep", before="lower-body"),
    ])  # fmt: skip
    assert (found.whole.labels, found.whole.agreed, found.disagreements) == (1, 1, [])


def test_what_was_overruled_counts_and_what_its_own_reviewer_took_back_does_not():
    slip = said("bea", "delete")
    taken_back = decision("undo", "a", "bea", undoes=slip.decision_id)
    overruled = decision("undo", "a", "anna", undoes=slip.decision_id)
    kept = said("anna", "keep")
    assert agreement.compare([kept, slip, taken_back]).disagreements == []
    (only,) = agreement.compare([slip, overruled, kept]).disagreements
    assert only.said == {"bea": "deleted it", "anna": "it is feet"}


def test_a_deleted_label_that_is_kept_is_what_it_was():
    deleted, back = said("anna", "delete"), said("bea", "keep", before="")
    (only,) = agreement.compare([deleted, back]).disagreements
    assert only.said == {"anna": "deleted it", "bea": "it is feet"}
    assert agreement.compare([deleted, back, said("anna", "keep", before="")]).whole.agreed == 1


def test_of_one_reviewer_the_last_word_counts_and_a_missing_garment_is_no_label():
    found = agreement.compare([
        said("anna", "delete"),
        said("anna", "relabel", category="lower-body"),
        said("bea", "redraw", mask=MASK),
        said("anna", "delete", "9", category="coat", mask=MASK),
        said("bea", "delete", "9", category="coat", mask=MASK),
    ])  # fmt: skip
    (only,) = found.disagreements
    assert only.said == {"anna": "it is lower-body", "bea": "redrew it"}
    assert found.whole.labels == 1
