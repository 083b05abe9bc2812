"""What a photo becomes in the database, and the digests that tell whether it changed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import bson
import numpy as np
import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.core import masks, rle
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.store import documents
from tests.conftest import picture

L_SHAPE = rle.encode(picture("......", "#.....", "#.....", "###..."))
CORNER = rle.encode(picture("....##", "....##", "......", "......"))

SHIRT = Instance(
    "shirt", L_SHAPE, "t.csv:2", ("plain", "long"), repaired=(FindingKind.RUN_PAST_END,)
)
SHOE = Instance("shoe", CORNER, "t.csv:3", polygons=((4.0, 0.0, 6.0, 0.0, 6.0, 2.0, 4.0, 2.0),))
IMAGE = ImageRecord("a", Path(__file__), 4, 6, (SHIRT, SHOE))


def changed(image: ImageRecord = IMAGE, **values) -> ImageRecord:
    """The photo with some fields of its first instance changed."""
    first, *others = image.instances
    return replace(image, instances=(replace(first, instance_id="", **values), *others))


@pytest.mark.parametrize(
    "other",
    [
        changed(category="dress"),
        changed(mask=CORNER),
        changed(attributes=("plain",)),
        changed(attributes=("long", "plain")),
        changed(polygons=SHOE.polygons),
        changed(repaired=()),
        replace(IMAGE, instances=(SHIRT,)),
        replace(IMAGE, instances=(SHIRT, SHIRT, SHOE)),
        replace(IMAGE, instances=()),
        ImageRecord("a", IMAGE.path, 6, 4),
    ],
    ids=lambda image: f"{len(image.instances)} instances",
)
def test_the_content_digest_notices_whatever_the_file_says_of_a_image(other):
    assert documents.content_digest(other) != documents.content_digest(IMAGE)


def test_the_content_digest_notices_attributes_that_two_instances_exchange():
    one, two = replace(SHIRT, attributes=("x",)), replace(SHOE, attributes=("y",))
    image = replace(IMAGE, instances=(one, two))
    exchanged = (replace(one, attributes=("y",)), replace(two, attributes=("x",)))
    other = replace(IMAGE, instances=exchanged)
    assert documents.content_digest(other) != documents.content_digest(image)


@pytest.mark.parametrize(
    "other",
    [
        replace(IMAGE, path=Path(__file__).with_name("__init__.py")),
        replace(IMAGE, instances=(SHOE, SHIRT)),
        changed(source="t.csv:9"),
    ],
    ids=["folder", "order", "line"],
)
def test_the_location_digest_alone_notices_where_a_image_and_its_labels_are(other):
    assert documents.content_digest(other) == documents.content_digest(IMAGE)
    assert documents.location_digest(other) != documents.location_digest(IMAGE)


def test_the_location_digest_does_not_care_what_is_said():
    other = changed(category="dress", mask=CORNER, attributes=(), repaired=())
    assert documents.location_digest(other) == documents.location_digest(IMAGE)


@given(st.permutations([SHIRT, SHIRT, SHOE, replace(SHOE, category="boot")]))
def test_no_order_of_the_instances_changes_the_content_digest(instances):
    whole = replace(IMAGE, instances=(SHIRT, SHIRT, SHOE, replace(SHOE, category="boot")))
    turned = replace(IMAGE, instances=tuple(instances))
    assert documents.content_digest(turned) == documents.content_digest(whole)


def test_a_detection_is_drawn_by_hand():
    key = "0" * 24
    document = documents.detection(replace(SHIRT, instance_id=key))
    mask = document.pop("mask")
    assert (documents.unpack(mask) == picture("#..", "#..", "###")).all()
    assert document == {
        "_id": ObjectId(key),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": "shirt",
        "bounding_box": [0, 1 / 4, 3 / 6, 3 / 4],
        "source": "t.csv:2",
        "rle": L_SHAPE.counts.decode(),
        "source_attributes": ["plain", "long"],
        "repaired": ["run past the end"],
    }


def test_an_empty_mask_has_a_box_of_nothing_and_no_mask_to_draw():
    empty = Instance("shirt", rle.encode(np.zeros((4, 6), bool)), instance_id="0" * 24)
    drawn = documents.detection(empty)
    assert drawn["bounding_box"] == [0, 0, 0, 0]
    assert "mask" not in drawn


sides = st.integers(documents.DRAWN - 1, 3 * documents.DRAWN)


@settings(max_examples=30)
@given(sides, sides, st.tuples(*[st.floats(0, 0.99)] * 2, *[st.floats(0.001, 1)] * 2))
def test_the_drawn_mask_is_the_exact_one_resized(height, width, area):
    top, left, tall, wide = area
    rows, columns = np.mgrid[:height, :width]
    whole = (rows >= top * height) & (rows <= (top + tall) * height) & (columns % 7 != 3)
    whole &= (columns >= left * width) & (columns <= (left + wide) * width)
    whole[int(top * height), int(left * width)] = True
    mask = rle.encode(whole)
    x, y, w, h = rle.bbox(mask)
    instance = Instance("x", mask, instance_id="0" * 24)
    drawn = documents.unpack(documents.detection(instance)["mask"])
    scale = min(1, documents.DRAWN / max(height, width))
    expected = [max(min(side, masks.SMALLEST), round(side * scale)) for side in (h, w)]
    assert list(drawn.shape) == expected
    assert (drawn == masks.resize_nearest(whole[y : y + h, x : x + w], *drawn.shape)).all()


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_packed_masks_are_what_numpy_reads(piece):
    again = documents.unpack(documents._pack(piece))
    assert again.dtype == bool
    assert again.shape == piece.shape
    assert (again == piece).all()


def test_a_large_image_with_many_labels_is_a_small_document(tmp_path):
    """24 megapixels and 30 wavy garments: nothing near MongoDB's 16 MiB."""
    path = tmp_path / "large.jpg"
    path.touch()
    rows = np.arange(4000)
    probability = random.Random(0)
    instances = []
    for number in range(30):
        edge = probability.randrange(200, 3000) + (150 * np.sin(rows / (20 + number))).astype(int)
        runs = np.stack([rows * 6000 + edge + 1, np.full(4000, 2000)], axis=1)
        mask = rle.from_pairs(runs, 6000, 4000)
        instances.append(Instance("dress", mask, f"train.csv:{number + 2}", ("long",)))
    record = ImageRecord("large", path, 6000, 4000, tuple(instances))
    packed = bson.encode(documents.sample(record, ObjectId()))
    exact = sum(len(i.mask.counts) for i in instances)
    assert len(packed) < exact + 30 * 20_000
    assert len(packed) < 2**20
