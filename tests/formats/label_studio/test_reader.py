from __future__ import annotations

import base64
import io
import json
import math
import pickle

import numpy as np
import pytest
from PIL import Image

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import label_studio
from tests.formats.label_studio.test_brush import BELT, GREY

SQUARE = {"points": [[0, 25], [100 / 3, 25], [100 / 3, 75], [0, 75]], "closed": True}
"""Of a photo 6 wide and 4 high: 2x2 pixels at 0, 1."""


def result(value=SQUARE, kind="polygonlabels", labels=("shirt",), **other):
    own = {kind: list(labels)} if labels else {}
    size = {"original_width": 6, "original_height": 4, "image_rotation": 0}
    names = {"id": "r1", "type": kind, "from_name": "garment", "to_name": "image"}
    return names | size | {"value": value | own} | other


def task(*results, image="a.jpg", **annotation):
    return {
        "id": 1,
        "data": {"image": image},
        "annotations": [{"id": 7, "result": [*results]} | annotation],
    }


def load(tmp_path, images, *tasks, **options):
    path = tmp_path / "ls.json"
    path.write_text(json.dumps(tasks), "utf-8")
    return label_studio.load(path, images, **options)


def read(tmp_path, images, *tasks, **options):
    source = load(tmp_path, images, *tasks, **options)
    told = []
    return list(source.read(0, len(source.names), told.append)), told


def drawn(record):
    return ["".join(".#"[int(v)] for v in row) for row in rle.decode(record.instances[0].mask)]


def png(values: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_a_polygon_becomes_an_instance(tmp_path, images_folder):
    (record,), told = read(tmp_path, images_folder, task(result()))
    (instance,) = record.instances
    assert (record.image_id, record.height, record.width) == ("a", 4, 6)
    assert (instance.category, instance.source) == ("shirt", "ls.json:1#r1")
    assert drawn(record) == ["......", "##....", "##....", "......"]
    assert len(instance.polygons) == 1
    assert told == []


def test_a_brush_mask_is_exact(tmp_path, images_folder):
    value = {"format": "rle", "rle": GREY}
    (record,), told = read(tmp_path, images_folder, task(result(value, "brushlabels")))
    assert (rle.decode(record.instances[0].mask) == BELT).all()
    assert record.instances[0].polygons == ()
    assert told == []


@pytest.mark.parametrize("mode", ["alpha", "grey", "bits"])
def test_a_bitmask_is_exact(tmp_path, images_folder, mode):
    black = np.zeros((4, 6, 4), np.uint8)  # as Label Studio paints it
    black[BELT, 3] = 255
    values = {"alpha": black, "grey": BELT.astype(np.uint8) * 255, "bits": BELT}[mode]
    given = result({"imageDataURL": png(values)}, "bitmasklabels")
    (record,), _ = read(tmp_path, images_folder, task(given))
    assert (rle.decode(record.instances[0].mask) == BELT).all()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"x": 50, "y": 25, "width": 50, "height": 25, "rotation": 0},
         ["......", "...###", "......", "......"]),
        # Clockwise about its top left corner: what lay to the right lies below, to the left.
        ({"x": 50, "y": 25, "width": 50, "height": 25, "rotation": 90},
         ["......", "..#...", "..#...", "..#..."]),
        ({"x": 50, "y": 50, "radiusX": 50, "radiusY": 25, "rotation": 0},
         ["......", "######", "######", "......"]),
        ({"x": 50, "y": 50, "radiusX": 100 / 3, "radiusY": 25, "rotation": 90},
         ["..##..", "..##..", "..##..", "..##.."]),
    ],
)  # fmt: skip
def test_boxes_and_ellipses_turn_as_label_studio_turns_them(
    tmp_path, images_folder, value, expected
):
    kind = "ellipselabels" if "radiusX" in value else "rectanglelabels"
    (record,), _ = read(tmp_path, images_folder, task(result(value, kind)))
    assert drawn(record) == expected


def test_shapes_that_lie_over_each_other_stay_whole_and_in_order(tmp_path, images_folder):
    over = result(labels=["belt"], id="r2")
    (record,), _ = read(tmp_path, images_folder, task(result(), over))
    assert [i.category for i in record.instances] == ["shirt", "belt"]
    assert record.instances[0].mask == record.instances[1].mask


def test_a_label_may_stand_in_a_result_of_its_own(tmp_path, images_folder):
    shape = result(kind="polygon", labels=(), from_name="shape")
    label = result(kind="labels", from_name="garment")
    colour = result(kind="choices", labels=["red"], from_name="colour")
    note = result(SQUARE | {"text": ["torn"]}, "textarea", (), from_name="note")
    (record,), told = read(tmp_path, images_folder, task(shape, colour, label, note))
    (instance,) = record.instances
    assert (instance.category, told) == ("shirt", [])
    assert instance.attributes == ("colour: red", "note: torn")
    (record,), _ = read(tmp_path, images_folder, task(shape, colour))
    assert record.instances[0].category == "red", "it is all that is said of it"


def test_the_tag_with_the_label_can_be_named(tmp_path, images_folder):
    style = result(kind="taxonomy", labels=(), from_name="style")
    style["value"] |= {"taxonomy": [["tops", "blouse"]]}
    (record,), _ = read(tmp_path, images_folder, task(result(), style), label_attribute="style")
    assert record.instances[0].category == "blouse"
    assert record.instances[0].attributes == ("garment: shirt",)
    why = r"no shape has the tag 'Style' \('style' may be meant\); there are: garment \(1\), style"
    with pytest.raises(FormatError, match=why):
        load(tmp_path, images_folder, task(result(), style), label_attribute="Style")


def test_of_several_annotators_the_ground_truth_is_read_else_the_last_and_it_is_said(
    tmp_path, images_folder
):
    first, second = ({"id": n, "result": [result(labels=[str(n)])]} for n in (1, 2))
    both = {"id": 5, "data": {"image": "a.jpg"}}
    changed = [a | {"updated_at": f"2026-0{3 - a['id']}-01T00:00:00Z"} for a in (first, second)]
    older = both | {"annotations": changed}
    truth = both | {"annotations": [first, second | {"ground_truth": True}]}
    cancelled = both | {"annotations": [first, second | {"was_cancelled": True}]}
    for given, read_, told_ in ((older, "1", 1), (truth, "2", 1), (cancelled, "1", 0)):
        (record,), told = read(tmp_path, images_folder, given)
        assert [i.category for i in record.instances] == [read_]
        assert [t.kind for t in told] == ["another annotation of the photo"] * told_
    assert "of 2 annotations 2 is read, not 1" in read(tmp_path, images_folder, truth)[1][0].detail


@pytest.mark.parametrize("annotations", [[], [{"id": 1, "was_cancelled": True, "result": []}]])
def test_a_photo_that_nobody_labelled_is_not_one_without_garments(
    tmp_path, images_folder, annotations
):
    prediction = {"predictions": [{"result": [result()]}]}
    empty = {"id": 2, "data": {"image": "b.png"}, "annotations": annotations} | prediction
    (record,), (told,) = read(tmp_path, images_folder, task(result()), empty)
    assert record.image_id == "a"
    assert (told.kind, told.location) == ("photo that nobody labelled", "ls.json:2")
    (nothing,), _ = read(tmp_path, images_folder, task())
    assert nothing.instances == (), "it was submitted without a shape"


@pytest.mark.parametrize(
    ("wrong", "kind", "detail"),
    [
        (result(labels=()), "region without a label", "0 labels"),
        (result(labels=("a", "b")), "region without a label", "2 labels"),
        (result(labels=("a\nb",)), "region without a label", "cannot be printed"),
        (result(SQUARE | {"points": [[0, 0]]}), "region that cannot be drawn", "3 points"),
        (result(SQUARE | {"points": [[0, math.nan]] * 3}), "region that cannot be drawn", "bounds"),
        (
            result(SQUARE | {"points": [["0", 0]] * 3}),
            "region that cannot be drawn",
            "not a number",
        ),
        (result(SQUARE | {"points": [[1, 2, 3]]}), "region that cannot be drawn", "pairs"),
        (result(SQUARE | {"points": 5}), "region that cannot be drawn", "pairs"),
        (result({"x": 1, "y": 1, "width": 1}), "region that cannot be drawn", "no area"),
        (result({"vertices": []}), "region that cannot be drawn", "no area"),
        (result(image_rotation=90), "region that cannot be drawn", "turned by 90"),
        (result({"rle": GREY[:9]}), "region that cannot be drawn", "cut off"),
        (result({"rle": "x"}), "region that cannot be drawn", "not a list of bytes"),
        (result({"rle": [256]}), "region that cannot be drawn", "not a list of bytes"),
        (result({"rle": [0.5]}), "region that cannot be drawn", "not a list of bytes"),
        (result({"imageDataURL": 5}), "region that cannot be drawn", "not an image in base64"),
        (
            result({"imageDataURL": "data:,x"}),
            "region that cannot be drawn",
            "cut off, or not in base64",
        ),
        (result({"imageDataURL": "AAAA"}), "region that cannot be drawn", "none of"),
        (result({"imageDataURL": png(BELT.T)}), "region that cannot be drawn", "4x6, not 6x4"),
        (result({"imageDataURL": png(BELT & False)}), "region that cannot be drawn", "no pixel"),
    ],
)
def test_a_wrong_region_is_skipped_counted_and_placed(tmp_path, images_folder, wrong, kind, detail):
    (record,), (told,) = read(tmp_path, images_folder, task(result(), wrong | {"id": "r2"}))
    assert len(record.instances) == 1
    assert (told.location, told.kind) == ("ls.json:1#r2", kind)
    assert detail in told.detail


def test_a_polygon_that_was_left_open_is_closed_where_its_ends_meet_or_drawn(
    tmp_path, images_folder
):
    nearly = {"points": [[0, 0], [100, 0], [100, 100], [0, 100], [0, 5]], "closed": False}
    (record,), _ = read(tmp_path, images_folder, task(result(nearly)))
    assert rle.area(record.instances[0].mask) == 24
    strap = task(result({"points": [[0, 50], [100, 50]], "closed": False}))
    _, told = read(tmp_path, images_folder, strap)
    assert told[0].kind == "open line"
    (record,), _ = read(tmp_path, images_folder, strap, line_width=2)
    assert drawn(record) == ["......", "######", "######", "......"]


def test_labels_of_another_size_are_named_with_the_reason(tmp_path, images_folder):
    other = result(original_width=12, original_height=8)
    _, (told,) = read(tmp_path, images_folder, task(other))
    assert (told.kind, told.location) == ("size mismatch", "ls.json:1")
    assert "a copy scaled by 0.5, 1 region" in told.detail


def test_regions_of_several_photos_of_a_task_are_refused(tmp_path, images_folder):
    for other in ({"to_name": "back"}, {"item_index": 1}, {"original_width": 7}):
        _, told = read(tmp_path, images_folder, task(result(), result(id="r2", **other)))
        assert "of more than one photo" in told[0].detail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "byte 1: not JSON"),
        ("[]", "holds no tasks"),
        ("{}", "holds no tasks"),
        ('{"images": [{"id": 1}]}', "has 'images': Label Studio's JSON is a list"),
        ('[{"image": "a.jpg", "annotation_id": 1, "annotator": 1}]', "JSON-MIN.*export it"),
        ('[{"id": 1}]', "byte 1: a task without data"),
        ('[{"id": 1, "data": {}}]', "1: the task names 0 photos"),
        ('[{"id": 1, "data": {"a": "a.jpg", "b": "b.jpg"}}]', r"2 photos \(a, b\), not one"),
        (b"\xff\xfe[\0", "UTF-16"),
        (b"PK\x03\x04", "zip file"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_error(tmp_path, images_folder, content, message):
    path = tmp_path / "ls.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FormatError, match=message):
        label_studio.load(path, images_folder)


@pytest.mark.parametrize("annotations", [5, ["x"], [{"id": 1}], [{"result": ["x"]}]])
def test_a_task_that_is_wrong_costs_its_photo(tmp_path, images_folder, annotations):
    wrong = {"id": 2, "data": {"image": "b.png"}, "annotations": annotations}
    (record,), told = read(tmp_path, images_folder, task(result()), wrong)
    assert record.image_id == "a"
    assert [t.kind for t in told] == [
        "region that cannot be drawn",
        "photo without a usable region",
    ]


def test_photos_are_found_by_the_names_of_uploads_and_storage(tmp_path, images_folder):
    tasks = [
        task(result(), image="/data/upload/4/5e3a8cfd-a.jpg"),
        task(image="/data/local-files/?d=photos/b.png") | {"id": 2},
        task(image="s3://bucket/c%20d.jpg") | {"id": 3},
    ]
    records, told = read(tmp_path, images_folder, *tasks)
    assert [r.path.name for r in records] == ["a.jpg", "b.png", "c d.jpg"]
    assert {t.kind for t in told} == {"photo spelled otherwise"}


def test_a_thumbnail_beside_the_image_is_not_taken_for_it(tmp_path, images_folder):
    given = task(result())
    given["data"] = {"thumb": "b.png", "image": "a.jpg"}
    (record,), _ = read(tmp_path, images_folder, given)
    assert record.path.name == "a.jpg"


def test_slices_hold_what_the_whole_holds_also_in_another_process(tmp_path, images_folder):
    names = ["a.jpg", "b.png", "gone.jpg", "./a.jpg"]
    sizes = [{}, {"original_width": 5, "original_height": 5}, {}, {}]
    tasks = [
        task(result(**size), image=name) | {"id": n}
        for n, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    source = load(tmp_path, images_folder, *tasks)
    whole, parts = [], []
    records = list(source.read(0, 4, whole.append))
    elsewhere = pickle.loads(pickle.dumps(source))
    again = [r for n in range(4) for r in elsewhere.read(n, n + 1, parts.append)]
    assert again == records
    assert [r.image_id for r in records] == ["a", "b"]
    assert parts == whole
    assert {t.kind for t in whole} == {"photo without a file", "listings joined"}
