import json
import shutil

import cv2
import numpy as np
import pytest

from curation.core import parallel
from curation.core.errors import CurateError
from curation.core.taxonomy import parse
from curation.formats import tfrecord
from tests.training.data.exported import TAXONOMY, records
from training.data import label_maps
from training.data.label_maps import LabelMaps
from training.data.records import Records

SIZE = 32


@pytest.fixture
def both(tmp_path):
    """One set of photos, written as label maps and as TFRecords."""
    made, groups = records(tmp_path / "photos", 7)
    taxonomy = parse(TAXONOMY, "flat.toml")
    label_maps.write(tmp_path / "maps", made, taxonomy, groups, SIZE)
    tfrecord.write(tmp_path / "export", made, taxonomy, dict.fromkeys(made, "train"), groups, SIZE)
    return LabelMaps(tmp_path / "maps"), Records(tmp_path / "export")


def test_they_are_the_examples_of_an_export_in_its_order(both):
    maps, exported = both
    assert len(maps) == len(exported) == 7
    assert (maps.size, maps.classes) == (exported.size, exported.classes)
    for index, (one, other) in enumerate(zip(maps.images, exported.images, strict=True)):
        assert (one.key, one.image_id) == (other.key, other.image_id)
        np.testing.assert_array_equal(maps.labels(index), exported.labels(index))
        for mine, theirs in zip(maps.read(index), exported.read(index), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert 255 in maps.labels(0), "what the taxonomy ignores"


def test_worker_processes_write_the_same_files(both, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "FEW", 3)
    made, groups = records(tmp_path / "photos", 7)
    label_maps.write(tmp_path / "again", made, parse(TAXONOMY, "flat.toml"), groups, SIZE)
    for path in (tmp_path / "maps").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_digest_is_of_photos_and_labels_wherever_the_photos_lie(both, tmp_path):
    maps, _ = both
    made, groups = records(tmp_path / "moved", 7)
    taxonomy = parse(TAXONOMY, "flat.toml")
    label_maps.write(tmp_path / "other", made, taxonomy, groups, SIZE)
    assert LabelMaps(tmp_path / "other").digest() == maps.digest()
    label_maps.write(tmp_path / "other", made, taxonomy, groups, 2 * SIZE)
    assert LabelMaps(tmp_path / "other").digest() != maps.digest()
    fewer = dict(list(made.items())[:6])
    label_maps.write(tmp_path / "other", fewer, taxonomy, groups, SIZE)
    assert LabelMaps(tmp_path / "other").digest() != maps.digest()


def test_no_photo_is_read_to_write_them(tmp_path):
    made, groups = records(tmp_path / "photos", 3)
    shutil.rmtree(tmp_path / "photos")
    label_maps.write(tmp_path / "maps", made, parse(TAXONOMY, "flat.toml"), groups, SIZE)
    assert len(LabelMaps(tmp_path / "maps")) == 3


def test_a_damaged_label_map_names_its_photo(both):
    maps, _ = both
    path = maps.folder / "labels.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = LabelMaps(maps.folder)
    with pytest.raises(CurateError, match=r"labels\.bin:photo \d: is damaged; .*train again"):
        for index in range(7):
            again.labels(index)


@pytest.mark.parametrize("fault", ["missing", "cut", "other"])
def test_what_is_no_folder_of_label_maps_is_an_error(both, fault):
    manifest = both[0].folder / "manifest.json"
    if fault == "missing":
        manifest.unlink()
    elif fault == "cut":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": "coco"}))
    with pytest.raises(CurateError, match=r"holds no label maps .*train again"):
        LabelMaps(both[0].folder)


def test_a_label_map_is_a_png_that_others_read(both):
    maps, _ = both
    assert cv2.imdecode(
        np.frombuffer((maps.folder / "labels.bin").read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED
    ).shape == (SIZE, SIZE)
