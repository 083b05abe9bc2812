"""What a curator who knows the truth decides on a label, and on a garment found missing."""

from __future__ import annotations

import pytest

from curation.core import rle
from curation.core.records import Instance
from curation.review.simulated import Answer, on_label, on_missing, on_photo
from tests.conftest import picture

LEFT = rle.encode(picture("####....", "####...."))
SMALLER = rle.encode(picture("##......", "##......"))
RIGHT = rle.encode(picture("....####", "....####"))
MIDDLE = rle.encode(picture("...##...", "........"))

DRESS = Instance("whole-body", LEFT)
SHOES = Instance("feet", RIGHT)
TRUTH = (DRESS, SHOES)


def label(category, mask, instance_id="1"):
    return Instance(category, mask, instance_id=instance_id)


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        (label("whole-body", LEFT), [Answer("keep")]),
        (label("feet", LEFT), [Answer("relabel", "whole-body")]),
        (label("whole-body", SMALLER), [Answer("redraw", mask=LEFT)]),
        (label("feet", SMALLER), [Answer("relabel", "whole-body"), Answer("redraw", mask=LEFT)]),
        (label("whole-body", MIDDLE), [Answer("delete")]),
    ],
)
def test_a_label_is_mended_as_the_truth_has_it(given, answers):
    assert list(on_label(given, [given], TRUTH)) == answers


def test_of_two_labels_of_one_garment_the_better_one_stays():
    wrong, right = label("feet", LEFT, "1"), label("whole-body", LEFT, "2")
    both = [wrong, right]
    assert list(on_label(wrong, both, TRUTH)) == [Answer("delete")]
    assert list(on_label(right, both, TRUTH)) == [Answer("keep")]


def test_a_missing_garment_is_added_where_there_is_one_that_nobody_labelled():
    found = label("feet", RIGHT, "m")
    assert on_missing(found, [label("whole-body", LEFT)], TRUTH) == Answer("add", "feet")
    assert on_missing(found, [label("whole-body", RIGHT)], TRUTH) == Answer("delete")
    assert on_missing(label("feet", MIDDLE, "m"), [], TRUTH) == Answer("delete")
    assert on_missing(found, [], ()) == Answer("delete")


def test_of_labels_that_are_mirrored_those_the_right_way_round_are_taken():
    given = [label("whole-body", RIGHT), label("feet", LEFT)]
    mended = [label("whole-body", LEFT), label("feet", RIGHT)]
    assert on_photo(given, mended, TRUTH) == "transform"
    assert on_photo(mended, given, TRUTH) == "include"


def test_labels_of_another_photo_leave_it_out():
    elsewhere = [label("whole-body", MIDDLE), label("feet", MIDDLE)]
    assert on_photo(elsewhere, None, TRUTH) == "exclude"
    assert on_photo(list(TRUTH), None, TRUTH) == "include"
