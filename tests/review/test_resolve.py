"""What decisions come to, on two labels drawn by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from curation.core import rle, taxonomy
from curation.core.errors import FormatError
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import SOURCE
from curation.review import resolve
from curation.review.journal import decision as decide
from tests.conftest import picture

MASK = rle.encode(picture("##.", "..."))
LABELS = [
    Instance("shirt", MASK, instance_id="1"),
    Instance("skirt", MASK, instance_id="2"),
]
ACTIVE = taxonomy.parse(
    """
    name = "garments"
    drop = ["sleeve"]
    classes = [
        {id = 1, name = "shirt", color = "#000001", from = ["blouse"]},
        {id = 2, name = "skirt", color = "#000002"},
        {id = 3, name = "coat", color = "#000003", from = ["parka", "jacket"]},
    ]
    """,
    "garments.toml",
)


def outcome(*decisions):
    applied = resolve(decisions, ACTIVE).labels("a", LABELS)
    return [(r.instance.instance_id, r.instance.category, r.status) for r in applied]


def test_keep_marks_and_changes_nothing():
    assert outcome(decide("keep", "a", instance_id="1")) == [
        ("1", "shirt", "kept"),
        ("2", "skirt", ""),
    ]


def test_relabel_changes_the_category():
    changed = decide("relabel", "a", instance_id="2", category="coat")
    assert outcome(changed) == [("1", "shirt", ""), ("2", "coat", "relabelled")]


def test_delete_takes_the_instance_out():
    assert outcome(decide("delete", "a", instance_id="1")) == [("2", "skirt", "")]


def test_add_brings_a_mask_of_its_own():
    added = decide("add", "a", instance_id="9", category="coat", mask=rle.to_text(MASK))
    applied = resolve([added], ACTIVE).labels("a", LABELS)
    assert applied[-1].instance.mask == MASK
    assert outcome(added)[-1] == ("9", "coat", "added")


def test_a_damaged_mask_is_told_with_its_decision():
    torn = decide("redraw", "a", instance_id="1", mask=rle.to_text(MASK)[:-1])
    with pytest.raises(FormatError, match=rf"decisions\.csv:{torn.decision_id}: the mask of this"):
        outcome(torn)


def test_redraw_changes_the_mask_alone():
    drawn = rle.encode(picture("...", "###"))
    redrawn = decide("redraw", "a", instance_id="1", mask=rle.to_text(drawn))
    first, second = resolve([redrawn], ACTIVE).labels("a", LABELS)
    assert (first.instance.mask, first.instance.category, first.status) == (
        drawn, "shirt", "redrawn")  # fmt: skip
    assert second.instance == replace(LABELS[1], category="skirt", source_label="skirt")
    renamed = decide("relabel", "a", instance_id="1", category="coat")
    (first, _) = resolve([renamed, redrawn], ACTIVE).labels("a", LABELS)
    assert (first.instance.mask, first.instance.category) == (drawn, "coat")
    record = ImageRecord("a", Path("a.jpg"), 2, 3, tuple(LABELS))
    left = resolve([redrawn], ACTIVE).source_record(record).instances
    assert [x.mask for x in left] == [drawn, MASK]


def test_a_photo_is_left_out_until_it_is_taken_in_again():
    out, back = decide("exclude", "a"), decide("include", "a")
    assert resolve([out, decide("exclude", "b")]).excluded == {"a", "b"}
    assert resolve([out, back]).excluded == set()
    assert resolve([out, back, decide("exclude", "a")]).excluded == {"a"}
    assert resolve([out, back]).on_photos["a"] is back
    assert outcome(out, back) == outcome()


def test_the_last_decision_on_an_instance_counts():
    first = decide("relabel", "a", instance_id="1", category="coat")
    second = decide("relabel", "a", instance_id="1", category="skirt")
    assert outcome(first, second)[0] == ("1", "skirt", "relabelled")


def test_a_relabel_after_a_delete_brings_the_instance_back():
    deleted = decide("delete", "a", instance_id="1")
    changed = decide("relabel", "a", instance_id="1", category="coat")
    assert outcome(deleted, changed)[-1] == ("1", "coat", "relabelled")


def test_a_label_that_was_deleted_and_then_kept_is_as_it_was_imported():
    changed = decide("relabel", "a", instance_id="1", category="parka", taxonomy=SOURCE)
    deleted, kept = (decide(action, "a", instance_id="1") for action in ("delete", "keep"))
    assert outcome(changed, deleted, kept)[-1] == ("1", "shirt", "kept")
    review = resolve([changed, deleted, kept], ACTIVE)
    assert review.on_labels == {"1": kept}
    record = ImageRecord("a", Path("a.jpg"), 2, 3, tuple(LABELS))
    assert {x.category for x in review.source_record(record).instances} == {"shirt", "skirt"}


def test_what_was_kept_after_a_deferred_relabel_says_nothing_of_the_label_as_imported():
    other = decide("relabel", "a", instance_id="1", category="streetwear", taxonomy="styles")
    assert resolve([other, decide("keep", "a", instance_id="1")], ACTIVE).on_labels == {}


def test_undo_takes_one_decision_back_and_leaves_the_rest():
    deleted = decide("delete", "a", instance_id="1")
    changed = decide("relabel", "a", instance_id="2", category="coat")
    undone = decide("undo", "a", undoes=deleted.decision_id)
    assert outcome(deleted, changed, undone) == [("1", "shirt", ""), ("2", "coat", "relabelled")]


def test_a_category_of_another_taxonomy_waits():
    other = decide("relabel", "a", instance_id="1", category="streetwear", taxonomy="styles")
    assert outcome(other)[0] == ("1", "shirt", "")


def source_label(*decisions, labels=LABELS):
    applied = resolve(decisions, ACTIVE).labels("a", labels)
    return [(r.instance.category, r.instance.source_label) for r in applied]


def test_a_relabel_in_the_source_vocabulary_goes_through_the_taxonomy():
    changed = decide("relabel", "a", instance_id="2", category="parka", taxonomy=SOURCE)
    assert source_label(changed) == [("shirt", "shirt"), ("coat", "parka")]


def test_a_relabel_of_the_class_keeps_the_source_label_only_where_it_belongs_to_it():
    fine = decide("relabel", "a", instance_id="1", category="blouse", taxonomy=SOURCE)
    same = decide("relabel", "a", instance_id="1", category="shirt")
    other = decide("relabel", "a", instance_id="1", category="coat")
    assert source_label(fine, same)[0] == ("shirt", "blouse")
    assert source_label(fine, other)[0] == ("coat", "")


def test_what_the_taxonomy_drops_is_brought_back_by_another_source_label():
    dropped = [Instance("sleeve", MASK, instance_id="3")]
    assert source_label(labels=dropped) == []
    kept = decide("keep", "a", instance_id="3")
    assert source_label(kept, labels=dropped) == []
    changed = decide("relabel", "a", instance_id="3", category="blouse", taxonomy=SOURCE)
    assert source_label(changed, labels=dropped) == [("shirt", "blouse")]
    back = decide("relabel", "a", instance_id="3", category="sleeve", taxonomy=SOURCE)
    assert source_label(changed, back, labels=dropped) == []


def test_what_was_relabelled_to_what_the_taxonomy_drops_is_not_back_when_it_is_redrawn():
    drawn = rle.encode(picture("...", "###"))
    dropped = decide("relabel", "a", instance_id="1", category="sleeve", taxonomy=SOURCE)
    redrawn = decide("redraw", "a", instance_id="1", mask=rle.to_text(drawn))
    deleted, kept = (decide(action, "a", instance_id="1") for action in ("delete", "keep"))
    assert outcome(dropped, redrawn) == outcome(dropped, kept) == [("2", "skirt", "")]
    back = decide("relabel", "a", instance_id="1", category="blouse", taxonomy=SOURCE)
    label = resolve([dropped, redrawn, back], ACTIVE).labels("a", LABELS)[-1].instance
    assert (label.category, label.source_label, label.mask) == ("shirt", "blouse", drawn)
    assert outcome(dropped, deleted, kept)[-1] == ("1", "shirt", "kept"), "as it was imported"


def test_a_source_label_that_the_taxonomy_does_not_speak_of_waits():
    changed = decide("relabel", "a", instance_id="1", category="toga", taxonomy=SOURCE)
    assert source_label(changed)[0] == ("shirt", "shirt")


def test_what_is_deleted_stays_deleted_under_every_taxonomy():
    added = decide("add", "a", instance_id="9", category="coat", mask=rle.to_text(MASK))
    deleted = decide("delete", "a", instance_id="9", category="streetwear", taxonomy="styles")
    assert [key for key, *_ in outcome(added, deleted)] == ["1", "2"]
    assert not resolve([deleted], ACTIVE).deferred(deleted)


def test_excluded_images_and_their_undo():
    excluded = decide("exclude", "a")
    assert resolve([excluded]).excluded == {"a"}
    assert not resolve([excluded, decide("undo", "a", undoes=excluded.decision_id)]).excluded
