"""Brush masks, held against Label Studio's own encoder and decoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.core import rle
from curation.formats.label_studio import brush
from tests.conftest import picture

BELT = picture(
    "######",
    "#....#",
    "######",
    "....#.",
)
"""A hole, and a strap one pixel wide."""

GREY, FAINT = (
    [0, 0, 0, 96, 57, 27, 254, 27, 255, 190, 1, 134, 255, 239, 128, 71, 255, 24, 0],
    [0, 0, 0, 96, 57, 27, 254, 27, 1, 190, 1, 134, 192, 111, 128, 70, 3, 24, 0],
)
"""``mask2rle(BELT * 255)`` and ``mask2rle(BELT * 1)`` of ``label_studio_sdk.converter.brush``
(label-studio-sdk 2.1.2); its ``decode_from_annotation`` gives BELT of both."""

COLOURED = [
    0, 0, 0, 96, 57, 27, 248, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0,
    25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25,
    17, 0, 1, 145, 16, 0, 25, 17, 0, 1, 145, 16, 0, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0,
    25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25, 0, 15, 0, 0, 4, 0, 25,
    0, 15, 0, 0, 4, 0, 25, 17, 0, 1, 145, 16, 0, 25, 17, 0, 1, 145, 16, 0, 25, 0, 15, 0, 0, 4, 0,
    25, 17, 0, 0,
]  # fmt: skip
"""``encode_rle`` of (200, 30, 0, 128) inside and (200, 0, 0, 0) outside, as a browser paints."""


@pytest.mark.parametrize("packed", [GREY, FAINT, COLOURED], ids=["grey", "faint", "coloured"])
def test_what_label_studio_packs_is_unpacked_as_it_does(packed):
    assert rle.decode(brush.decode(bytes(packed), 4, 6)).tolist() == BELT.tolist()


def test_label_studios_own_decoder_says_the_same():
    reason = "label-studio-sdk is not installed: pip install label-studio-sdk"
    theirs = pytest.importorskip("label_studio_sdk.converter.brush", reason=reason)
    for packed in (GREY, FAINT, COLOURED):
        result = {"type": "brushlabels", "rle": packed, "original_width": 6, "original_height": 4}
        (alpha,) = theirs.decode_from_annotation("tag", [result]).values()
        assert ((alpha > 0) == rle.decode(brush.decode(bytes(packed), 4, 6))).all()


def pack(words: np.ndarray, sizes: list[int], literal: int, word_size: int = 8) -> bytes:
    """An encoder from the format's definition: runs, and up to ``literal`` words as they are."""
    bits = f"{len(words):032b}{word_size - 1:05b}" + "".join(f"{s - 1:04b}" for s in sizes)
    at = 0
    while at < len(words):
        same = next((k for k, w in enumerate(words[at:]) if w != words[at]), len(words) - at)
        n = same if same > 1 else min(literal, len(words) - at)
        which = next((k for k, s in enumerate(sizes) if n <= 1 << s), 3)
        n = min(n, 1 << sizes[which])
        bits += f"{int(same > 1)}{which:02b}{n - 1:0{sizes[which]}b}"
        bits += "".join(f"{w:0{word_size}b}" for w in words[at : at + (1 if same > 1 else n)])
        at += n
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(4)),
        elements=st.sampled_from([0, 0, 0, 1, 128, 255]),
    ),
    st.lists(st.integers(1, 16), min_size=4, max_size=4),
    st.integers(1, 20),
    st.integers(8, 32),
)
def test_any_mask_comes_back_whatever_the_sizes(rgba, sizes, literal, word_size):
    packed = pack(rgba.ravel(), sorted(sizes), literal, word_size)
    mask = brush.decode(packed, *rgba.shape[:2])
    assert (rle.decode(mask) == (rgba[:, :, 3] > 0)).all()


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", "cut off"),
        (bytes(GREY[:5]), "cut off"),
        (bytes(GREY[:12]), "cut off"),
        (b"\xff" * 8, "of 4294967295 values, the photo has 96"),
        (bytes([0, 0, 0, 24, *GREY[4:]]), "of 24 values, the photo has 96"),
        (pack(np.zeros(128, np.uint8), [3, 4, 8, 16], 1)[:3] + bytes([96, 57, 27, 255]), "cut off"),
        (bytes([0, 0, 0, 96]) + pack(np.zeros(128, int), [3, 4, 8, 16], 1)[4:], "past the end"),
    ],
)
def test_runs_that_are_none_of_the_photo_say_why(packed, reason):
    with pytest.raises(ValueError, match=reason):
        brush.decode(packed, 4, 6)


def test_a_size_that_would_eat_the_memory_is_refused():
    with pytest.raises(ValueError, match="above"):
        brush.decode(bytes(GREY), 10**6, 10**6)
