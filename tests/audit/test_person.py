"""Labels that are mirrored, turned or of another photo are told by the silhouette."""

import numpy as np
import pytest

from curation.audit.person import Fit, findings, fits
from curation.core.finding import FindingKind
from curation.core.person import LANDMARKS, SIDE, Person
from tests.conftest import record

SEEN = np.zeros((LANDMARKS, 3), np.float32)


def standing(left: int, width: int = 20, top: int = 20) -> np.ndarray:
    """A body that is narrow above, and leans: no way round is like another."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + 40, left : left + width] = True
    mask[top + 40 : top + 90, left : left + 2 * width] = True
    return mask


def person(mask, confidence=0.95):
    return Person(mask, SEEN, confidence, 1.0)


def fit(tmp_path, labels, body, confidence=0.95, others=()):
    references = np.array([*others, body])
    photo = record(tmp_path / "a.jpg", coat=labels)
    return fits(references, [(photo, person(body, confidence))])[0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mirrored", lambda m: m[:, ::-1]),
        ("upside down", lambda m: m[::-1]),
        ("turned by 180 degrees", lambda m: m[::-1, ::-1]),
    ],
)
def test_the_way_round_that_fits_is_said(tmp_path, name, change):
    body = standing(20)
    found = fit(tmp_path, change(body), body)
    assert found.own < 0.6
    assert found.transformed[name] == 1.0
    (finding,) = findings([found])
    assert finding.kind is FindingKind.NOT_OF_PERSON
    assert finding.detail == (
        f"IoU {found.own:.2f} with the person's silhouette as given, 1.00 {name}"
    )


def test_labels_that_fit_are_not_named(tmp_path):
    body = standing(20)
    assert findings([fit(tmp_path, body, body)]) == []


def test_where_no_single_person_explains_the_photo_nothing_is_said(tmp_path):
    body = standing(20)
    assert findings([fit(tmp_path, body[:, ::-1], body, confidence=0.5)]) == []


def test_of_a_bag_alone_nothing_is_said(tmp_path):
    body, bag = standing(20), np.zeros((SIDE, SIDE), bool)
    bag[80:90, 110:120] = True
    assert findings([fit(tmp_path, bag, body)]) == []


def photos(margins):
    """Fits that are no better another way round."""
    ways = {"mirrored": 0.2}
    return [
        Fit(f"p{n}", "", 1.0, 0.4 + 0.1 * m, 0.4, 0.1, ways, 0.9) for n, m in enumerate(margins)
    ]


def test_labels_that_fit_others_as_well_are_of_another_photo():
    (finding,) = findings(photos([4.0] * 40 + [0.5]))
    assert finding.image_id == "p40"
    assert "IoU 0.45 with the person's silhouette, 0.40 with those of other photos" in (
        finding.detail
    )


@pytest.mark.parametrize("margins", [[1.5] * 40 + [0.5], [4.0] * 20 + [0.5]])
def test_where_all_stand_alike_or_are_few_nobody_can_tell(margins):
    assert findings(photos(margins)) == []


def test_the_fit_with_others_is_the_mean_and_its_deviation(tmp_path):
    body, other = standing(20), standing(60)
    found = fit(tmp_path, body, body, others=[other])
    apart = (body & other).sum() / (body | other).sum()
    assert found.own == 1.0
    assert found.others == pytest.approx((1 + apart) / 2)
    assert found.margin == pytest.approx(1.0)
