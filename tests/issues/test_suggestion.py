"""Masks that are suggested: what is right of a label stays, what is wrong of it goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from curation.core import rle
from curation.issues.geometry import InstanceMask, moved
from curation.issues.issue import ErrorType
from curation.issues.observation import Label
from curation.issues.suggestion import PHOTO, SUGGESTED, Suggestion, suggest
from tests.issues.scene import LABELS, SHIRT, SHOES, SIDE, TROUSERS, block, predicted

COLORS = np.array([[230, 230, 220], [180, 30, 40], [30, 40, 160], [20, 20, 20]], np.uint8)
"""Of background, shirt, trousers and shoes."""


def photo_of(labels) -> NDArray[np.uint8]:
    """The scene in its colours, with some noise, as a photo is read."""
    seen = np.zeros((SIDE, SIDE), int)
    for label in labels:
        seen[label.mask] = label.class_id
    pixels = COLORS[seen].repeat(PHOTO // SIDE, axis=0).repeat(PHOTO // SIDE, axis=1)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8)


def as_label(label: InstanceMask) -> Label:
    return Label(label.class_id, rle.encode(label.mask))


def right(error_type, wrong, others, p=None, photo=None) -> Suggestion:
    p = predicted(LABELS) if p is None else p
    found = suggest(error_type, as_label(wrong), [as_label(x) for x in others], p, photo)
    assert found
    return found


def iou(found: Suggestion, truth: InstanceMask) -> float:
    return rle.iou(found.mask, rle.encode(truth.mask))


PHOTOS = [pytest.param(None, id="no photo"), pytest.param(photo_of(LABELS), id="photo")]


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(block(5, 13, 26, 30), id="too wide"),
        pytest.param(block(11, 19, 14, 18), id="too narrow"),
        pytest.param(block(8, 16, 20, 12), id="its left half"),
        pytest.param(block(8, 16, 10, 24), id="its upper half"),
    ],
)
def test_a_bad_boundary_becomes_what_model_and_photo_see(wrong, photo):
    label, p = InstanceMask(1, wrong), predicted(LABELS, sure=0.97)
    found = right(ErrorType.BAD_BOUNDARY, label, [TROUSERS, SHOES], p, photo)
    before = rle.iou(rle.encode(wrong), rle.encode(SHIRT.mask))
    assert iou(found, SHIRT) > max(0.93, before)
    assert found.second is None


def test_the_photo_decides_where_the_model_is_coarse():
    """Probabilities of 16 x 16 whose shirt is a cell too wide; its colour ends where it ends."""
    wide = InstanceMask(1, block(4, 12, 28, 32))
    coarse = predicted([wide])[:, 2::4, 2::4]
    alone = right(ErrorType.BAD_BOUNDARY, wide, [], coarse)
    seen = right(ErrorType.BAD_BOUNDARY, wide, [], coarse, photo_of([SHIRT]))
    assert iou(seen, SHIRT) > 0.95 > 0.7 > iou(alone, SHIRT)


def test_an_outline_that_is_as_good_stays_exactly():
    """A drawn sleeve a pixel wide, which no model sees."""
    drawn = SHIRT.mask | block(10, 40, 1, 6)
    found = right(ErrorType.BAD_BOUNDARY, InstanceMask(1, drawn), [TROUSERS])
    assert found.mask == rle.encode(drawn)


def test_a_shifted_label_moves_to_its_garment_and_keeps_its_shape():
    collar = SHIRT.mask & ~block(8, 26, 3, 4)  # the model does not see it
    found = right(ErrorType.SHIFTED, InstanceMask(1, moved(collar, 9, -5)), [TROUSERS, SHOES])
    assert found.mask == rle.encode(collar)


def test_a_shifted_label_does_not_move_onto_the_other_one_of_its_class():
    left, other = (InstanceMask(3, block(50, x, 8, 8)) for x in (14, 34))
    p = predicted([left, other])
    found = right(ErrorType.SHIFTED, InstanceMask(3, moved(left.mask, 7, 0)), [other], p)
    assert found.mask == rle.encode(left.mask)


def test_two_garments_under_one_label_become_two_that_cover_the_same():
    both = InstanceMask(1, SHIRT.mask | TROUSERS.mask)
    found = right(ErrorType.MERGED, both, [SHOES])
    assert found.second
    assert (found.mask, found.second) == (
        rle.encode(SHIRT.mask), (2, rle.encode(TROUSERS.mask)),
    )  # fmt: skip


def test_one_garment_is_not_cut_in_two():
    found = right(ErrorType.MERGED, SHIRT, [TROUSERS, SHOES])
    assert (found.second, found.mask) == (None, rle.encode(SHIRT.mask))


def test_a_missing_garment_gets_the_outline_that_the_photo_has():
    seen = InstanceMask(1, block(10, 18, 16, 20))  # coarse: it lies within the garment
    found = right(ErrorType.MISSING, seen, [TROUSERS], photo=photo_of(LABELS))
    assert iou(found, SHIRT) > 0.95


def test_what_has_a_label_of_its_class_is_not_missing():
    left, other = (InstanceMask(3, block(50, x, 8, 10)) for x in (16, 26))
    p = predicted([left, other])
    found = right(ErrorType.MISSING, left, [other], p)
    assert found.mask == rle.encode(left.mask)


def test_nothing_is_suggested_where_the_model_sees_nothing():
    speck = Label(3, rle.encode(block(40, 40, 2, 2)))
    assert suggest(ErrorType.BAD_BOUNDARY, speck, [], predicted([]), None) is None


sides = st.integers(8, 40)


@given(
    error_type=st.sampled_from(SUGGESTED),
    size=st.tuples(sides, sides, st.integers(1, 24)),
    seed=st.integers(0, 2**20),
)
@settings(deadline=None, max_examples=60)
def test_a_suggestion_is_a_mask_of_the_photo_that_is_not_empty(error_type, size, seed):
    height, width, side = size
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(4, 0.3), (side, side)).transpose(2, 0, 1).astype(np.float16)
    photo = rng.integers(0, 255, (64, 64, 3), np.uint8)
    drawn = [rng.random((height, width)) < share for share in rng.uniform(0, 1, 3)]
    first, *others = (Label(int(rng.integers(1, 4)), rle.encode(mask)) for mask in drawn)
    found = suggest(error_type, first, others, p, photo)
    masks = [found.mask, *([found.second[1]] if found.second else [])] if found else []
    for mask in masks:
        assert (mask.height, mask.width) == (height, width)
        assert rle.area(mask) > 0
        assert rle.encode(rle.decode(mask)) == mask == rle.parse(rle.to_text(mask))
    if found and found.second:
        assert found.second[0] not in (0, first.class_id)
        assert rle.union(masks) == first.mask, "a cut neither adds nor loses a pixel"
    assert found == suggest(error_type, first, others, p, photo), "no chance in it"
