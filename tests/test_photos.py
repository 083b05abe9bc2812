import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

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


@pytest.mark.parametrize("name", ["a" * 300, "a" * 254, "a\ud800", "a\udc80.jpg", "loop"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ValueError, match="photo cannot be read: "):
        photos.find(tmp_path, name)


def test_a_link_that_leads_out_is_refused(tmp_path):
    inner = tmp_path / "photos"
    inner.mkdir()
    (inner / "link.jpg").symlink_to(save(tmp_path, "a.jpg"))
    for name in ("link.jpg", "link"):
        with pytest.raises((ValueError, FileNotFoundError)):
            photos.find(inner, name)


def test_size_is_height_then_width(tmp_path):
    assert photos.size(save(tmp_path, "a.png")) == (4, 6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_turned_photo_is_measured_and_read_as_shown(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner = np.zeros((16, 32, 3), np.uint8)
    corner[:8, :8] = 255
    path = save(tmp_path, f"a.{suffix}", corner, exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert photos.size(path) == shown.shape[:2]
    assert (photos.read(path) == shown).all()


def test_a_size_needs_no_pixels(tmp_path, monkeypatch):
    paths = [save(tmp_path, f"a.{suffix}") for suffix in ("jpg", "png", "webp", "bmp", "tif")]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    assert {photos.size(path) for path in paths} == {(4, 6)}


def test_a_png_that_ends_early_has_a_size_and_cannot_be_read(tmp_path):
    path = save(tmp_path, "a.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:600])
    assert photos.size(path) == (64, 64)
    with pytest.raises(ValueError, match=r"^photo cannot be read: (?!photo)"):
        photos.read(path)


def test_exif_behind_the_pixels_counts_neither_for_the_size_nor_for_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path = save(tmp_path, "a.png")
    content = path.read_bytes()
    path.write_bytes(content[:-12] + chunk + content[-12:])
    assert photos.size(path) == photos.read(path).shape[:2] == (4, 6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("value", [(6, 6), "6", b"6"])
def test_an_orientation_that_is_no_number_is_refused(tmp_path, monkeypatch, suffix, value):
    path = save(tmp_path, f"a.{suffix}")
    monkeypatch.setattr(Image.Exif, "get", lambda *_: value)
    for look in (photos.size, photos.read):
        with pytest.raises(ValueError, match="cannot be read: its EXIF orientation"):
            look(path)


def test_an_orientation_of_another_type_on_disk_is_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path, "a.jpg", exif=exif)
    content = path.read_bytes()
    short, text = struct.pack(">HHI", 0x0112, 3, 1), struct.pack(">HHI", 0x0112, 2, 1)
    assert short in content
    path.write_bytes(content.replace(short, text))
    for look in (photos.size, photos.read):
        with pytest.raises(ValueError, match="cannot be read"):
            look(path)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@pytest.mark.filterwarnings("ignore")
@given(data=st.data(), suffix=st.sampled_from(["jpg", "png", "webp", "tif"]))
def test_no_broken_file_is_more_than_a_value_error(tmp_path, monkeypatch, data, suffix):
    monkeypatch.setattr("curation.rle.MAX_PIXELS", 10**5)  # a broken size costs no time
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"
    path = save(tmp_path, f"a.{suffix}", exif=exif)
    content = bytearray(path.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(places)] if data.draw(st.booleans()) else content)
    for look in (photos.size, photos.read):
        try:
            look(path)
        except ValueError as error:
            assert str(error).startswith("photo cannot be read: ")


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
