import contextlib
import io
import json
import math
import pickle

import pytest
from PIL import Image
from pycocotools.coco import COCO

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import coco
from tests.conftest import picture

SQUARE = [0, 1, 2, 1, 2, 3, 0, 3]
L = picture(
    "......",
    "#.....",
    "#.....",
    "###...",
)
"""A transpose, a flip and an off-by-one each give another picture."""

IMAGES = [
    {"id": 7, "file_name": "a.jpg", "height": 4, "width": 6},
    {"id": 3, "file_name": "b.png", "height": 5, "width": 5},
]
CATEGORIES = [{"id": 1, "name": " shirt "}, {"id": 0, "name": "pants"}]


def annotation(number=1, image_id=7, category_id=1, segmentation=(SQUARE,), **more):
    table = {"id": number, "image_id": image_id, "category_id": category_id}
    return table | {"segmentation": segmentation, **more}


def table(*annotations, images=IMAGES, categories=CATEGORIES, **more):
    return {"images": images, "annotations": annotations, "categories": categories, **more}


def load(tmp_path, folder, content):
    path = tmp_path / "c.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return coco.load(path, folder)


def read(tmp_path, folder, content):
    source, skips = load(tmp_path, folder, content), []
    return list(source.read(0, len(source.names), skips.append)), skips


def theirs(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def write_image(path, height, width):
    Image.new("L", (width, height)).save(path)


def test_polygons_become_an_instance(tmp_path, images_folder):
    parts = [SQUARE, [4, 0, 6, 0, 6, 1.0, 4, 1]]
    content = table(annotation(12, segmentation=parts), images=IMAGES[:1])
    (found,), skips = read(tmp_path, images_folder, content)
    (instance,) = found.instances
    assert (found.image_id, found.path.name, found.height, found.width) == ("a", "a.jpg", 4, 6)
    assert (instance.category, instance.source) == ("shirt", "c.json:12")
    assert instance.polygons == tuple(map(tuple, parts))
    expected = picture(
        "....##",
        "##....",
        "##....",
        "......",
    )
    assert (rle.decode(instance.mask) == expected).all()
    assert skips == []


def test_a_image_without_an_annotation_is_a_record_without_instances(tmp_path, images_folder):
    records, skips = read(tmp_path, images_folder, table(annotation()))
    assert [(r.image_id, len(r.instances)) for r in records] == [("a", 1), ("b", 0)]
    assert skips == []


def test_a_image_of_which_no_annotation_could_be_used_is_skipped(tmp_path, images_folder):
    wrong = annotation(2, 3, segmentation=[])
    (found,), skips = read(tmp_path, images_folder, table(annotation(), wrong))
    assert found.image_id == "a"
    assert [(s.location, s.kind) for s in skips] == [
        ("c.json:2", "annotation without a mask"),
        ("c.json:b.png", "photo without a usable annotation"),
    ]


@pytest.mark.parametrize(
    ("ring", "repaired"),
    [
        ([0, 0, 4, 4, 4, 0, 0, 4], ()),  # it crosses itself, and pycocotools fills it as it is
        ([0, 0, 7, 0, 7, 3], ()),
        ([0, 0, 8, 0, 8, 3], ("out-of-frame polygon",)),
    ],
)
def test_a_polygon_that_was_cut_off_says_so(tmp_path, images_folder, ring, repaired):
    content = table(annotation(segmentation=[SQUARE, ring]), images=IMAGES[:1])
    (found,), _ = read(tmp_path, images_folder, content)
    assert found.instances[0].repaired == repaired


@pytest.mark.parametrize("iscrowd", [0, 1])
@pytest.mark.parametrize(
    "counts",
    [
        [1, 3, 3, 1, 3, 1, 12],
        [1, 1, 0, 2, 3, 1, 3, 1, 12, 0],
        "11013O009O",
        rle.encode(L).counts.decode(),
    ],
)
def test_run_lengths_of_either_kind_give_one_mask_whatever_iscrowd_says(
    tmp_path, images_folder, counts, iscrowd
):
    runs = {"size": [4, 6], "counts": counts}
    content = table(annotation(segmentation=runs, iscrowd=iscrowd), images=IMAGES[:1])
    (found,), _ = read(tmp_path, images_folder, content)
    assert found.instances[0].mask == rle.encode(L)
    assert found.instances[0].polygons == ()


def test_attributes_go_by_name_and_those_without_one_by_id(tmp_path, images_folder):
    attributes = [{"id": 5, "name": "classic (t-shirt) "}, {"id": 2, "name": "plain"}]
    content = table(annotation(attribute_ids=[2, 5, 9]), attributes=attributes, images=IMAGES[:1])
    (found,), _ = read(tmp_path, images_folder, content)
    assert found.instances[0].attributes == ("plain", "classic (t-shirt)", "9")


def test_annotations_may_come_first_apart_and_in_any_layout(tmp_path, images_folder):
    labels = [annotation(1), annotation(2, 3), annotation(3, category_id=0)]
    content = table(*labels, info={"more": {"unknown": []}}, licenses=[{"id": 1}])
    backwards = dict(reversed(content.items()))
    results = []
    for layout in (content, backwards):
        for indent in (None, 2):
            records, skips = read(
                tmp_path, images_folder, "\ufeff" + json.dumps(layout, indent=indent)
            )
            results.append(records)
            assert skips == []
    assert all(r == results[0] for r in results)
    assert [[i.source for i in r.instances] for r in results[0]] == [
        ["c.json:1", "c.json:3"],
        ["c.json:2"],
    ]


def test_slices_of_a_copy_give_the_whole(tmp_path, images_folder):
    content = table(annotation(1), annotation(2, 3), annotation(3, 99))
    whole = read(tmp_path, images_folder, content)
    source = pickle.loads(pickle.dumps(load(tmp_path, images_folder, content)))
    skips = []
    slices = [r for n in (1, 0) for r in source.read(n, n + 1, skips.append)]
    assert (slices[::-1], skips) == whole
    assert source.names == ("a.jpg", "b.png")


@pytest.mark.parametrize(
    ("wrong", "kind", "detail"),
    [
        (annotation(2, image_id=8), "annotation without a photo", "no image with the id 8"),
        (annotation(2, image_id=[7]), "annotation without a photo", "no image"),
        (annotation(2, image_id=True), "annotation without a photo", "no image"),
        (annotation(2, category_id=2), "annotation without a label", "category_id 2"),
        (annotation(2, category_id=None), "annotation without a label", "category_id None"),
        (annotation(2, category_id=[0]), "annotation without a label", "no name"),
        (annotation(2, segmentation=[]), "annotation without a mask", "shirt: a box alone"),
        (annotation(2, segmentation=None), "annotation without a mask", "box"),
        (annotation(2, segmentation=math.nan), "annotation without a mask", "box"),
        (annotation(2, category_id=math.nan), "annotation without a label", "category_id nan"),
        (annotation(2, category_id=0.5), "annotation without a label", "category_id 0.5"),
        (annotation(2, attribute_ids=[[1]]), "annotation that cannot be drawn", "no list of ids"),
        *[
            (annotation(2, segmentation=s), "annotation that cannot be drawn", detail)
            for s, detail in [
                ("x", "'x' is not known"),
                (SQUARE[:-1], "polygon 1 of 1 is not x, y"),
                ([SQUARE[:-1]], "polygon 1 of 1 is not x, y"),
                ([[True, *SQUARE[1:]]], "is not x, y"),
                ([["one", *SQUARE[1:]]], "is not x, y"),
                ([["nan", *SQUARE[1:]]], "is not x, y"),
                ([[[0, 1], [2, 1], [2]]], "is not x, y"),
                ([[[0, 1], [2, 1], 2, 3]], "is not x, y"),
                ([SQUARE, {"size": [4, 6], "counts": [1, 23]}], "polygon 2 of 2 is not x, y"),
                ([[math.nan, *SQUARE[1:]]], "out of all bounds"),
                ([[*SQUARE[:-1], math.nan]], "out of all bounds"),
                ([[math.inf, *SQUARE[1:]]], "out of all bounds"),
                ([SQUARE, [10**400, *SQUARE[1:]]], "polygon 2 of 2 has a point that is out of"),
                ([[-1e8, *SQUARE[1:]]], "out of all bounds"),
                ([[0, 0, 1e6, 1e6, 0, 1e6]], "an outline of 3000003 pixels"),
                ([[0, 0, 1e5, 0] * 10], "an outline of"),
                ([[10, 10, 20, 10, 20, 20]], "no pixel inside the photo"),
                ({"size": [4, 6]}, "counts None are no run lengths"),
                ({"size": [4, 6], "counts": [0.5, 23.5]}, "no run lengths"),
                ({"size": [4, 6], "counts": [1, math.nan]}, "no run lengths"),
                ({"size": [4, 6], "counts": [True, 23]}, "no run lengths"),
                ([{"size": [4, 6], "counts": [1, 22]}], "add up to 23"),
                ({"size": [4, 6], "counts": []}, "no run lengths"),
                ({"size": [4, 6], "counts": [10**30]}, "longer than"),
                ({"size": [4, 6], "counts": [-1, 24, 1]}, "negative"),
                ({"size": [4, 6], "counts": [-(10**30), 24]}, "negative"),
                ({"size": [4, 6], "counts": [1, 22]}, "add up to 23"),
                ({"size": [4, 6], "counts": [24]}, "no pixel"),
                ({"size": [4, 6], "counts": ""}, "do not fill"),
                ({"size": [4, 6], "counts": "124O"}, "do not fill"),
                ({"size": [4, 6], "counts": "T"}, "cut off"),
                ({"size": [4, 6], "counts": "\ud800"}, "not those of a mask"),
                ({"size": [4, 6], "counts": "P" * 10**5}, "cut off"),
                ({"size": [6, 4], "counts": [1, 23]}, "turned"),
                ({"size": [8, 12], "counts": [1, 95]}, "a copy scaled by 0.5"),
                ({"size": [10**400, 4], "counts": [1, 23]}, "none that a photo can have"),
                ({"size": 24, "counts": [1, 23]}, "its size 24 is none"),
                ({"counts": [1, 23]}, "its size None is none"),
            ]
        ],
    ],
)
def test_a_wrong_annotation_is_skipped_counted_and_placed(
    tmp_path, images_folder, wrong, kind, detail
):
    content = table(annotation(1), wrong, images=IMAGES[:1])
    (found,), (skip,) = read(tmp_path, images_folder, content)
    assert [i.source for i in found.instances] == ["c.json:1"]
    assert (skip.location, skip.kind) == ("c.json:2", kind)
    assert detail in skip.detail
    skip.detail.encode()


def test_what_has_no_id_that_can_be_shown_is_placed_by_its_byte(tmp_path, images_folder):
    labels = ["no table", annotation("\ud800", 8), annotation(1)]
    content = json.dumps(table(*labels, images=IMAGES[:1]))
    (_,), skips = read(tmp_path, images_folder, content)
    places = [content.index('"no table"'), content.index('{"id": "\\ud800"')]
    assert [s.location for s in skips] == [f"c.json:byte {place}" for place in places]
    assert {s.kind for s in skips} == {"annotation without a photo"}


def test_a_part_without_area_is_told_and_the_others_stay(tmp_path, images_folder):
    parts = [[1, 1, 2, 2], SQUARE, []]
    content = table(annotation(segmentation=parts), images=IMAGES[:1])
    (found,), skips = read(tmp_path, images_folder, content)
    assert found.instances[0].polygons == (tuple(SQUARE),)
    assert [(s.location, s.kind, s.detail) for s in skips] == [
        ("c.json:1", "polygon without area", "polygon 1 of 3 has 2 points"),
        ("c.json:1", "polygon without area", "polygon 3 of 3 has 0 points"),
    ]


@pytest.mark.parametrize(
    ("image", "kind", "detail"),
    [
        ({"file_name": "gone.jpg"}, "photo without a file", "1 annotation"),
        ({"file_name": "../c.json"}, "photo refused", "out of the image folder"),
        ({"file_name": "b.jpg"}, "photo without a file", "no photo 'b.jpg'"),
        ({"height": 6, "width": 4}, "size mismatch", "turned"),
        ({"height": 6, "width": 9}, "size mismatch", "scaled by 0.667"),
        ({"height": 5, "width": 5}, "size mismatch", "another photo"),
        ({"height": None}, "size mismatch", "the file gives no size that a photo can have"),
        ({"height": 4.5}, "size mismatch", "the file gives no size"),
        ({"height": math.nan}, "size mismatch", "the file gives no size"),
        ({"height": 0, "width": 0}, "size mismatch", "the file gives no size"),
        ({"height": 10**400}, "size mismatch", "the file gives no size"),
    ],
)
def test_a_wrong_image_is_skipped_with_its_annotations(
    tmp_path, images_folder, image, kind, detail
):
    images = [IMAGES[1], IMAGES[0] | image]
    content = table(annotation(1, 3), annotation(2), images=images)
    (found,), (skip,) = read(tmp_path, images_folder, content)
    assert (found.image_id, skip.kind) == ("b", kind)
    assert detail in skip.detail


@pytest.mark.parametrize(
    "unsaid", [{}, {"height": None, "width": None}, {"height": math.nan, "width": math.nan}]
)
def test_a_image_whose_size_is_not_given_is_taken_as_it_is(tmp_path, images_folder, unsaid):
    images = [{"id": 7, "file_name": "a.jpg"} | unsaid]
    runs = {"size": [4, 6], "counts": [1, 3, 20]}
    content = table(annotation(1), annotation(2, segmentation=runs), images=images)
    (found,), skips = read(tmp_path, images_folder, content)
    assert (found.height, found.width, len(found.instances), skips) == (4, 6, 2, [])


def test_a_image_whose_size_is_not_given_is_refused_where_run_lengths_have_another(
    tmp_path, images_folder
):
    runs = {"size": [8, 12], "counts": [1, 95]}
    labels = annotation(1), annotation(2, segmentation=runs)
    images = [{"id": 7, "file_name": "a.jpg"}]
    records, (skip,) = read(tmp_path, images_folder, table(*labels, images=images))
    assert (records, skip.location, skip.kind) == ([], "c.json:a.jpg", "size mismatch")
    assert skip.detail == (
        "the file gives no size; by its run lengths, the labels are for 12x8, the photo is 6x4: "
        "a copy scaled by 0.5, 2 annotations"
    )


def test_whatever_the_file_says_a_message_is_one_bounded_line(tmp_path, images_folder):
    wild = "\x1b[2J\n" + "x" * 10**4
    images = [*IMAGES, {"id": 1, "file_name": wild}, {"id": 2, "file_name": f"b\n{wild}"}]
    labels = [
        annotation(1),
        annotation(10**4000, category_id=10**4000),
        annotation(2, image_id=10**4000),
        annotation(wild, image_id=wild),
        annotation(3, category_id=wild),
        annotation(4, segmentation=wild),
        annotation(5, segmentation={"size": [wild], "counts": 1}),
        annotation(6, segmentation={"size": [4, 6], "counts": wild}),
        annotation(7, segmentation={"size": [4, 6], "counts": [wild]}),
        annotation(8, attribute_ids=wild),
    ]
    records, skips = read(tmp_path, images_folder, table(*labels, images=images))
    assert [len(r.instances) for r in records] == [1]
    assert len(skips) == 12  # b.png may have lost its annotation
    for text in (t for s in skips for t in (s.location, s.detail)):
        assert text.isprintable()
        assert len(text) < 500 + len(str(tmp_path))
    for wrong in (
        {"categories": [{"id": 1, "name": wild}]},
        {"images": [IMAGES[0], {**IMAGES[0], "file_name": wild}, IMAGES[0]]},
    ):
        with pytest.raises(FormatError) as error:
            read(tmp_path, images_folder, table(annotation(), **wrong))
        assert error.value.reason.isprintable()
        assert len(error.value.reason) < 300


def test_a_image_in_a_subfolder_keeps_it_in_its_id(tmp_path, images_folder):
    (images_folder / "sub").mkdir()
    (images_folder / "a.jpg").rename(images_folder / "sub" / "a.jpg")
    images = [IMAGES[0] | {"file_name": "sub/a.jpg"}]
    (found,), _ = read(tmp_path, images_folder, table(annotation(), images=images))
    assert (found.image_id, found.path) == ("sub/a", images_folder / "sub" / "a.jpg")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "c.json: holds no images: not a COCO file"),
        ([annotation(score=0.5)], "c.json: COCO results, .* import the annotation file"),
        (
            [{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}],
            "c.json: Label Studio's own JSON: read it with `curate import label-studio`",
        ),
        ([{"image": "a.jpg", "annotation_id": 1, "annotator": 1}], "c.json: Label Studio's own"),
        ([5], "c.json: a list, where COCO is an object"),
        (
            table({"image_id": 7, "file_name": "a.png", "segments_info": []}),
            "annotations, byte .*: a panoptic file: .* import the file of instances",
        ),
        ([{"image_id": 7, "segments_info": []}], "c.json: a panoptic file"),
        ("{}", "holds no images: not a COCO file"),
        (table(images=[]), "holds no images"),
        (table(), "holds no annotations"),
        (table(annotation(), categories={}), "holds no categories"),
        (table(annotation(), images=[5]), "images, byte 12: needs an id and a file_name"),
        (table(annotation(), images=[{"file_name": "a"}]), "needs an id and a file_name"),
        (table(annotation(), images=[{"id": 1, "file_name": " "}]), "needs an id and a file_name"),
        (table(annotation(), images=[{"id": 1, "file_name": "\ud800"}]), "utf-8"),
        (table(annotation(), images=[*IMAGES, IMAGES[0] | {"id": 3}]), "'b.png' has the id 3 too"),
        (table(annotation(), categories=[{"id": 1}]), "categories, byte .* needs an id and a name"),
        (table(annotation(), categories=[{"id": 1, "name": "a\nb"}]), "cannot be printed"),
        (
            table(annotation(), categories=[*CATEGORIES, {"id": 1, "name": "hat"}]),
            "'shirt' has the id 1 too",
        ),
        (table(annotation(), images=[{"id": math.nan, "file_name": "a"}]), "needs an id"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_error(tmp_path, content, message):
    with pytest.raises(FormatError, match=message) as error:
        load(tmp_path, tmp_path, content)
    str(error.value).encode()


def test_a_file_that_is_not_there_or_was_changed_is_an_error(tmp_path, images_folder):
    with pytest.raises(FormatError, match="No such file"):
        coco.load(tmp_path / "gone.json", images_folder)
    source = load(tmp_path, images_folder, table(annotation()))
    load(tmp_path, images_folder, table(annotation(12)))
    with pytest.raises(FormatError, match="was changed while it was read"):
        list(source.read(0, 1, print))
