"""What the formats share."""

import shutil

import pytest
from PIL import Image

from curation.core import rle
from curation.core.finding import FindingKind
from curation.core.records import Instance
from curation.formats.messages import explain_mismatch
from curation.formats.source import Repeats, find_image, join
from tests.conftest import picture


@pytest.mark.parametrize(
    ("given_size", "found_size", "expected"),
    [
        ((600, 400), (400, 600), "for 400x600, the photo is 600x400: turned"),
        ((600, 400), (300, 200), "scaled by 0.5"),
        ((2001, 1500), (667, 500), "scaled by 0.333"),
        ((67, 100), (2000, 3000), "scaled by 29.9"),
        ((600, 400), (500, 400), "another photo"),
        ((0, 0), (4, 6), "another photo"),
        ((-4, -6), (4, 6), "another photo"),
    ],
)
def test_a_size_that_is_not_the_images_is_explained(given_size, found_size, expected):
    assert expected in explain_mismatch(given_size, found_size)


def test_a_listing_is_a_photos_by_its_file_and_called_without_its_suffix_by_one_photo(
    images_folder,
):
    names = ["a.png", "a", "./a.jpg", "b.png", "sub/../b", "x/a", "a.jpg"]
    assert Repeats.of(names, images_folder) == Repeats(
        {1: (2, 6), 3: (4,)}, {2: 1, 6: 1, 4: 3}, frozenset()
    )
    for name in ("a.png", "a.jpg.png"):
        shutil.copy(images_folder / "b.png", images_folder / name)
    two = ["a.jpg", "a.png", "a.jpg.png"]
    repeats = Repeats.of(two, images_folder)
    assert repeats == Repeats({}, {}, frozenset({1, 2}))
    assert [repeats.image_id(*of) for of in enumerate(two)] == ["a", "a.png", "a.jpg.png"]


def test_a_photo_that_browsers_do_not_turn_is_found_and_named(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.webp", exif=exif)
    told = []
    assert find_image(tmp_path, "a.webp", "t.csv:2", "1 row", told.append)[1:] == (6, 4)
    assert [(f.kind, f.location) for f in told] == [(FindingKind.UNTURNED, "t.csv:2")]


def test_what_two_listings_say_is_there_once_and_what_one_says_twice_stays():
    left, right = (Instance("top", rle.encode(picture(row))) for row in ("#..", "..#"))
    fine = Instance("top", left.mask, attributes=("plain",))
    assert join([[left, left], [right, left, fine]]) == (left, left, right, fine)
    assert join([[], []]) == ()
