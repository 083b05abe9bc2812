import pickle

import numpy as np
import pytest
from PIL import Image

from curation.audit.image_hash import check_image
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
