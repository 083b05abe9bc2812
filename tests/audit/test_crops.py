"""Photos that were cut out of others are found, on either side and mirrored; others are not."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from curation.audit.crop_hash import CROPS, crop_hashes
from curation.audit.crops import cropped
from curation.audit.image_hash import ImageHash, hash_pixels


def scene(number):
    """A street photo: smooth areas of many sizes, (600, 400, 3) uint8."""
    rng = np.random.default_rng(number)
    layers = [
        Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8)).resize(
            (400, 600), Image.Resampling.BICUBIC
        )
        for cells in (3, 6, 12)
    ]
    weights = (0.5, 0.3, 0.2)
    return sum(w * np.asarray(x, float) for w, x in zip(weights, layers, strict=True)).astype(
        np.uint8
    )


def hashed(**photos):
    return [hash_pixels(name, name, np.ascontiguousarray(photo)) for name, photo in photos.items()]


def found(*images):
    return cropped(images, [image.image_id for image in images])


@pytest.mark.parametrize("number", range(4))
def test_a_crop_is_hashed_as_the_photo_would_be_if_it_were_cut(number):
    """Within the few bits that resampling 32 pixels in place of 600 turns."""
    photo = Image.fromarray(scene(number))
    hashes = crop_hashes(np.asarray(photo.resize((32, 32), Image.Resampling.BOX).convert("L")))
    for (rows, columns), its in zip(CROPS, hashes, strict=True):
        left, right = (400 * x for x in columns)
        top, bottom = (600 * x for x in rows)
        cut = imagehash.phash(photo.crop((left, top, right, bottom)).resize((32, 32)))
        assert np.count_nonzero(np.unpackbits(its) != cut.hash.ravel()) <= 8


@pytest.mark.parametrize(
    "part",
    [
        scene(1)[:540, :360],
        scene(1)[60:, 20:380],
        scene(1)[30:570, 40:],
        scene(1)[:530],
        scene(1)[60:540, 40:360],
        scene(1)[60:540, 40:360][:, ::-1],
    ],
)
def test_what_was_cut_out_of_a_photo_is_found_whichever_came_first(part):
    others = hashed(b=scene(2), c=scene(3))
    (photo, copy) = hashed(photo=scene(1), copy=part)
    assert found(photo, *others, copy) == [("photo", "copy")]
    assert found(copy, *others, photo) == [("copy", "photo")]


def test_crops_of_one_photo_are_one_group():
    images = hashed(a=scene(1)[:540, :360], b=scene(2), c=scene(1), d=scene(1)[:, 40:][:, ::-1])
    assert found(*images) == [("a", "c", "d")]


def test_photos_that_share_a_shape_and_not_its_colors_stay_apart():
    photo, part = hashed(photo=scene(1), part=255 - scene(1)[60:, 20:380, ::-1])
    shape = ImageHash("part", "part", hashed(x=scene(1)[60:, 20:380])[0].perceptual, part.thumbnail)
    assert found(photo, shape) == []


def test_on_a_white_wall_few_cells_tell_and_fewer_may_differ():
    """Of 64 cells, 16 show a shirt; another shirt in the same pose differs in them alone."""
    white = np.full((600, 400, 3), 255, np.uint8)
    white[150:450, 100:300] = scene(1)[150:450, 100:300]
    other = white.copy()
    other[200:400, 150:250, 2] = 255 - other[200:400, 150:250, 2]
    photo, copy, shirt = hashed(photo=white, copy=white[60:], shirt=other[60:])
    pose = ImageHash("shirt", "shirt", copy.perceptual, shirt.thumbnail, copy.crops)
    assert found(photo, copy) == [("photo", "copy")]
    assert found(photo, pose) == []


def test_what_goes_together_already_is_not_compared():
    images = hashed(photo=scene(1), copy=scene(1)[:540, :360])
    assert cropped(images, ["one", "one"]) == []


def test_a_photo_that_an_earlier_curate_hashed_is_found_as_the_crop_it_is():
    photo, copy = hashed(photo=scene(1), copy=scene(1)[:540, :360])
    without = ImageHash("copy", "copy", copy.perceptual, copy.thumbnail)
    assert found(photo, without) == [("photo", "copy")]
