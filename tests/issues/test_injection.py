"""Injected errors: one a photo, of the type it says, with the truth beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.issues.corruptions import fewest_pixels
from curation.issues.injection import TYPES, InjectedError, inject
from curation.issues.issue import ErrorType

GROUPS = {"shirt": "upper", "sweater": "upper", "pants": "lower", "skirt": "lower", "shoe": "feet"}
SIDE = 64


def block(top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def figure(name: str) -> ImageRecord:
    """A shirt that touches trousers, a shoe by itself, and a sleeve that no class takes."""
    drawn = {
        "shirt": block(8, 16, 20, 24),
        "sleeve": block(8, 16, 20, 6),
        "pants": block(28, 18, 20, 20),
        "shoe": block(54, 18, 6, 10),
    }
    instances = tuple(
        Instance(category, rle.encode(mask), f"{name}.csv:{i}", polygons=((0.0, 0.0, 9.0, 9.0),))
        for i, (category, mask) in enumerate(drawn.items())
    )
    return ImageRecord(name, Path(f"{name}.jpg"), SIDE, SIDE, instances)


RECORDS = [figure(f"photo{i}") for i in range(30)]


def injected(
    error_type: ErrorType, seed: int = 0
) -> list[tuple[ImageRecord, ImageRecord, InjectedError]]:
    """Clean record, noisy record and error of each photo, all of one type."""
    rng = np.random.default_rng(seed)
    noisy, errors = inject(RECORDS, rng, 1.0, [error_type], groups=GROUPS)
    assert [e.error_type for e in errors] == [error_type] * len(RECORDS)
    return list(zip(RECORDS, noisy, errors, strict=True))


def wrong_instance(record: ImageRecord, error: InjectedError) -> Instance:
    assert error.instance_id is not None
    (found,) = (i for i in record.instances if i.instance_id == error.instance_id)
    return found


def test_the_same_seed_injects_the_same_errors():
    one, two = (inject(RECORDS, np.random.default_rng(4), groups=GROUPS) for _ in range(2))
    assert one == two


def test_a_share_of_the_images_gets_an_error_and_all_types_occur():
    noisy, errors = inject(RECORDS, np.random.default_rng(1), 0.4, groups=GROUPS)
    assert len(errors) == 12
    assert {e.error_type for e in errors} == set(TYPES)
    changed = [r.image_id for r, clean in zip(noisy, RECORDS, strict=True) if r != clean]
    assert changed == [e.image_id for e in errors]


@pytest.mark.parametrize("error_type", TYPES)
def test_all_other_instances_stay_as_they_were(error_type: ErrorType):
    for clean, noisy, error in injected(error_type):
        gone = [i for i in clean.instances if i not in noisy.instances]
        come = [i for i in noisy.instances if i not in clean.instances]
        counts = {ErrorType.MISSING: (1, 0), ErrorType.SPURIOUS: (0, 1), ErrorType.MERGED: (2, 1)}
        expected = counts.get(error_type, (1, 1))
        assert (len(gone), len(come)) == expected
        assert "sleeve" not in {i.category for i in gone + come}
        for instance in come:
            assert instance.polygons == ()
            assert instance == wrong_instance(noisy, error)
            assert instance.mask == error.mask
            if error_type is not ErrorType.SPURIOUS:
                assert instance.source in {i.source for i in gone}


def test_a_swap_changes_the_group_and_nothing_else():
    for clean, noisy, error in injected(ErrorType.WRONG_CATEGORY):
        now = wrong_instance(noisy, error)
        assert GROUPS[now.category] != GROUPS[error.category]
        was = [i for i in clean.instances if i.source == now.source]
        assert [i.category for i in was] == [error.category]
        assert was[0].mask == now.mask


def test_a_dropped_instance_is_named_with_its_true_mask():
    for clean, noisy, error in injected(ErrorType.MISSING):
        (gone,) = (i for i in clean.instances if i not in noisy.instances)
        assert (error.category, error.mask, error.instance_id) == (gone.category, gone.mask, None)


def test_a_spurious_instance_stands_where_its_group_does_not():
    for clean, noisy, error in injected(ErrorType.SPURIOUS):
        now = wrong_instance(noisy, error)
        assert now.source == ""
        new = rle.decode(now.mask)
        for own in clean.instances:
            if GROUPS.get(own.category) == GROUPS[now.category]:
                new &= ~rle.decode(own.mask)
        assert new.sum() >= fewest_pixels(SIDE, SIDE)


def test_a_shifted_mask_is_the_same_shape_elsewhere():
    for clean, noisy, error in injected(ErrorType.SHIFTED):
        now = wrong_instance(noisy, error)
        (was,) = (i for i in clean.instances if i.source == now.source)
        left, top, _, _ = rle.bbox(was.mask)
        new_left, new_top, width, height = rle.bbox(now.mask)
        assert rle.area(now.mask) == width * height
        distance = np.hypot(new_left - left, new_top - top) / np.sqrt(rle.area(was.mask))
        whole = rle.area(now.mask) == rle.area(was.mask)
        assert not whole or 0.15 <= distance <= 0.5


def test_a_boundary_error_stays_where_it_was_and_changes_the_outline():
    for clean, noisy, error in injected(ErrorType.BAD_BOUNDARY):
        now = wrong_instance(noisy, error)
        (was,) = (i for i in clean.instances if i.source == now.source)
        assert 0.3 < rle.iou(was.mask, now.mask) < 1
        inside = (rle.decode(was.mask) & rle.decode(now.mask)).sum()
        assert inside == min(rle.area(was.mask), rle.area(now.mask))


def test_a_merge_unites_two_neighbours_under_the_larger_one():
    for clean, noisy, error in injected(ErrorType.MERGED):
        shirt, _, pants, _ = clean.instances
        now = wrong_instance(noisy, error)
        assert error.category == now.category == "shirt"
        assert now.mask == rle.union([shirt.mask, pants.mask])
        assert "pants" not in {i.category for i in noisy.instances}


def test_no_error_is_smaller_than_what_one_can_see():
    speck = Instance("shirt", rle.encode(block(0, 0, 1, 5)))
    records = [ImageRecord("a", Path("a.jpg"), SIDE, SIDE, (speck,))]
    noisy, errors = inject(records, np.random.default_rng(0), 1.0, groups=GROUPS)
    assert (noisy, errors) == (records, [])
    assert fewest_pixels(128, 128) == 24
    assert fewest_pixels(256, 256) == 96


def test_an_image_without_room_for_a_type_gets_another():
    shirt = Instance("shirt", rle.encode(block(8, 8, 20, 20)))
    records = [ImageRecord(n, Path(n), SIDE, SIDE, (shirt,)) for n in "ab"]
    _, errors = inject(
        records, np.random.default_rng(0), 1.0, [ErrorType.MERGED, ErrorType.MISSING], groups=GROUPS
    )
    assert [e.error_type for e in errors] == [ErrorType.MISSING, ErrorType.MISSING]


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match=r"share 1\.5"):
        inject(RECORDS, np.random.default_rng(0), 1.5, groups=GROUPS)
