import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from curation.core import image_io

SUFFIXES = ("jpg", "png", "webp", "bmp", "tif", "gif")


def save(folder, name, array=None, **options):
    path = folder / name
    Image.fromarray(np.zeros((4, 6, 3), np.uint8) if array is None else array).save(path, **options)
    return path


def png(bits, kind, samples):
    """A PNG of one row. kind: 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA; samples as in the file."""

    def chunk(name, body):
        size, check = len(body), zlib.crc32(name + body)
        return struct.pack(">I", size) + name + body + struct.pack(">I", check)

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    header = struct.pack(">IIBBBBB", len(samples) * 8 // (bits * channels), 1, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + samples)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def words(*values):
    return struct.pack(f">{len(values)}H", *values)


def test_size_is_height_then_width(tmp_path):
    assert image_io.size(save(tmp_path, "a.png")) == (4, 6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_turned_image_is_measured_and_read_as_shown(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner = np.zeros((16, 32, 3), np.uint8)
    corner[:8, :8] = 255
    path = save(tmp_path, f"a.{suffix}", corner, exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert image_io.size(path) == shown.shape[:2]
    assert (image_io.read(path) == shown).all()


@pytest.mark.parametrize(
    ("suffix", "orientation", "unturned"),
    [
        ("webp", 6, True),
        ("webp", 1, False),
        ("webp", 0, False),
        ("jpg", 6, False),
        ("png", 6, False),
    ],
)
def test_browsers_turn_no_webp(tmp_path, suffix, orientation, unturned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, f"a.{suffix}", np.zeros((16, 32, 3), np.uint8), exif=exif)
    assert image_io.header(path)[1] == unturned


def test_a_size_needs_no_pixels(tmp_path, monkeypatch):
    paths = [save(tmp_path, f"a.{suffix}") for suffix in SUFFIXES]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    assert {image_io.size(path) for path in paths} == {(4, 6)}


def test_a_png_that_ends_early_has_a_size_and_cannot_be_read(tmp_path):
    path = save(tmp_path, "a.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:600])
    assert image_io.size(path) == (64, 64)
    with pytest.raises(ValueError, match=r"^photo cannot be read: (?!photo)"):
        image_io.read(path)


def test_exif_behind_the_pixels_counts_neither_for_the_size_nor_for_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path = save(tmp_path, "a.png")
    content = path.read_bytes()
    path.write_bytes(content[:-12] + chunk + content[-12:])
    assert image_io.size(path) == image_io.read(path).shape[:2] == (4, 6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("value", [(6, 6), "6", b"6"])
def test_an_orientation_that_is_no_number_is_refused(tmp_path, monkeypatch, suffix, value):
    path = save(tmp_path, f"a.{suffix}")
    monkeypatch.setattr(Image.Exif, "get", lambda *_: value)
    for look in (image_io.size, image_io.read):
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
    for look in (image_io.size, image_io.read):
        with pytest.raises(ValueError, match="cannot be read"):
            look(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@pytest.mark.filterwarnings("ignore")
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
def test_no_broken_file_is_more_than_a_value_error(tmp_path, monkeypatch, data, suffix):
    monkeypatch.setattr("curation.core.rle.MAX_PIXELS", 10**5)  # a broken size costs no time
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"
    options = {} if suffix in ("bmp", "gif") else {"exif": exif}
    path = save(tmp_path, f"a.{suffix}", **options)
    content = bytearray(path.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(places)] if data.draw(st.booleans()) else content)
    refused = ("may change values", "an index mask has one value", "not of 1, 8 or 16 bits")
    for look, axes in ((image_io.size, 0), (image_io.read, 3), (image_io.read_index, 2)):
        found, said = outcome(look, path)
        kind = "mask" if look is image_io.read_index else "photo"
        if said:
            assert said.startswith(f"{kind} cannot be read: ") or any(r in said for r in refused)
        elif axes:
            assert found.ndim == axes
            assert found.shape[:2] == outcome(image_io.size, path)[0]
        else:
            assert min(found) > 0


def outcome(look, path):
    """What a function makes of a file, and the sentence with which it refuses it."""
    try:
        return look(path), ""
    except ValueError as error:
        assert str(error), "a refusal without a word"
        return None, str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_ends_within_its_header_is_refused_by_all(tmp_path, suffix):
    path = save(tmp_path, f"a.{suffix}")
    path.write_bytes(path.read_bytes()[:12])
    for look in (image_io.size, image_io.read, image_io.read_index):
        found, said = outcome(look, path)
        assert (found, " cannot be read: " in said) == (None, True)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = save(tmp_path, "a.png")
    monkeypatch.setattr("curation.core.rle.MAX_PIXELS", 10)
    for look in (image_io.size, image_io.read):
        with pytest.raises(ValueError, match="above 10 pixels"):
            look(path)


@pytest.mark.parametrize("content", [b"", b"not a photo", b"\xff\xd8\xff\xe0 cut off"])
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="photo cannot be read"):
        image_io.size(path)


def test_a_image_that_ends_early_is_refused_when_read(tmp_path):
    whole = save(
        tmp_path, "a.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    )
    whole.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(ValueError, match="cannot be read"):
        image_io.read(whole)


CLEAR_RED = [[[255, 0, 0, 255], [255, 0, 0, 0]]]
RED, WHITE, GREY, BLUE = [255, 0, 0], [255, 255, 255], [100, 100, 100], [0, 0, 255]


def palette(**options):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([*RED, *BLUE])
    return image, options


@pytest.mark.parametrize(
    ("suffix", "image", "options", "pixels"),
    [
        ("png", np.array(CLEAR_RED, np.uint8), {}, [RED, WHITE]),
        ("webp", np.array(CLEAR_RED, np.uint8), {"lossless": True}, [RED, WHITE]),
        ("tif", np.array(CLEAR_RED, np.uint8), {}, [RED, WHITE]),
        ("png", np.array([[[100, 255], [100, 0]]], np.uint8), {}, [GREY, WHITE]),
        ("png", np.array([[100, 7]], np.uint8), {"transparency": 7}, [GREY, WHITE]),
        ("png", *palette(), [RED, BLUE]),
        ("gif", *palette(), [RED, BLUE]),
        ("png", *palette(transparency=1), [RED, WHITE]),
        ("gif", *palette(transparency=1), [RED, WHITE]),
        ("png", np.array([[True, False]]), {}, [WHITE, [0, 0, 0]]),
    ],
)
def test_grey_palette_and_alpha_become_colors_over_white(tmp_path, suffix, image, options, pixels):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    path = tmp_path / f"a.{suffix}"
    image.save(path, **options)
    assert image_io.read(path)[0].tolist() == pixels


@pytest.mark.parametrize(
    ("kind", "samples", "pixels"),
    [
        (0, words(0, 32768, 65535), [[0] * 3, [127] * 3, WHITE]),
        (2, words(65535, 0, 0, 0, 0, 65535), [RED, BLUE]),
        (4, words(65535, 65535, 0, 0), [WHITE, WHITE]),
        (6, words(65535, 0, 0, 65535, 65535, 0, 0, 0), [RED, WHITE]),
    ],
)
def test_sixteen_bits_keep_their_colors(tmp_path, kind, samples, pixels):
    path = tmp_path / "a.png"
    path.write_bytes(png(16, kind, samples))
    assert image_io.read(path)[0].tolist() == pixels


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_grey_keeps_its_greys_in_either_byte_order(tmp_path, order):
    grey = np.array([[0, 32768], [65535, 0]], dtype=order)
    for name in ("a.png", "a.tif"):
        assert image_io.read(save(tmp_path, name, grey))[..., 0].tolist() == [[0, 127], [255, 0]]


def test_fractions_are_refused_not_shown_black(tmp_path):
    path = save(tmp_path, "a.tif", np.array([[0.0, 0.5, 1.0]], np.float32))
    with pytest.raises(ValueError, match="photo cannot be read: its values are fractions"):
        image_io.read(path)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_is_read_as_ink(tmp_path, suffix):
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 51))
    path = tmp_path / f"a.{suffix}"
    cyan.save(path, **({"quality": 100} if suffix == "jpg" else {}))
    assert image_io.read(path)[0, 0].tolist() == [0, 204, 204]


def test_ycck_is_read_as_ink(tmp_path):
    """Adobe's way: the inks as YCbCr, as if cyan, magenta and yellow were red, green and blue."""
    path = tmp_path / "a.jpg"
    y, cb, cr = Image.new("RGB", (1, 1), (55, 155, 205)).convert("YCbCr").getpixel((0, 0))
    inks = (255 - y, 255 - cb, 255 - cr, 0)  # Pillow inverts what it writes, as Adobe does
    Image.new("CMYK", (16, 16), inks).save(path, quality=100)
    content = path.read_bytes()
    marker = content.index(b"Adobe") + 11
    path.write_bytes(content[:marker] + b"\2" + content[marker + 1 :])  # 2: YCCK
    assert np.abs(image_io.read(path)[0, 0] - np.array([200, 100, 50])).max() <= 2


@pytest.mark.parametrize(
    ("suffix", "options"), [("webp", {"lossless": True}), ("png", {}), ("gif", {}), ("tif", {})]
)
def test_of_a_film_the_first_picture_is_read_under_any_suffix(tmp_path, suffix, options):
    red, blue = (Image.new("RGB", (6, 4), color) for color in ("red", "blue"))
    film = tmp_path / f"a.{suffix}"
    red.save(film, save_all=True, append_images=[blue], **options)
    path = film.rename(tmp_path / "a.jpg")
    assert image_io.size(path) == (4, 6)
    assert (image_io.read(path) == RED).all()


def test_an_index_mask_is_read_as_its_values(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [255, 7]], np.uint8))
    image.putpalette([9, 9, 9] * 256)
    image.save(tmp_path / "a.png")
    values = image_io.read_index(tmp_path / "a.png")
    assert (values.dtype, values.tolist()) == (np.uint8, [[0, 1], [255, 7]])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.sampled_from(["u1", "<u2", ">u2"]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    ),
    st.sampled_from(["png", "tif"]),
)
def test_an_index_mask_is_read_exactly(tmp_path, values, suffix):
    read = image_io.read_index(save(tmp_path, f"a.{suffix}", values))
    assert read.dtype == values.dtype.newbyteorder("=")
    assert (read == values).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_as_its_image_is(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    values = np.arange(24, dtype=np.uint8).reshape(4, 6)
    mask = save(tmp_path, f"mask.{suffix}", values, exif=exif)
    image = save(tmp_path, "photo.png", np.dstack([values] * 3), exif=exif)
    assert image_io.read_index(mask).tolist() == image_io.read(image)[..., 0].tolist()


def test_a_turned_tiff_of_sixteen_bits_is_read_as_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path, "a.tif", np.array([[0, 65535]], np.uint16), exif=exif)
    assert image_io.size(path) == (2, 1)
    assert image_io.read(path)[..., 0].tolist() == [[0], [255]]


@pytest.mark.parametrize("bits", [2, 4])
def test_an_index_mask_whose_values_a_reader_stretches_is_refused(tmp_path, bits):
    path = tmp_path / "a.png"
    path.write_bytes(png(bits, 0, bytes([0x12])))
    with pytest.raises(ValueError, match=r"^its values are not of 1, 8 or 16"):
        image_io.read_index(path)


def test_an_index_mask_whose_values_a_reader_inverts_is_refused(tmp_path):
    for values in (np.array([[1, 2]], np.uint8), np.array([[True, False]])):
        path = save(tmp_path, "a.tif", values, tiffinfo={262: 0})  # 0 is white
        with pytest.raises(ValueError, match="its values are not of 1, 8 or 16"):
            image_io.read_index(path)


def test_resizing_averages_and_lines_up_with_the_label_maps(tmp_path):
    left_black = np.full((8, 8, 3), 255, np.uint8)
    left_black[:, :4] = 0
    small = image_io.read(save(tmp_path, "a.png", left_black), resize=2)
    assert small[..., 0].tolist() == [[0, 255], [0, 255]]


def test_the_same_bytes_have_the_same_hash(tmp_path):
    first, second = save(tmp_path, "a.png"), save(tmp_path, "b.png")
    other = save(tmp_path, "c.png", np.ones((4, 6, 3), np.uint8))
    assert (
        image_io.content_hash(first)
        == image_io.content_hash(second)
        != image_io.content_hash(other)
    )
