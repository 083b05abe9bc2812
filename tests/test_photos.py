import numpy as np
import pytest
from PIL import Image

from curation import photos


def save(folder, name, array=None, **options):
    path = folder / name
    Image.fromarray(np.zeros((4, 6, 3), np.uint8) if array is None else array).save(path, **options)
    return path


def test_a_name_may_come_without_its_suffix(tmp_path):
    path = save(tmp_path, "a b é.JPG", format="JPEG")
    assert photos.find(tmp_path, "a b é") == path
    assert photos.find(tmp_path, "a b é.JPG") == path


def test_a_dot_in_a_name_is_no_suffix(tmp_path):
    path = save(tmp_path, "v1.2.jpg")
    assert photos.find(tmp_path, "v1.2") == path


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "sub/../../a.jpg", "x\0.jpg"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    save(tmp_path, "a.jpg")
    inner = tmp_path / "photos"
    inner.mkdir()
    with pytest.raises(ValueError, match="leads out"):
        photos.find(inner, name)


def test_a_link_that_leads_out_is_refused(tmp_path):
    inner = tmp_path / "photos"
    inner.mkdir()
    (inner / "link.jpg").symlink_to(save(tmp_path, "a.jpg"))
    for name in ("link.jpg", "link"):
        with pytest.raises((ValueError, FileNotFoundError)):
            photos.find(inner, name)


def test_size_is_height_then_width(tmp_path):
    assert photos.size(save(tmp_path, "a.png")) == (4, 6)


@pytest.mark.parametrize(("orientation", "expected"), [(1, (4, 6)), (3, (4, 6)), (6, (6, 4))])
def test_a_turned_photo_is_measured_and_read_as_shown(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, "a.jpg", exif=exif)
    assert photos.size(path) == expected
    assert photos.read(path).shape == (*expected, 3)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = save(tmp_path, "a.png")
    monkeypatch.setattr("curation.rle.MAX_PIXELS", 10)
    for look in (photos.size, photos.read):
        with pytest.raises(ValueError, match="above 10 pixels"):
            look(path)


@pytest.mark.parametrize("content", [b"", b"not a photo", b"\xff\xd8\xff\xe0 cut off"])
def test_what_is_no_photo_is_refused(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        photos.size(path)


def test_a_photo_that_ends_early_is_refused_when_read(tmp_path):
    whole = save(
        tmp_path, "a.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    )
    whole.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(ValueError, match="cannot be read"):
        photos.read(whole)


def test_alpha_is_laid_over_white(tmp_path):
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = [255, 0, 0, 255]
    read = photos.read(save(tmp_path, "a.png", clear))
    assert read[0, 0].tolist() == [255, 0, 0]
    assert read[1, 1].tolist() == [255, 255, 255]


def test_sixteen_bit_grey_keeps_its_greys(tmp_path):
    grey = np.array([[0, 32768], [65535, 0]], dtype=np.uint16)
    assert photos.read(save(tmp_path, "a.png", grey))[..., 0].tolist() == [[0, 127], [255, 0]]


def test_resizing_averages_and_lines_up_with_the_label_maps(tmp_path):
    left_black = np.full((8, 8, 3), 255, np.uint8)
    left_black[:, :4] = 0
    small = photos.read(save(tmp_path, "a.png", left_black), resize=2)
    assert small[..., 0].tolist() == [[0, 255], [0, 255]]


def test_the_same_bytes_have_the_same_hash(tmp_path):
    first, second = save(tmp_path, "a.png"), save(tmp_path, "b.png")
    other = save(tmp_path, "c.png", np.ones((4, 6, 3), np.uint8))
    assert photos.content_hash(first) == photos.content_hash(second) != photos.content_hash(other)
