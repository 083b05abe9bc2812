import pickle

import numpy as np
import pytest
from PIL import Image

from curation.audit import image_hash
from curation.audit.image_hash import ImageHash, check_image, hash_images
from curation.core import image_io
from curation.core.records import ImageRecord, Instance
from curation.core.rle import encode


def labelled(path, height, width):
    dress = Instance("dress", encode(np.ones((height, width))), "train.csv:7")
    return ImageRecord("p", path, height, width, (dress,))


@pytest.fixture
def jpeg(tmp_path):
    """120 wide and 160 high, red above blue."""
    pixels = np.zeros((160, 120, 3), dtype=np.uint8)
    pixels[:80, :, 0] = pixels[80:, :, 2] = 255
    Image.fromarray(pixels).save(tmp_path / "p.jpg", quality=95)
    return tmp_path / "p.jpg"


def test_a_sound_image_has_a_print_and_no_fault(jpeg):
    found, wrong = check_image(labelled(jpeg, 160, 120))
    assert wrong == []
    assert found.image_id == "p"
    assert found.content == image_io.content_hash(jpeg)
    cells = np.frombuffer(found.thumbnail, np.uint8).reshape(8, 8, 3).astype(int)
    assert np.abs(cells[:4] - (255, 0, 0)).max() < 10
    assert np.abs(cells[4:] - (0, 0, 255)).max() < 10
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_image_of_another_size_than_its_masks_says_which(jpeg):
    found, (fault,) = check_image(labelled(jpeg, 120, 160))
    assert found is not None
    assert (fault.kind, fault.location) == ("size mismatch", "train.csv:7")
    assert "160x120" in fault.detail and "120x160" in fault.detail


def test_a_photo_that_browsers_do_not_turn_is_named(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (160, 120)).save(tmp_path / "p.webp", exif=exif)
    found, (fault,) = check_image(labelled(tmp_path / "p.webp", 160, 120))
    assert found is not None
    assert (fault.kind, fault.image_id) == ("photo that browsers do not turn", "p")
    assert "save the photo turned" in fault.detail


@pytest.mark.parametrize("spoil", ["cut off", "replaced", "removed"])
def test_a_image_that_cannot_be_decoded_to_its_end_is_unreadable(jpeg, spoil):
    content = jpeg.read_bytes()
    if spoil == "removed":
        jpeg.unlink()
    else:
        jpeg.write_bytes(content[:-100] if spoil == "cut off" else b"<html>not found</html>")
    found, (fault,) = check_image(labelled(jpeg, 160, 120))
    assert found is None
    assert (fault.kind, fault.instance_id, fault.location) == (
        "unreadable photo",
        "",
        "train.csv:7",
    )
    assert "photo cannot be read" in fault.detail


def test_a_image_without_labels_is_checked_too(jpeg):
    found, wrong = check_image(ImageRecord("p", jpeg, 160, 120))
    assert found is not None
    assert wrong == []


def test_a_kept_hash_saves_decoding_as_long_as_the_file_is_the_same(jpeg, monkeypatch):
    record = labelled(jpeg, 120, 160)
    known, _ = check_image(record)
    with monkeypatch.context() as patch:
        patch.setattr(image_hash, "hash_image", pytest.fail)
        found, (finding,) = check_image(record, known)
    assert found == known
    assert finding.kind == "size mismatch"
    Image.new("RGB", (120, 160)).save(jpeg)
    found, _ = check_image(record, known)
    assert found.content == image_io.content_hash(jpeg) != known.content
    jpeg.unlink()
    found, (finding,) = check_image(record, known)
    assert (found, finding.kind) == (None, "unreadable photo")


def test_a_hash_comes_back_from_its_text(jpeg):
    found, _ = check_image(labelled(jpeg, 160, 120))
    perceptual, thumbnail, crops = found.to_text()
    assert (len(perceptual), len(thumbnail), len(crops)) == (16, 256, 256)
    assert ImageHash.from_text("p", found.content, perceptual, thumbnail, crops) == found


@pytest.mark.parametrize(
    ("perceptual", "thumbnail", "crops"),
    [
        ("1", "A" * 256, ""),
        ("g" * 16, "A" * 256, ""),
        ("0" * 16, "A" * 252, ""),
        ("0" * 16, "?" * 256, ""),
        ("0" * 16, "A" * 256, "A" * 252),
    ],
)
def test_a_text_that_is_no_hash_is_refused(perceptual, thumbnail, crops):
    with pytest.raises(ValueError):
        ImageHash.from_text("p", "c", perceptual, thumbnail, crops)


def test_many_are_hashed_at_once_and_those_that_cannot_be_read_are_none(jpeg, tmp_path):
    found, _ = check_image(labelled(jpeg, 160, 120))
    assert hash_images(None, [("p", jpeg), ("q", tmp_path / "q.jpg")]) == [found, None]
