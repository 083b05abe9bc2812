"""TensorFlow's own writer and reader are the peers to be exact against."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.core.errors import CurateError
from curation.formats.tfrecord import example


def drawn(height=8, width=6, seed=0):
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    return image, rng.integers(0, 6, (height, width)).astype(np.uint8)


def test_tensorflow_reads_the_same_example():
    serialised = example.encode("é,1", *drawn())
    theirs = tf.train.Example.FromString(serialised)
    assert theirs.SerializeToString(deterministic=True) == serialised
    features = theirs.features.feature
    assert features["image/filename"].bytes_list.value[0].decode() == "é,1"
    assert features["image/height"].int64_list.value[0] == 8
    labels = tf.io.decode_png(features["image/segmentation/class/encoded"].bytes_list.value[0])
    np.testing.assert_array_equal(labels[..., 0], drawn()[1])


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_our_messages_and_tensorflows_are_at_home_in_one_process(first):
    ours = "from curation.formats.tfrecord import example, example_pb2\n"
    without = "import sys; assert 'tensorflow' not in sys.modules\n"
    theirs = "import tensorflow as tf\n"
    imports = ours + without + theirs if first == "ours" else theirs + ours
    code = (
        "made = example_pb2.Example()\n"
        "made.features.feature['a'].int64_list.value.append(3)\n"
        "again = tf.train.Example.FromString(made.SerializeToString())\n"
        "assert again.features.feature['a'].int64_list.value[:] == [3]\n"
    )
    subprocess.run([sys.executable, "-c", imports + code], check=True, capture_output=True)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_files_are_those_of_tensorflows_writer(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("files")
    (folder / "ours").write_bytes(b"".join(map(example.frame, records)))
    with tf.io.TFRecordWriter(str(folder / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (folder / "ours").read_bytes() == (folder / "theirs").read_bytes()
    file = os.open(folder / "theirs", os.O_RDONLY)
    spans = example.spans(folder / "theirs").tolist()
    assert [example.read_span(file, *span) for span in spans] == records
    os.close(file)


def test_an_example_comes_back():
    image, labels = drawn(5, 9)
    name, again, map_again = example.decode(example.encode("a", image, labels))
    assert name == "a"
    assert np.abs(again.astype(int) - image).max() <= 3  # JPEG
    np.testing.assert_array_equal(map_again, labels)


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_file_cut_off_is_an_error_that_names_the_place(tmp_path, cut):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(example.frame(b"x" * 20)[:-cut])
    with pytest.raises(CurateError, match=r"a\.tfrecord:byte \d+: .*cut off; export again"):
        example.spans(path)


def test_a_flipped_bit_is_an_error(tmp_path):
    path = tmp_path / "a.tfrecord"
    data = bytearray(example.frame(b"x" * 20))
    data[15] ^= 1
    path.write_bytes(data)
    with path.open("rb") as file, pytest.raises(ValueError, match="checksum"):
        example.read_span(file.fileno(), 12, 20)


@pytest.mark.parametrize("serialised", [b"", b"\xff\xff", tf.train.Example().SerializeToString()])
def test_what_is_no_example_is_an_error(serialised):
    with pytest.raises(ValueError, match="no photo with a label map"):
        example.decode(serialised)


def test_a_label_map_of_another_size_is_an_error():
    image, _ = drawn(8, 6)
    with pytest.raises(ValueError, match="differ in size"):
        example.decode(example.encode("a", image, np.zeros((8, 7), np.uint8)))


def test_pixels_are_those_that_pillow_decodes():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (75, 101, 3)).astype(np.uint8)
    serialised = example.encode("a", image, np.zeros((75, 101), np.uint8))
    jpeg = tf.train.Example.FromString(serialised).features.feature[example.IMAGE]
    expected = np.asarray(Image.open(io.BytesIO(jpeg.bytes_list.value[0])))
    np.testing.assert_array_equal(example.decode(serialised)[1], expected)


def with_image(jpeg):
    theirs = tf.train.Example.FromString(example.encode("a", *drawn()))
    theirs.features.feature[example.IMAGE].bytes_list.value[:] = [jpeg]
    return theirs.SerializeToString()


def test_an_image_that_turns_itself_would_leave_its_labels():
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(drawn()[0]).save(turned, "JPEG", exif=exif)
    assert example.decode(with_image(turned.getvalue()))[1].shape == (8, 6, 3)


def test_an_image_cut_off_is_an_error():
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(whole, "JPEG")
    with pytest.raises(ValueError, match=r"no photo with a label map: .*cut off or damaged"):
        example.decode(with_image(whole.getvalue()[:1000]))


def test_an_image_too_large_is_refused_by_its_header():
    small = io.BytesIO()
    Image.fromarray(drawn()[0]).save(small, "JPEG")
    size = bytes.fromhex("ffc00011080008000603")  # its frame's header: 8 rows of 6 pixels
    assert size in small.getvalue()
    large = small.getvalue().replace(size, bytes.fromhex("ffc0001108ea60ea6003"))
    with pytest.raises(ValueError, match="exceeds limit"):
        example.decode(with_image(large))
