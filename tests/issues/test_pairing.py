"""A missing garment beside the doubted labels of its photo, by hand."""

from __future__ import annotations

from curation.core import rle
from curation.issues.issue import ErrorType, Issue
from curation.issues.pairing import paired
from tests.issues.scene import block

WHOLE, UPPER, LOWER = block(8, 16, 40, 24), block(8, 16, 20, 24), block(28, 16, 20, 24)


def label(category: str, error_type: ErrorType, score: float = 0.6, suggested: str = "") -> Issue:
    key = f"{category} {error_type}"
    return Issue("a", key, "", category, score, str(error_type), suggested or category, "")


def garment(category: str, mask, score: float = 0.8) -> Issue:
    shape = rle.encode(mask)
    return Issue("a", "m", "run:r1", "", score, "missing", category, "", mask=shape)


def left(issue: Issue, place, missing: Issue) -> list[tuple[str, float]]:
    found = paired([issue], [rle.encode(place)], [missing])
    return [(x.instance_id, x.error_score) for x in found]


def test_a_wrong_class_and_the_right_one_missing_there_are_one():
    skirt = label("skirt", ErrorType.WRONG_CATEGORY, suggested="shirt")
    assert left(skirt, UPPER, garment("shirt", UPPER)) == [(skirt.instance_id, 0.8)]
    assert len(left(skirt, UPPER, garment("dress", UPPER))) == 2, "another thing is suggested"
    assert len(left(skirt, UPPER, garment("shirt", LOWER))) == 2, "it lies elsewhere"


def test_half_of_a_garment_and_its_other_half_are_one():
    shirt = label("shirt", ErrorType.BAD_BOUNDARY, 0.9)
    assert left(shirt, UPPER, garment("shirt", LOWER)) == [(shirt.instance_id, 0.9)]
    assert len(left(shirt, UPPER, garment("shirt", block(56, 0, 8, 8)))) == 2, "a second shirt"
    assert len(left(shirt, UPPER, garment("skirt", LOWER))) == 2, "a skirt that nobody labelled"


def test_two_garments_under_one_label_are_one_suspect():
    dress = label("dress", ErrorType.MERGED)
    assert left(dress, WHOLE, garment("skirt", LOWER)) == [(dress.instance_id, 0.8)]


def test_a_label_that_nobody_doubts_takes_no_missing_garment_along():
    skirt = label("skirt", ErrorType.WRONG_CATEGORY, 0.1, suggested="shirt")
    assert len(left(skirt, UPPER, garment("shirt", UPPER))) == 2
