"""No photo comes in without the labels that the file has of it somewhere."""

import pytest

from curation.core.errors import FormatError
from tests.formats.coco.test_reader import IMAGES, annotation, load, read, table


def test_a_name_without_a_file_takes_no_record_from_another(tmp_path, images_folder):
    images = [{**IMAGES[0], "id": 1, "file_name": "a.png"}, IMAGES[0]]
    content = table(annotation(1, 1), annotation(2), images=images)
    (found,), (skip,) = read(tmp_path, images_folder, content)
    assert (found.path.name, [i.source for i in found.instances]) == ("a.jpg", ["c.json:2"])
    assert (skip.location, skip.kind) == ("c.json:a.png", "photo without a file")


def test_a_image_listed_twice_keeps_its_annotations_once(tmp_path, images_folder):
    content = table(annotation(), images=[IMAGES[0], IMAGES[0]])
    (found,), (told,) = read(tmp_path, images_folder, content)
    assert len(found.instances) == 1
    assert (told.location, told.kind) == ("c.json:a.jpg", "listings joined")
    assert told.detail == "'a.jpg': 1 annotation and 0 annotations"


@pytest.mark.parametrize("again", ["b.png", "b", "./b.png"])
def test_a_image_under_two_ids_has_the_annotations_of_both(tmp_path, images_folder, again):
    images = [IMAGES[1], IMAGES[0], IMAGES[1] | {"id": 9, "file_name": again}]
    labels = [annotation(1), annotation(2, 9), annotation(3, 9, category_id=0)]
    records, (told,) = read(tmp_path, images_folder, table(*labels, images=images))
    assert {r.image_id: [i.source for i in r.instances] for r in records} == {
        "b": ["c.json:2", "c.json:3"],
        "a": ["c.json:1"],
    }
    assert told.detail == "'b.png': 0 annotations and 2 annotations"


def test_a_listing_of_another_size_is_not_joined_and_leaves_no_image_without_labels(
    tmp_path, images_folder
):
    other = IMAGES[1] | {"id": 9, "height": 10, "width": 10}
    content = table(annotation(1), annotation(2, 9), images=[*IMAGES, other])
    records, skips = read(tmp_path, images_folder, content)
    assert [r.image_id for r in records] == ["a"]
    assert [s.kind for s in skips] == ["size mismatch", "photo without a usable annotation"]


@pytest.mark.parametrize("ids", [(5000, 5001), ("x", "y"), ("a.jpg", "b.png"), (None, None)])
def test_a_file_whose_annotations_are_all_of_other_images_is_refused(tmp_path, images_folder, ids):
    content = table(*(annotation(n, image_id) for n, image_id in enumerate(ids)))
    with pytest.raises(FormatError, match=r"annotations: none of 2 annotations.*have id 7, 3;"):
        load(tmp_path, images_folder, content)


def test_a_image_that_may_have_lost_its_annotations_is_left_out_and_said(tmp_path, images_folder):
    records, skips = read(tmp_path, images_folder, table(annotation(1), annotation(2, 99)))
    assert [r.image_id for r in records] == ["a"]
    assert [(s.location, s.kind) for s in skips] == [
        ("c.json:b.png", "photo whose labels are lost"),
        ("c.json:2", "annotation without a photo"),
    ]
    assert skips[0].detail == (
        "'b.png' has no annotation, and 1 annotation of the file name no image"
    )
