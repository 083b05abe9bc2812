"""TensorFlow's own writer and reader are the peers to be exact against."""

import os

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import CurateError
from curation.formats import tfexample


def drawn(height=8, width=6, seed=0):
    rng = np.random.default_rng(seed)
    photo = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    return photo, rng.integers(0, 6, (height, width)).astype(np.uint8)


def test_tensorflow_reads_the_same_example():
    serialised = tfexample.encode("é,1", *drawn())
    example = tf.train.Example.FromString(serialised)
    assert example.SerializeToString(deterministic=True) == serialised
    features = example.features.feature
    assert features["image/filename"].bytes_list.value[0].decode() == "é,1"
    assert features["image/height"].int64_list.value[0] == 8
    labels = tf.io.decode_png(features["image/segmentation/class/encoded"].bytes_list.value[0])
    np.testing.assert_array_equal(labels[..., 0], drawn()[1])


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_files_are_those_of_tensorflows_writer(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("files")
    (folder / "ours").write_bytes(b"".join(map(tfexample.frame, records)))
    with tf.io.TFRecordWriter(str(folder / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (folder / "ours").read_bytes() == (folder / "theirs").read_bytes()
    file = os.open(folder / "theirs", os.O_RDONLY)
    spans = tfexample.spans(folder / "theirs").tolist()
    assert [tfexample.read_span(file, *span) for span in spans] == records
    os.close(file)


def test_an_example_comes_back():
    photo, labels = drawn(5, 9)
    name, again, map_again = tfexample.decode(tfexample.encode("a", photo, labels))
    assert name == "a"
    assert np.abs(again.astype(int) - photo).max() <= 3  # JPEG
    np.testing.assert_array_equal(map_again, labels)


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_file_cut_off_is_an_error_that_names_the_place(tmp_path, cut):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(tfexample.frame(b"x" * 20)[:-cut])
    with pytest.raises(CurateError, match=r"a\.tfrecord:byte \d+: .*cut off; export again"):
        tfexample.spans(path)


def test_a_flipped_bit_is_an_error(tmp_path):
    path = tmp_path / "a.tfrecord"
    data = bytearray(tfexample.frame(b"x" * 20))
    data[15] ^= 1
    path.write_bytes(data)
    with path.open("rb") as file, pytest.raises(ValueError, match="checksum"):
        tfexample.read_span(file.fileno(), 12, 20)


@pytest.mark.parametrize("serialised", [b"", b"\xff\xff", tf.train.Example().SerializeToString()])
def test_what_is_no_example_is_an_error(serialised):
    with pytest.raises(ValueError, match="no photo with a label map"):
        tfexample.decode(serialised)


def test_a_label_map_of_another_size_is_an_error():
    photo, _ = drawn(8, 6)
    with pytest.raises(ValueError, match="differ in size"):
        tfexample.decode(tfexample.encode("a", photo, np.zeros((8, 7), np.uint8)))
