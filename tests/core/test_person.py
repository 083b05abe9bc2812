"""Labels held against a silhouette."""

from pathlib import Path

import numpy as np
import pytest

from curation.core.person import SIDE, TRANSFORMS, agreement, labelled
from tests.conftest import picture, record

SILHOUETTE = picture(".##.", ".##.", ".#..")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((".##.", ".##.", ".#.."), 1.0),
        ((".##.", "....", "...."), 2 / 5),
        (("#...", "#...", "#..."), 0.0),
        (("###.", ".##.", ".#.."), 5 / 6),
        (("....", "....", "...."), 0.0),
    ],
)
def test_agreement_is_the_iou(rows, expected):
    assert agreement(picture(*rows), SILHOUETTE[None]).tolist() == [pytest.approx(expected)]


def test_each_transform_is_what_it_is_called():
    turned = {name: turn(SILHOUETTE) for name, turn in TRANSFORMS.items()}
    assert (turned["mirrored"] == picture(".##.", ".##.", "..#.")).all()
    assert (turned["upside down"] == picture(".#..", ".##.", ".##.")).all()
    assert (turned["turned by 180 degrees"] == picture("..#.", ".##.", ".##.")).all()


def test_what_is_labelled_is_all_garments_and_not_what_is_ignored_or_background():
    left, right = picture("#.", "#."), picture(".#", "..")
    made = record(Path("a.jpg"), coat=left, Background=right, ignore=right)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[:, : SIDE // 2] = True
    assert (labelled(made) == expected).all()
