"""Where labels lie on a person, by hand: one that stands upright, drawn with a ruler."""

import numpy as np
import pytest

from curation.core.person import LANDMARKS, SIDE, Person
from curation.issues.geometry import InstanceMask
from curation.issues.person import (
    FEWEST,
    PersonStatistics,
    instance_features,
    landmark_distances,
    without,
)

LEFT_EYE, RIGHT_EYE, LEFT_MOUTH, RIGHT_MOUTH = 2, 5, 9, 10
NOSE, LEFT_ANKLE, RIGHT_ANKLE, LEFT_FOOT, RIGHT_FOOT = 0, 27, 28, 31, 32
HAT, SHOE, DRESS = 1, 2, 3
BODY = slice(14, 114)
"""Rows: 100 of 128, a hundredth of a height each."""


def box(top, left, height, width):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def standing(hidden=()):
    """A face around row 20, ankles at 104 and feet at 110, the left one at column 70, the right at
    50; all else is hidden."""
    landmarks = np.zeros((LANDMARKS, 3), np.float32)
    for number, row, column in [
        (NOSE, 20, 60), (LEFT_ANKLE, 104, 70), (RIGHT_ANKLE, 104, 50),
        (LEFT_FOOT, 110, 70), (RIGHT_FOOT, 110, 50),
        (LEFT_EYE, 18, 62), (RIGHT_EYE, 18, 58), (LEFT_MOUTH, 23, 62), (RIGHT_MOUTH, 23, 58),
    ]:  # fmt: skip
        landmarks[number] = (column + 0.5) / SIDE, (row + 0.5) / SIDE, number not in hidden
    silhouette = box(BODY.start, 45, 100, 30)
    return Person(silhouette, landmarks, 0.9, 1.0)


ON_HEAD = box(10, 55, 8, 11)
LEFT_SHOE, RIGHT_SHOE = box(106, 65, 8, 10), box(106, 45, 8, 10)


def test_a_distance_is_to_the_nearest_pixel_in_heights_of_the_person():
    distances = landmark_distances(standing(), ON_HEAD)
    assert distances[NOSE] == pytest.approx(0.03, abs=0.001)
    assert np.isnan(distances[11]), "a hidden one"
    inside = landmark_distances(standing(), box(18, 50, 10, 20))
    assert inside[NOSE] == 0


def test_of_two_alike_the_nearer_stands_first_whichever_side_it_is_on():
    left, right = (landmark_distances(standing(), mask) for mask in (LEFT_SHOE, RIGHT_SHOE))
    np.testing.assert_allclose(left, right, atol=0.06)
    for distances in (left, right):
        assert distances[LEFT_FOOT] == 0
        assert distances[RIGHT_FOOT] > 0.1
        assert distances[LEFT_ANKLE] < distances[RIGHT_ANKLE]


def test_one_of_two_alone_is_the_nearer_one():
    distances = landmark_distances(standing(hidden=[RIGHT_FOOT]), RIGHT_SHOE)
    assert distances[LEFT_FOOT] == distances[RIGHT_FOOT] == pytest.approx(0.16, abs=0.01)


def test_a_wide_photo_is_no_wide_person():
    """Twice as wide as high: a step to the side counts double."""
    person = standing()
    wide = Person(person.silhouette, person.landmarks, 0.9, 2.0)
    aside = box(20, 80, 1, 10)
    narrow = landmark_distances(person, aside)[NOSE]
    assert landmark_distances(wide, aside)[NOSE] == pytest.approx(2 * narrow, abs=0.02)


def test_a_label_without_a_pixel_is_as_far_as_can_be():
    assert (landmark_distances(standing(), np.zeros((SIDE, SIDE), bool)) == 1).all()


@pytest.fixture
def statistics():
    """Of hats on heads and of shoes on either foot; of one dress."""
    masks = [(HAT, ON_HEAD), (SHOE, LEFT_SHOE), (SHOE, RIGHT_SHOE)] * FEWEST
    masks.append((DRESS, box(40, 45, 40, 30)))
    distances = [landmark_distances(standing(), mask) for _, mask in masks]
    return PersonStatistics.of(distances, [k for k, _ in masks], 4)


def test_what_a_class_lies_at_is_learned_from_its_labels(statistics):
    head = {NOSE, LEFT_EYE, RIGHT_EYE, LEFT_MOUTH, RIGHT_MOUTH}
    assert set(statistics.nearest[HAT]) < head
    assert set(statistics.nearest[SHOE]) == {LEFT_ANKLE, RIGHT_ANKLE, LEFT_FOOT, RIGHT_FOOT}
    assert np.isnan(statistics.usual[DRESS]).all(), "one label is no usual place"


def feature(statistics, class_id, mask, person=None):
    return instance_features(person or standing(), statistics, InstanceMask(class_id, mask))


def test_a_label_where_its_class_lies_is_usual_and_one_of_another_class_is_not(statistics):
    right = feature(statistics, SHOE, LEFT_SHOE)
    wrong = feature(statistics, HAT, LEFT_SHOE)
    assert right["person_distance"] < 0.15
    assert right["person_strange"] < 1
    assert right["person_margin"] > 3
    assert wrong["person_distance"] > 0.5
    assert wrong["person_margin"] < -3


def test_how_much_lies_on_the_person_is_a_share(statistics):
    half = box(106, 35, 8, 20)  # ten of its twenty columns
    assert feature(statistics, SHOE, half)["person_inside"] == pytest.approx(0.5)
    small = half[1::2, 1::2]
    assert feature(statistics, SHOE, small)["person_inside"] == pytest.approx(0.5)


def test_a_class_of_which_nothing_is_known_is_strange_everywhere(statistics):
    assert feature(statistics, DRESS, LEFT_SHOE)["person_strange"] == 10


def test_where_nobody_was_looked_for_there_are_the_same_features_of_nothing(statistics):
    none = instance_features(None, statistics, InstanceMask(SHOE, LEFT_SHOE))
    assert none.keys() == feature(statistics, SHOE, LEFT_SHOE).keys()
    assert set(none.values()) == {0.0}


def test_feet_without_a_shoe_are_far_from_any(statistics):
    hat, shoe = InstanceMask(HAT, ON_HEAD), InstanceMask(SHOE, RIGHT_SHOE)
    assert without(standing(), statistics, [hat], SHOE) == 1
    assert without(standing(), statistics, [hat, shoe], SHOE) < 0.2
    assert without(None, statistics, [hat], SHOE) == 0
