import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from curation.core.errors import CurateError
from curation.formats import tfrecord
from curation.formats.tfrecord import example
from tests.training.data.exported import COLORS, export
from training.data.records import Records


@pytest.fixture
def folder(tmp_path):
    return export(tmp_path)


def shard(folder, split="train"):
    return next(folder.glob(f"{split}-*.tfrecord"))


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def rewrite(folder, image_id, image, labels):
    """Puts another first record into the training shard."""
    spans = example.spans(shard(folder)).tolist()
    with shard(folder).open("rb") as file:
        rest = [example.read_span(file.fileno(), *span) for span in spans[1:]]
    examples = [example.encode(image_id, image, labels), *rest]
    shard(folder).write_bytes(b"".join(map(example.frame, examples)))


def test_every_image_comes_with_its_own_labels_as_channels(folder):
    records = Records(folder)
    assert (len(records), records.size) == (7, 32)
    assert records.classes.names == ("background", "top", "skirt", "shoe")
    assert records.classes.colors[1] == "#d62728"
    assert [p.split for p in records.images] == ["train"] * 5 + ["val"] * 2
    given = [name for split in ("train", "val") for name, *_ in tfrecord.read(folder, split)]
    for index, image_id in enumerate(given):
        assert records.images[index].image_id == image_id
        image, labels = records.read(index)
        assert set(np.unique(labels)) <= {0, 1, 2, 3, 255}
        assert (labels[:4, :4] == 255).all()
        seen = labels != 255
        assert np.abs(image[seen].astype(int) - COLORS[labels[seen]]).mean() < 5  # JPEG


def test_images_are_those_that_the_export_decodes_to(folder):
    records = Records(folder)
    for index, (_, image, _) in enumerate(tfrecord.read(folder, "train")):
        np.testing.assert_array_equal(records.read(index)[0], image)
        np.testing.assert_array_equal(records.images[index].read(32), image)


def test_images_can_be_had_alone(folder):
    records = Records(folder)
    for index, recorded in enumerate(records.images):
        np.testing.assert_array_equal(recorded.read(records.size), records.read(index)[0])


def test_labels_can_be_had_alone(folder):
    records = Records(folder)
    for index in range(7):
        np.testing.assert_array_equal(records.labels(index), records.read(index)[1])


def test_the_digest_is_of_images_labels_and_splits(tmp_path):
    folder = export(tmp_path / "a")
    digest = Records(folder).digest()
    assert Records(export(tmp_path / "b")).digest() == digest
    change(folder / "classes.csv", "shoe", "shoes")
    assert Records(folder).digest() != digest


def test_a_image_that_the_export_left_out_shifts_no_other(tmp_path):
    records = Records(export(tmp_path, broken=2))
    assert len(records) == 6
    assert "photo 2" not in {p.image_id for p in records.images}
    for index in range(6):
        records.read(index)  # which compares the names


def test_threads_and_other_processes_read_the_same(folder):
    records = Records(folder)
    alone = [records.read(index) for index in range(7)]
    copy = pickle.loads(pickle.dumps(records))
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(copy.read, list(range(7)) * 20))
    for index, pair in enumerate(together):
        np.testing.assert_array_equal(pair[0], alone[index % 7][0])
        np.testing.assert_array_equal(pair[1], alone[index % 7][1])


def test_what_was_opened_is_read_even_when_another_export_takes_its_place(tmp_path):
    records = Records(export(tmp_path))
    before = records.read(6)
    export(tmp_path, train=3)
    np.testing.assert_array_equal(records.read(6)[0], before[0])


def test_a_shard_with_a_changed_byte_is_found(folder):
    Records(folder).verify()
    data = bytearray(shard(folder).read_bytes())
    data[300] ^= 1
    shard(folder).write_bytes(data)
    records = Records(folder)
    with pytest.raises(CurateError, match=r"train-00000-of-00001.*manifest.*curate export"):
        records.verify()
    with pytest.raises(CurateError, match=r"train-00000.*tfrecord:photo \d: .*checksum"):
        records.read(0)


def test_a_record_that_is_another_images_is_refused(folder):
    rewrite(folder, "photo 77", np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8))
    with pytest.raises(CurateError, match="the record here is of photo 77"):
        Records(folder).read(0)
    with pytest.raises(CurateError, match="the record here is of photo 77"):
        Records(folder).labels(0)


def test_a_label_that_is_no_class_names_image_and_shard(folder):
    name = Records(folder).images[0].image_id
    rewrite(folder, name, np.zeros((32, 32, 3), np.uint8), np.full((32, 32), 7, np.uint8))
    with pytest.raises(CurateError, match=rf"train-0.*:{name}: its label map holds 7"):
        Records(folder).read(0)


def test_a_image_of_another_size_is_refused(folder):
    name = Records(folder).images[0].image_id
    rewrite(folder, name, np.zeros((64, 32, 3), np.uint8), np.zeros((64, 32), np.uint8))
    with pytest.raises(CurateError, match=r"\(64, 32\), not 32"):
        Records(folder).read(0)


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("splits.csv", ",train,", ",trian,", "the split trian is none of"),
        ("splits.csv", "photo_hash", "hash", "columns are not"),
        ("splits.csv", ",train,", ",", "line 2: 2 cells"),
        ("classes.csv", "\n5,", "\n2,", "id 2 repeats"),
        ("classes.csv", "\n5,", "\n255,", "from 0 to 254"),
        ("classes.csv", "\n5,", "\nfive,", "five"),
        ("classes.csv", "background", "floor", "'background'"),
        ("manifest.json", '"tfrecord"', '"coco"', "of the format 'coco'"),
        ("manifest.json", '"size": 32', '"size": "32"', "size is '32'"),
        ("manifest.json", '"train-0', '"../train-0', "no shard of train"),
        ("manifest.json", '"sha256"', '"md5"', "sha256"),
        ("manifest.json", '"pixels"', '"areas"', "pixels"),
        ("manifest.json", '"background": ', '"background": 0.', "pixels of background"),
        ("manifest.json", "{", "", "no manifest of TFRecords"),
    ],
)
def test_a_spoilt_folder_is_an_error_that_names_file_and_way_out(folder, file, old, new, reason):
    change(folder / file, old, new)
    with pytest.raises(CurateError, match=rf"{file}:.*{reason}.*curate export"):
        Records(folder)


def test_what_is_no_export_is_an_error(tmp_path, folder):
    with pytest.raises(CurateError, match="holds no export"):
        Records(tmp_path)
    shard(folder).unlink()
    with pytest.raises(CurateError, match=r"train-0.*No such file.*curate export"):
        Records(folder)


def test_a_shard_that_lacks_a_record_is_an_error(folder):
    offset = example.spans(shard(folder))[-1, 0]
    shard(folder).write_bytes(shard(folder).read_bytes()[: offset - 12])
    with pytest.raises(CurateError, match="7 photos, 6 in the shards"):
        Records(folder)
