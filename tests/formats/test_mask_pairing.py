"""Which photo a mask belongs to, by the names in which mask sets are handed out."""

import numpy as np
import pytest

from curation.core.errors import FormatError
from curation.formats.mask_folder.pairing import pair
from curation.formats.source import MasksInside
from curation.steps.ingest import _unlisted
from tests.formats.test_mask_folder import MASK, found, load, read, save


def paired(tmp_path, masks, photos):
    """The photo of each mask; None of one that has none."""
    for folder, names in (("masks", masks), ("photos", photos)):
        for name in names.split():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    result = pair(tmp_path / "masks", tmp_path / "photos")
    there = {name.rpartition(".")[0] for name in photos.split()}
    return {
        mask: name if name in there and name not in result.lone else None
        for name, files in result.masks.items()
        for mask in files
    }


@pytest.mark.parametrize(
    ("masks", "photos"),
    [
        ("a.png b.png", "a.jpg b.jpg"),
        ("a_mask.png b-Mask.png", "a.jpg b.jpg"),
        ("seg_a.png mask-b.png", "a.jpg b.jpg"),
        ("a_segmentation.png b_labelIds.png", "a.jpg b.jpg"),
        ("seg_0001.png seg_0002.png", "img_0001.png img_0002.png"),
        ("seg_0001.png", "img_0001.png"),
        ("mask1.png mask2.png", "image1.jpg image2.jpg"),
        ("ulm_1_19_gtFine_labelIds.png", "ulm_1_19_leftImg8bit.png"),
        ("ulm/ulm_1_gtFine_labelIds.png", "ulm/ulm_1_leftImg8bit.png"),
        ("a_L.png b_L.png", "a.png b.png"),
        ("a_parsing.png", "a.jpg"),
        ("a_mask_seg.png", "a_mask.jpg"),
    ],
)
def test_a_mask_finds_its_photo(tmp_path, masks, photos):
    files = masks.split()
    names = [name.rpartition(".")[0] for name in photos.split()]
    assert paired(tmp_path, masks, photos) == dict(zip(files, names, strict=True))


@pytest.mark.parametrize(
    ("masks", "photos"),
    [
        ("seg_0001.png", "img_0001.png photo_0001.png"),  # two photos may be meant
        ("seg_0001.png label_0001.png", "img_0001.png"),  # two masks would mean it
        ("train_0001.png train_0002.png", "val_0001.png val_0002.png"),  # no words of masks
        ("train_0001.png train_0002.png", "0001.png 0002.png"),
        ("x/seg_1.png", "y/img_1.png"),
        ("a_L.png b_R.png", "a.png b.png"),
        ("a_1.png b_1.png", "a.png b.png"),
        ("seg_1.png", "img_01.png"),
    ],
)
def test_where_more_than_one_may_be_meant_or_none_is_nothing_is_guessed(tmp_path, masks, photos):
    assert set(paired(tmp_path, masks, photos).values()) == {None}


def test_an_ending_that_photos_have_too_is_no_word_of_masks(tmp_path):
    found = paired(tmp_path, "a_front.png b_front.png", "a_front.jpg b.jpg")
    assert found == {"a_front.png": "a_front", "b_front.png": None}


def test_of_the_files_of_cityscapes_the_one_of_class_ids_is_the_mask(tmp_path):
    names = ("ulm_1_gtFine_color.png", "ulm_1_gtFine_instanceIds.png", "ulm_1_gtFine_labelIds.png")
    found = paired(tmp_path, " ".join(names), "ulm_1_leftImg8bit.png")
    assert found == dict(zip(names, (None, None, "ulm_1_leftImg8bit"), strict=True))


def test_a_photo_that_has_its_mask_is_not_that_of_another_one(tmp_path):
    found = paired(tmp_path, "img_1.png seg_1.png", "img_1.jpg")
    assert found == {"img_1.png": "img_1", "seg_1.png": None}


@pytest.fixture
def together(tmp_path):
    """A folder that photos and masks share."""
    folder = tmp_path / "train"

    def make(masks, photos):
        for name in photos.split():
            save(folder / name, np.zeros((4, 6, 3), np.uint8))
        for name in masks.split():
            save(folder / name)
        return folder

    return make


@pytest.mark.parametrize(
    ("masks", "photos"),
    [
        ("a_mask.png b_mask.png", "a.jpg b.png"),
        ("seg_a.png seg_b.png", "img_a.png img_b.png"),
        ("a.png b.tif", "a.jpg b.jpg"),
    ],
)
def test_photos_and_masks_in_one_folder_are_told_apart(together, masks, photos):
    folder = together(masks, f"{photos} unlabelled.jpg")
    records, skips = read(folder, folder)
    assert skips == []
    assert sorted(r.path.name for r in records) == sorted(photos.split())
    assert {r.image_id.rpartition(".")[0] or r.image_id for r in records} == {
        p.rpartition(".")[0] for p in photos.split()
    }
    for record in records:
        assert [category for category, _ in found(record)] == ["shirt", "pants", "hat", "ignore"]
    source = load(folder, folder)
    assert isinstance(source, MasksInside)
    assert _unlisted(source) == ["unlabelled.jpg"]


def test_a_mask_in_the_folder_of_photos_is_never_a_photo(together):
    folder = together("a_mask.png a_mask_mask.png gone_mask.png", "a.jpg")
    records, skips = read(folder, folder)
    assert [(r.image_id, r.path.name) for r in records] == [("a", "a.jpg")]
    assert [(s.location, s.kind) for s in skips] == [
        ("train/a_mask_mask.png", "photo listed twice"),
        ("train/gone_mask.png", "photo without a file"),
    ]
    assert skips[1].detail.startswith("no photo 'gone' in ")


def test_masks_below_the_photos_are_not_listed_as_photos(tmp_path):
    photos = tmp_path / "photos"
    for name in ("a", "b"):
        save(photos / f"{name}.jpg", np.zeros((4, 6, 3), np.uint8))
    save(photos / "masks" / "a.png")
    (record,), skips = read(photos / "masks", photos)
    assert (record.path.name, skips) == ("a.jpg", [])
    assert _unlisted(load(photos / "masks", photos)) == ["b.jpg"]


def test_photos_below_the_masks_are_no_masks(tmp_path):
    masks = tmp_path / "set"
    save(masks / "a.png")
    save(masks / "images" / "a.jpg", np.zeros((4, 6, 3), np.uint8))
    (record,), skips = read(masks, masks / "images")
    assert (record.path.name, skips) == ("a.jpg", [])


def test_what_is_meant_is_said_where_nothing_is_guessed(masks, tmp_path):
    photos = tmp_path / "photos"
    save(masks / "seg_1.png")
    for name in ("img_1.png", "photo_1.png"):
        save(photos / name, MASK)
    records, (skip,) = read(masks, photos)
    assert (records, skip.kind) == ([], "photo without a file")
    assert "(it may be of 'img_1.png' or 'photo_1.png': rename one)" in skip.detail
    (photos / "photo_1.png").unlink()
    save(masks / "label_1.png")
    records, skips = read(masks, photos)
    assert records == []
    for skip in skips:
        assert skip.detail.startswith("2 masks may be of 'img_1.png': leave one of them")


def test_a_folder_of_photos_alone_says_what_masks_are_called(together):
    folder = together("", "a.jpg b.jpg")
    with pytest.raises(FormatError, match=r"none .* is a mask .* a_mask\.png or a\.png there"):
        load(folder, folder)
