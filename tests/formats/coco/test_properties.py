"""Any COCO file: refused or read, to pycocotools' pixel; what is written is read again."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.records import ImageRecord, Instance
from curation.formats import coco
from tests.conftest import record
from tests.formats.coco.test_reader import (
    IMAGES,
    SQUARE,
    L,
    annotation,
    read,
    table,
    theirs,
    write_image,
)

WHOLE = json.dumps(
    table(
        annotation(1, segmentation=[SQUARE, [1, 1, 2, 2]], attribute_ids=[1]),
        annotation(2, 3, segmentation={"size": [5, 5], "counts": "14O3"}),
        annotation(3, segmentation={"size": [4, 6], "counts": [1, 3, 20]}),
        attributes=[{"id": 1, "name": "plain"}],
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, 9),
    st.text('0123456789.-eE[]{}",: ntf', max_size=9) | st.text(max_size=3),
)
def test_a_file_that_was_tampered_with_is_refused_or_read(
    tmp_path, images_folder, start, length, text
):
    with contextlib.suppress(FormatError):
        records, skips = read(
            tmp_path, images_folder, WHOLE[:start] + text + WHOLE[start + length :]
        )
        for mask in [i.mask for r in records for i in r.instances]:
            assert rle.decode(mask).sum() == rle.area(mask) > 0
        assert all(s.kind for s in skips)


points = st.lists(st.floats(-4, 14).map(lambda v: round(v, 2)), min_size=6, max_size=16)
polygons = points.map(lambda ring: ring[: len(ring) // 2 * 2])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(polygons, min_size=1, max_size=3), st.integers(1, 12), st.integers(1, 12))
def test_polygons_in_and_out_of_the_frame_are_what_pycocotools_draws(tmp_path, rings, h, w):
    write_image(tmp_path / "r.png", h, w)
    images = [{"id": 1, "file_name": "r.png", "height": h, "width": w}]
    records, _ = read(
        tmp_path, tmp_path, table(annotation(1, 1, segmentation=rings), images=images)
    )
    peer = theirs(tmp_path / "c.json")
    expected = peer.annToMask(peer.anns[1])
    if not expected.any():
        assert records == []
        return
    mask = records[0].instances[0].mask
    assert (rle.decode(mask) == expected).all()
    assert mask == rle.encode(expected)  # one mask has one spelling


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.booleans())
def test_any_runs_that_fill_the_image_are_what_pycocotools_decodes(tmp_path, data, packed):
    counts = data.draw(st.lists(st.integers(0, 9), min_size=2, max_size=9).filter(any))
    write_image(tmp_path / "r.png", 1, sum(counts))
    images = [{"id": 1, "file_name": "r.png", "height": 1, "width": sum(counts)}]
    runs = {"size": [1, sum(counts)], "counts": counts}
    if packed:
        runs["counts"] = coco_mask.frPyObjects(runs, *runs["size"])["counts"].decode()
    records, _ = read(tmp_path, tmp_path, table(annotation(1, 1, segmentation=runs), images=images))
    peer = theirs(tmp_path / "c.json")
    expected = peer.annToMask(peer.anns[1])
    masks = [i.mask for r in records for i in r.instances]
    assert masks == ([rle.encode(expected)] if expected.any() else [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)).filter(np.any),
    st.lists(polygons, max_size=2),
)
def test_write_and_read_round_trip_whatever_the_polygons_say(tmp_path, mask, rings):
    height, width = mask.shape
    image = tmp_path / "sub" / "r.png"
    image.parent.mkdir(exist_ok=True)
    write_image(image, height, width)
    rings = tuple(map(tuple, rings))
    instances = (
        Instance("top", rle.encode(mask), attributes=("b", "a"), polygons=rings),
        Instance("shoe", rle.encode(mask)),
    )
    coco.write(tmp_path / "w.json", [ImageRecord("sub/r.png", image, height, width, instances)])
    (found,) = coco.load(tmp_path / "w.json", tmp_path).read(0, 1, pytest.fail)
    assert (found.image_id, found.path) == ("sub/r", image)
    assert [(i.category, i.mask, i.attributes) for i in found.instances] == [
        (i.category, i.mask, i.attributes) for i in instances
    ]
    peer = theirs(tmp_path / "w.json")
    for entry in peer.anns.values():
        assert (peer.annToMask(entry) == mask).all()
        assert (entry["area"], tuple(entry["bbox"])) == (mask.sum(), rle.bbox(rle.encode(mask)))


def test_polygons_are_kept_where_they_give_the_mask(tmp_path, images_folder):
    (found,), _ = read(tmp_path, images_folder, table(annotation(), images=IMAGES[:1]))
    coco.write(tmp_path / "w.json", [replace(found, image_id="a.jpg")])
    written = json.loads((tmp_path / "w.json").read_text("utf-8"))
    assert written == {
        "info": {},
        "licenses": [],
        "images": [{"id": 1, "file_name": "a.jpg", "height": 4, "width": 6}],
        "categories": [{"id": 1, "name": "shirt"}],
        "annotations": [
            {
                "id": 1,
                "category_id": 1,
                "image_id": 1,
                "segmentation": [SQUARE],
                "area": 4,
                "bbox": [0, 1, 2, 2],
                "iscrowd": 0,
            }
        ],
    }


def test_category_ids_are_sorted_by_name_or_those_that_are_given(tmp_path, images_folder):
    image = record(images_folder / "a.jpg", shoe=L, hat=L)
    path = tmp_path / "w.json"
    coco.write(path, iter([image]))
    assert [c["name"] for c in theirs(path).cats.values()] == ["hat", "shoe"]
    coco.write(path, iter([image]), ["shoe", "hat", "bag"])
    assert {n: c["name"] for n, c in theirs(path).cats.items()} == {1: "shoe", 2: "hat", 3: "bag"}
    assert [a["category_id"] for a in theirs(path).anns.values()] == [1, 2]
    with pytest.raises(ValueError, match="'shoe' is not one of the categories"):
        coco.write(path, iter([image]), ["hat"])
    assert len(theirs(path).anns) == 2  # the file is as it was
