"""What tools write in another way than the specification, and cannot be mistaken."""

import math

import pytest

from curation.core import rle
from tests.conftest import picture
from tests.formats.coco.test_reader import CATEGORIES, IMAGES, SQUARE, annotation, read, table

PAIRS = [[0, 1], [2, 1], [2, 3], [0, 3]]
RUNS = {"size": [4, 6], "counts": [1, 2, 2, 2, 17]}


@pytest.mark.parametrize(
    ("segmentation", "outlines"),
    [
        (SQUARE, 1),  # VIA's own export
        ([PAIRS], 1),
        (PAIRS, 1),
        ([PAIRS, PAIRS], 2),
        ([[f"{v}.0" for v in SQUARE]], 1),
        ([[str(v) for v in SQUARE]], 1),
        (RUNS, 0),
        ([RUNS], 0),
        ([{"size": [4, 6], "counts": n} for n in ([1, 2, 21], [5, 2, 17])], 0),
        ({"size": ["4", 6.0], "counts": [1.0, "2", "2.0", 2, 17]}, 0),
    ],
)
def test_a_mask_is_read_in_each_way_that_tools_write_it(
    tmp_path, images_folder, segmentation, outlines
):
    content = table(annotation(segmentation=segmentation), images=IMAGES[:1])
    (found,), skips = read(tmp_path, images_folder, content)
    square = picture(
        "......",
        "##....",
        "##....",
        "......",
    )
    assert (rle.decode(found.instances[0].mask) == square).all()
    assert len(found.instances[0].polygons) == outlines
    assert skips == []


def test_numbers_and_ids_are_those_that_a_table_with_gaps_makes_of_them(tmp_path, images_folder):
    gap = math.nan
    images = [
        {"id": "7", "file_name": "a.jpg", "height": "4.0", "width": 6.0, "license": gap},
        {"id": 3.0, "file_name": "b.png", "height": 5.0, "width": "5", "date": gap},
    ]
    categories = [{"id": "1.0", "name": "shirt"}, {"id": 0.0, "name": "pants", "parent": gap}]
    labels = [
        annotation(1.0, 7.0, "1", area=gap, bbox=[gap] * 4, attribute_ids=[5.0, "5"]),
        annotation("2", "3.0", "0.0", iscrowd=gap, attribute_ids=gap),
    ]
    content = table(
        *labels, images=images, categories=categories, attributes=[{"id": 5, "name": "plain"}]
    )
    records, skips = read(tmp_path, images_folder, content)
    assert [(r.image_id, i.category, i.source) for r in records for i in r.instances] == [
        ("a", "shirt", "c.json:1"),
        ("b", "pants", "c.json:2"),
    ]
    assert records[0].instances[0].attributes == ("plain", "plain")
    assert skips == []


def test_a_category_may_be_said_again_and_again_but_not_otherwise(tmp_path, images_folder):
    again = [*CATEGORIES, *CATEGORIES, {"id": "1", "name": "shirt"}]
    (found,), _ = read(
        tmp_path, images_folder, table(annotation(), images=IMAGES[:1], categories=again)
    )
    assert found.instances[0].category == "shirt"


def test_an_id_with_zeros_before_it_is_a_text_of_its_own(tmp_path, images_folder):
    images = [IMAGES[0] | {"id": "007"}, IMAGES[1] | {"id": 7}]
    labels = annotation(1, "007"), annotation(2, "7")
    records, _ = read(tmp_path, images_folder, table(*labels, images=images))
    assert [[i.source for i in r.instances] for r in records] == [["c.json:1"], ["c.json:2"]]


SOCK = picture(
    "##....",
    "##....",
    ".#....",
    "......",
)
BOX = [0, 0, 2, 3]
AS_IT_IS = rle.to_counts(rle.encode(SOCK)).tolist()
INVERSE = AS_IT_IS[1:]  # the run of 0 pixels before it is left out
ALONG_ROWS = [0, 2, 4, 2, 5, 1, 10]


def held(tmp_path, folder, counts, **said):
    runs = {"size": [4, 6], "counts": counts}
    content = table(annotation(segmentation=runs, **said), images=IMAGES[:1])
    (found,), skips = read(tmp_path, folder, content)
    assert skips == []
    (instance,) = found.instances
    return instance.repaired, (rle.decode(instance.mask) == SOCK).all()


@pytest.mark.parametrize(
    ("counts", "said", "repaired"),
    [
        (INVERSE, {"area": 5, "bbox": BOX}, ("inverse mask",)),
        (INVERSE, {"area": 5}, ("inverse mask",)),
        (INVERSE, {"area": "5.0", "bbox": [0.2, 0, 1.7, 3.0]}, ("inverse mask",)),
        (INVERSE, {"area": math.nan, "bbox": BOX}, ("inverse mask",)),
        (ALONG_ROWS, {"area": 5, "bbox": BOX}, ("row-major runs",)),
        (AS_IT_IS, {"area": 5, "bbox": BOX}, ()),
    ],
)
def test_a_mask_that_contradicts_its_area_and_box_is_put_right(
    tmp_path, images_folder, counts, said, repaired
):
    assert held(tmp_path, images_folder, counts, **said) == (repaired, True)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"area": None, "bbox": None},
        {"area": math.nan, "bbox": [math.nan] * 4},
        {"area": 10**400, "bbox": [10**400] * 4},
        {"area": 16, "bbox": [0, 0, 6, 4]},  # simplified, and so a little off
        {"area": 19, "bbox": [0, 1, 6, 4]},
        {"area": [5], "bbox": [0, 0, 2]},
        {"area": 19, "bbox": [0, 0, 6, 4]},  # of the mask as it is
    ],
)
def test_a_mask_is_left_as_it_is_where_area_and_box_say_nothing_of_it(
    tmp_path, images_folder, said
):
    assert held(tmp_path, images_folder, INVERSE, **said) == ((), False)


@pytest.mark.parametrize(
    "said",
    [
        {"area": 5, "bbox": [3, 1, 2, 2]},  # neither the mask's nor its inverse's
        {"area": 9},
        {"bbox": [0, 0, 60, 40]},  # of the photo ten times as large
    ],
)
def test_a_mask_that_area_or_box_contradict_is_taken_as_it_is_and_doubted(
    tmp_path, images_folder, said
):
    assert held(tmp_path, images_folder, INVERSE, **said) == (
        ("mask unlike its area or box",),
        False,
    )


@pytest.mark.parametrize(
    ("box", "doubted"),
    [
        ([1, 1, 4, 2], ()),
        ([1, 1, 5, 3], ()),  # by its corners: left, top, right, bottom
        ([10, 10, 40, 20], ("mask unlike its area or box",)),
    ],
)
def test_an_outline_is_held_against_its_box_and_not_against_its_area(
    tmp_path, images_folder, box, doubted
):
    ring = [1, 1, 5, 1, 5, 3, 1, 3]
    content = table(annotation(segmentation=[ring], area=1, bbox=box), images=IMAGES[:1])
    (found,), _ = read(tmp_path, images_folder, content)
    assert found.instances[0].repaired == doubted
