"""A photo without labels, and a name that may mean it and has some: it is not taken for one
without garments."""

import pytest

from tests.formats import test_cvat as cvat
from tests.formats.coco import test_reader as coco
from tests.formats.via import test_reader as via

ELSEWHERE = "images/a.jpg"


def read_coco(tmp_path, photos, labelled):
    images = [coco.IMAGES[0], coco.IMAGES[0] | {"id": 9, "file_name": ELSEWHERE}]
    labels = [coco.annotation(1, 7), coco.annotation(2, 9)]
    content = coco.table(*labels[not labelled :], images=images)
    return coco.read(tmp_path, photos, content)


def read_via(tmp_path, photos, labelled):
    empty = via.entry(*[via.region()] * labelled)
    elsewhere = via.entry(via.region(), filename=ELSEWHERE)
    return via.read(tmp_path, photos, {"a.jpg-1": empty, f"{ELSEWHERE}-1": elsewhere})


def read_cvat(tmp_path, photos, labelled):
    empty = cvat.image(*[cvat.SQUARE] * labelled)
    return cvat.read(tmp_path, photos, empty, cvat.image(cvat.SQUARE, name=ELSEWHERE))


@pytest.mark.parametrize("read", [read_coco, read_via, read_cvat])
def test_it_is_left_out_and_said(tmp_path, images_folder, read):
    records, told = read(tmp_path, images_folder, labelled=False)
    assert records == []
    (lost,) = [t for t in told if t.kind == "photo whose labels are lost"]
    assert "'a.jpg' has none, and 'images/a.jpg', which may mean it, is not read" in lost.detail


@pytest.mark.parametrize("read", [read_coco, read_via, read_cvat])
def test_one_that_has_labels_comes_in_with_them(tmp_path, images_folder, read):
    (record,), told = read(tmp_path, images_folder, labelled=True)
    assert len(record.instances) == 1
    assert [t.kind for t in told if "lost" in t.kind] == []
