"""What the formats share."""

import pytest

from curation.formats.messages import explain_mismatch


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
