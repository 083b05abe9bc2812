"""Masks that were written in another way than they are read."""

import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as hnp

from curation.core import misread, rle

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(MASKS)
def test_what_was_swapped_or_written_along_the_rows_is_read_again(mask):
    assert misread.inverse(rle.encode(~mask)) == rle.encode(mask)
    written = rle.encode(mask.ravel().reshape(mask.shape, order="F"))
    assert misread.along_rows(written) == rle.encode(mask)


@given(MASKS.filter(np.any))
def test_neighbours_are_counted_as_on_the_pixels(mask):
    flat = mask.ravel(order="F")
    starts, ends = rle.edges(rle.to_counts(rle.encode(mask)))
    for stride in (1, mask.shape[0], 5):
        both = flat[:-stride] & flat[stride:] if stride < flat.size else np.zeros(1)
        assert np.isclose(misread._beside(starts, ends, stride), both.sum() / flat.sum())
    height = mask.shape[0]
    least = misread._goes_on(starts, ends, height)
    assert least <= round(misread._beside(starts, ends, height) * flat.sum())
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert np.isclose(misread._on_border(starts, ends, *mask.shape), edge.mean())
