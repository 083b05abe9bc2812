"""No photo comes in without the labels that some mask of it has."""

import numpy as np
import pytest

from tests.formats.test_mask_folder import drawn, read, save


def test_a_second_mask_of_a_image_is_left_out(masks, images_folder):
    for name in ("a-mask.png", "a.png", "a_gt.png"):
        save(masks / name)
    (record,), skips = read(masks, images_folder)
    assert record.instances[0].source == "masks/a.png:1"
    assert [(s.location, s.kind) for s in skips] == [
        ("masks/a-mask.png", "photo listed twice"),
        ("masks/a_gt.png", "photo listed twice"),
    ]


@pytest.mark.parametrize("blank", [0, None])
def test_of_two_masks_that_with_labels_is_read(masks, images_folder, blank):
    """None is a mask that is refused: lossy."""
    save(masks / "a.png", np.full((4, 6), blank or 0, np.uint8))
    if blank is None:
        (masks / "a.png").rename(masks / "a.jpg")
        save(masks / "a.jpg", np.zeros((4, 6), np.uint8))
    save(masks / "a_mask.png")
    (record,), (skip,) = read(masks, images_folder)
    assert record.instances[0].source == "masks/a_mask.png:1"
    assert skip.kind == ("mask refused" if blank is None else "photo listed twice")


def test_a_blank_mask_beside_one_that_is_refused_is_no_photo_without_labels(masks, images_folder):
    save(masks / "a.png", np.zeros((4, 6), np.uint8))
    save(masks / "a_mask.png", drawn(*["9" * 6] * 4))
    records, skips = read(masks, images_folder)
    assert (records, [s.kind for s in skips]) == ([], ["values not in the class list"])


@pytest.mark.parametrize("classes", ["id,name\n1,clothes\n", "id,name\n1,clothes\n2,void\n"])
def test_masks_of_0_and_255_for_a_list_of_1_are_no_photos_without_labels(
    masks, images_folder, classes
):
    save(masks / "a.png", drawn("**....", "**....", "......", "......"))
    records, (skip,) = read(masks, images_folder, classes)
    assert (records, skip.location, skip.kind) == ([], "masks/a.png", "mask without a class")
    assert skip.detail.startswith("4 pixels of 255, which is ignored, and none of 1 'clothes': ")
    assert "255,NAME" in skip.detail


def test_masks_of_255_alone_are_read_where_the_list_says_what_it_is(masks, images_folder):
    save(masks / "a.png", drawn("**....", "**....", "......", "......"))
    for name, category in (("void", "ignore"), ("clothes", "clothes")):
        (record,), skips = read(masks, images_folder, f"id,name\n1,other\n255,{name}\n")
        assert ([i.category for i in record.instances], skips) == ([category], [])
