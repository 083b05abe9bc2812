"""Held against libjpeg, which is in Pillow: the same pixels, and the same refusals."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from curation.core import image_io, jpeg


def progressive(mode="RGB", **options):
    """Colours that change from block to block, and detail in each; in several scans."""
    rng = np.random.default_rng(0)
    shape = (640, 584) if mode == "L" else (640, 584, 3)
    coarse = rng.integers(0, 255, (40, 37, *shape[2:]), np.uint8).repeat(16, 0).repeat(16, 1)
    pixels = (coarse[:, :584] // 2 + rng.integers(0, 120, shape)).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", progressive=True, **options)
    return file.getvalue()


def at_an_eighth(data):
    image = Image.open(BytesIO(data))
    image.draft("RGB", (64, 64))
    assert image.size == (73, 80)
    return np.asarray(image)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "L"},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:2"},
        {"subsampling": "4:2:0"},
        {"subsampling": "4:2:0", "restart_marker_rows": 3},
    ],
    ids=str,
)
def test_a_photo_without_its_detail_is_the_same_at_an_eighth(options):
    data = progressive(**options)
    less = jpeg.without_detail(data)
    assert len(less) < len(data) / 2
    np.testing.assert_array_equal(at_an_eighth(less), at_an_eighth(data))


def test_what_is_no_whole_progressive_jpeg_is_left_to_its_decoder():
    data = progressive()
    plain = BytesIO()
    Image.new("RGB", (99, 99), "red").save(plain, "JPEG")
    cut = [data[:length] for length in (*range(24), 700, len(data) // 2, len(data) - 2)]
    for left in (*cut, plain.getvalue(), b"<html>not found</html>"):
        assert jpeg.without_detail(left) is left


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.999])
def test_a_progressive_photo_that_is_cut_off_is_refused_at_any_size(cut, tmp_path):
    data = progressive()
    (tmp_path / "p.jpg").write_bytes(data)
    assert image_io.read(tmp_path / "p.jpg", resize=32).shape == (32, 32, 3)
    (tmp_path / "p.jpg").write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ValueError, match="photo cannot be read"):
        image_io.read(tmp_path / "p.jpg", resize=32)
