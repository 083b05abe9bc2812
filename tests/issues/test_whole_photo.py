"""All labels of a photo together, by hand on a drawn one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.issues import whole_photo
from curation.issues.geometry import InstanceMask
from curation.issues.issue import PhotoErrorType
from curation.issues.transform import Transform
from tests.issues.scene import LABELS, SHIRT, SIDE, TROUSERS, block, observed

BAG = InstanceMask(3, block(30, 4, 16, 8))
WORN = [SHIRT, TROUSERS, BAG]
"""On one side there is a bag: mirrored it would be on the other."""


def of(labels, truth=WORN) -> dict[str, float]:
    found = whole_photo.features(observed("a", truth=truth), labels)
    assert found is not None
    assert all(np.isfinite(value) for value in found.values())
    return found


def after(transform: Transform) -> list[InstanceMask]:
    return [replace(label, mask=transform.applied(label.mask)) for label in WORN]


def best(values: dict[str, float]) -> PhotoErrorType:
    kinds = [kind for kind in PhotoErrorType if f"gain_{kind}" in values]
    return max(kinds, key=lambda kind: values[f"gain_{kind}"])


def test_labels_that_belong_to_the_photo_fit_best_as_they_are():
    values = of(WORN)
    assert values["fit_of_sure"] == pytest.approx(1, abs=0.02)
    assert values["gain"] <= 0.001


@pytest.mark.parametrize("transform", [Transform(mirror=True), Transform(turn=True)])
def test_mirrored_and_turned_labels_would_fit_if_it_were_done_again(transform):
    values = of(after(transform))
    assert best(values) is transform.error_type
    assert values[f"fit_{transform.error_type}"] == pytest.approx(values["fit_sure"], abs=0.02)
    assert whole_photo.transform_of(values, transform.error_type) == transform


def test_moved_labels_would_fit_where_they_came_from():
    values = of(after(Transform(right=0.125, down=-0.0625)))
    assert best(values) is PhotoErrorType.MOVED
    found = whole_photo.transform_of(values, PhotoErrorType.MOVED)
    assert found == Transform(right=-0.125, down=0.0625)


def test_labels_drawn_for_a_photo_of_another_size_would_fit_scaled():
    values = of(after(Transform(scale=0.5)))
    assert best(values) is PhotoErrorType.SCALED
    found = whole_photo.transform_of(values, PhotoErrorType.SCALED)
    assert found is not None
    assert (found.scale, found.right, found.down) == (2.0, 0, 0)


def test_labels_of_another_photo_fit_nowhere():
    theirs = [InstanceMask(3, block(2, 2, 40, 12)), InstanceMask(1, block(50, 40, 12, 20))]
    values = of(theirs)
    assert values["fit"] < 0.2
    assert values["gain"] < 0.35
    assert whole_photo.transform_of(values, PhotoErrorType.ANOTHER_PHOTO) is None


def test_a_photo_without_a_visible_label_has_no_features():
    nothing = InstanceMask(1, np.zeros((SIDE, SIDE), bool))
    assert whole_photo.features(observed("a"), []) is None
    assert whole_photo.features(observed("a"), [nothing]) is None


def test_every_kind_is_injected_and_changes_something():
    observation, others = observed("a", labels=WORN), [observed("b", labels=LABELS)]
    rng = np.random.default_rng(0)
    found = {}
    for _ in range(60):
        if spoilt := whole_photo.spoilt(observation, others, rng):
            found[spoilt[0]] = spoilt[1]
    assert set(found) == set(PhotoErrorType)
    for labels in found.values():
        assert any((a.mask != b.mask).any() for a, b in zip(labels, WORN, strict=True))


shares = st.floats(-1, 1, allow_nan=False).map(lambda value: round(value, 4))


@given(st.floats(0.1, 9).map(lambda value: round(value, 3)), shares, shares)
def test_a_transform_is_text_and_back(scale, right, down):
    transform = Transform(scale=scale, right=right, down=down)
    assert Transform.parse(str(transform)) == transform


NONE = ["", "flip", "scale=0 right=0 down=0", "scale=1 right=99 down=0",
        "scale=1.2.3 right=0 down=0", "scale=1 right=nan down=0"]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_transform_is_refused(text):
    with pytest.raises(ValueError, match=r"no transform|leaves nothing|could not convert"):
        Transform.parse(text)


@given(st.sampled_from([Transform(mirror=True), Transform(turn=True)]))
def test_done_twice_nothing_has_changed(transform):
    mask = block(3, 5, 20, 11)
    assert (transform.applied(transform.applied(mask)) == mask).all()


def test_a_point_goes_where_the_pixels_of_a_mask_go():
    mask = block(16, 8, 16, 24)
    for transform in (Transform(mirror=True), Transform(turn=True),
                      Transform(scale=0.5, right=0.25, down=0.125)):  # fmt: skip
        corners = [transform.place(x / SIDE, y / SIDE) for x, y in ((8, 16), (32, 32))]
        rows, columns = np.nonzero(transform.applied(mask))
        left, right = sorted(round(x * SIDE) for x, _ in corners)
        top, bottom = sorted(round(y * SIDE) for _, y in corners)
        assert (columns.min(), columns.max() + 1) == (left, right)
        assert (rows.min(), rows.max() + 1) == (top, bottom)
