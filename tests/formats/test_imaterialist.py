import json
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.records import ImageRecord, Instance
from curation.formats import imaterialist
from curation.formats.imaterialist import CATEGORIES, Labels
from tests.conftest import picture

HEADER = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
A_ROW = 'a,2 2 9 1,4,6,4,"1,3"\n'
"""Jacket in a.jpg, which is 6 wide and 4 high."""

LABELS = Labels(dict(enumerate(CATEGORIES)), {1: "polo", 3: "loose"})


def read(path, folder, labels=LABELS):
    skips = []
    source = imaterialist.load(path, folder, labels)
    return list(source.read(0, len(source.names), skips.append)), skips


def csv_file(tmp_path, *lines, header=HEADER):
    path = tmp_path / "train.csv"
    path.write_text(header + "".join(lines), "utf-8")
    return path


def test_a_row_of_2020_becomes_an_instance(tmp_path, images_folder):
    records, skips = read(csv_file(tmp_path, A_ROW), images_folder)
    (record,), (instance,) = records, records[0].instances
    assert (record.image_id, record.height, record.width) == ("a", 4, 6)
    assert record.path == images_folder / "a.jpg"
    assert instance.category == "jacket"
    assert instance.source == "train.csv:2"
    assert instance.attributes == ("polo", "loose")
    expected = picture(
        "..#...",
        "#.....",
        "#.....",
        "......",
    )
    assert (rle.decode(instance.mask) == expected).all()
    assert skips == []


def test_a_row_of_2019_has_its_attributes_in_the_class_id(tmp_path, images_folder):
    header = "ImageId,EncodedPixels,Height,Width,ClassId\n"
    path = csv_file(tmp_path, "a.jpg,2 2,4,6,4_1_3\n", header=header)
    (record,), skips = read(path, images_folder)
    assert record.image_id == "a"
    assert record.instances[0].category == "jacket"
    assert record.instances[0].attributes == ("polo", "loose")
    assert skips == []


def test_whole_numbers_may_have_the_point_that_a_table_with_gaps_gives_them(
    tmp_path, images_folder
):
    (found,), skips = read(csv_file(tmp_path, "a,2 2,4.0,6.0,4.0,115.0\n"), images_folder)
    assert (found.instances[0].category, skips) == ("jacket", [])


def test_rows_of_a_image_may_stand_apart(tmp_path, images_folder):
    path = csv_file(tmp_path, A_ROW, "b,1 1,5,5,6,\n", A_ROW)
    records, _ = read(path, images_folder)
    assert {r.image_id: len(r.instances) for r in records} == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("row", "kind", "detail"),
    [
        ("a,2 2 9,4,6,4,\n", "row that cannot be decoded", "cut off"),
        ("a,30 1,4,6,4,\n", "row that cannot be decoded", "past the end"),
        ("a,2 2,4,6,46,\n", "row that cannot be decoded", "ClassId 46 has no name"),
        ("a,2 2,4,6,x,\n", "row that cannot be decoded", "'x' is not an integer"),
        ("a,2 2,4,6,1e400,\n", "row that cannot be decoded", "'1e400' is not an integer"),
        (f"a,2 2,4,{'9' * 4000},4,\n", "row that cannot be decoded", "Width '999"),
        (f"a,2 2,4,6,{'x' * 4000},\n", "row that cannot be decoded", "ClassId 'xxx"),
        (f"a,2 2,4,6,4,{'x' * 4000}\n", "row that cannot be decoded", "attribute 'xxx"),
        (f"{'x' * 4000},2 2,4,6,4,\n", "photo without a file", "no photo 'xxx"),
        ("a,2 2,6,4,4,\n", "size mismatch", "the photo is 6x4"),
        ("a,2 2,4\n", "row that cannot be decoded", "cells, the header has 6"),
        ("nowhere,2 2,4,6,4,\n", "photo without a file", "no photo 'nowhere'"),
        ("../secret,2 2,4,6,4,\n", "photo refused", "leads out of the image folder"),
        (",2 2,4,6,4,\n", "photo without a file", "no photo ''"),
    ],
)
def test_a_wrong_row_is_skipped_counted_and_placed(tmp_path, images_folder, row, kind, detail):
    (tmp_path / "secret.jpg").write_bytes((images_folder / "a.jpg").read_bytes())
    _, skips = read(csv_file(tmp_path, A_ROW.replace("a,", "b,", 1), row), images_folder)
    wrong = [s for s in skips if s.location == "train.csv:3"]
    assert wrong[0].kind == kind
    assert detail in wrong[0].detail
    assert len(wrong[0].detail) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("change", [str.lower, lambda header: header.replace(",", ", ")])
def test_columns_are_known_whatever_their_blanks_and_capitals(tmp_path, images_folder, change):
    records, skips = read(csv_file(tmp_path, A_ROW, header=change(HEADER)), images_folder)
    assert (len(records[0].instances), skips) == (1, [])


def test_a_wrong_row_leaves_the_others_of_its_image(tmp_path, images_folder):
    records, skips = read(csv_file(tmp_path, A_ROW, "a,oops,4,6,4,\n"), images_folder)
    assert len(records[0].instances) == 1
    assert Counter(s.kind for s in skips) == {"row that cannot be decoded": 1}


def test_a_image_turned_by_exif_is_measured_as_shown(tmp_path, images_folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (6, 4)).save(images_folder / "turned.jpg", exif=exif)
    records, skips = read(csv_file(tmp_path, "turned,2 2,4,6,4,\n"), images_folder)
    assert records == []
    assert skips[0].kind == "size mismatch"
    assert "the labels are for 6x4, the photo is 4x6: turned" in skips[0].detail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column ImageId, EncodedPixels"),
        (b"a,b\n1,2\n", "train.csv:1: no column ImageId"),
        (HEADER.encode(), "a header and no rows"),
        (b"a\xff", "not UTF-8"),
        (HEADER.encode("utf-16"), "train.csv: UTF-16 text"),
        (b"PK\x03\x04", "train.csv: a zip file"),
        (HEADER.replace(",", ";").encode(), "train.csv:1: its columns are separated by semicolons"),
        (HEADER.replace(",", "\t").encode(), "separated by tabs.*: save it with commas"),
        (HEADER.replace("\n", "\ra,1 1,4,6,4,\r").encode(), "its lines end in CR alone"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_error(tmp_path, content, message):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        imaterialist.load(path, tmp_path)


@pytest.mark.parametrize("after", ["b,1 1,5,5,6,\n", 'b,1 1,5,5,6,"2"\n'])
def test_an_open_quote_costs_its_own_row_alone(tmp_path, images_folder, after):
    rows = [A_ROW, 'a,2 2,4,6,4,"1,3\n', after]
    (a, b), (skip,) = read(csv_file(tmp_path, *rows), images_folder)
    assert (skip.location, skip.kind) == ("train.csv:3", "row that cannot be decoded")
    assert "unexpected end of data" in skip.detail
    assert (len(a.instances), len(b.instances)) == (1, 1)


def test_an_open_quote_before_the_name_is_an_error_of_the_file(tmp_path):
    with pytest.raises(FormatError, match="csv:3: not a CSV row"):
        imaterialist.load(csv_file(tmp_path, A_ROW, '"a,2 2,4,6,4,\n'), tmp_path)


def test_slices_are_read_in_any_order_and_by_a_copy(tmp_path, images_folder):
    rows = ["b,1 1,5,5,6,\n", A_ROW, "b,2 1,5,5,6,\n"]
    source = pickle.loads(pickle.dumps(imaterialist.load(csv_file(tmp_path, *rows), images_folder)))
    assert source.names == ("b", "a")
    (second,), (first,) = (list(source.read(i, i + 1, pytest.fail)) for i in (1, 0))
    assert (first.image_id, second.image_id) == ("b", "a")
    assert [i.source for i in first.instances] == ["train.csv:2", "train.csv:4"]


def test_runs_that_can_be_repaired_are_and_the_label_says_so(tmp_path, images_folder):
    rows = ["a,23 9,4,6,4,\n", "a,1 3 2 3,4,6,6,\n"]
    (record,), skips = read(csv_file(tmp_path, *rows), images_folder)
    assert [i.repaired for i in record.instances] == [("run past the end",), ("overlapping runs",)]
    assert [rle.area(i.mask) for i in record.instances] == [2, 4]
    assert skips == []


def test_a_file_that_was_changed_after_the_scan_is_refused(tmp_path, images_folder):
    path = csv_file(tmp_path, A_ROW, A_ROW)
    source = imaterialist.load(path, images_folder)
    for now in ([A_ROW], [A_ROW, A_ROW, "b,1 1,5,5,6,\n"]):
        csv_file(tmp_path, *now)
        with pytest.raises(FormatError, match="changed while it was read"):
            list(source.read(0, 9, pytest.fail))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.jpg", "a"), ("a", "a.jpg"), ("a", "./a"), ("x/../a.jpg", "a")],
)
def test_the_rows_of_two_names_of_one_photo_are_joined(tmp_path, images_folder, first, second):
    rows = ["2 2,4,6,4,\n", "2 2,4,6,4,\n", "9 1,4,6,4,\n"]
    lines = [f"{name},{row}" for name, row in zip((first, second, second), rows, strict=True)]
    records, (told,) = read(csv_file(tmp_path, *lines, "b,1 1,5,5,6,\n"), images_folder)
    assert [r.path.stem for r in records] == ["a", "b"]
    assert [i.source for i in records[0].instances] == ["train.csv:2", "train.csv:4"]
    assert (told.location, told.kind) == ("train.csv:2", "listings joined")
    assert told.detail == f"'{first}': 1 row and 2 rows"


def test_photos_that_differ_in_their_suffix_alone_are_two(tmp_path, images_folder):
    Image.new("RGB", (6, 4)).save(images_folder / "a.png")
    lines = ["a.jpg,2 2,4,6,4,\n", *["a.png,9 1,4,6,4,\n"] * 2]
    records, skips = read(csv_file(tmp_path, *lines), images_folder)
    assert not skips
    found = {r.image_id: [i.source for i in r.instances] for r in records}
    assert found == {"a": ["train.csv:2"], "a.png": ["train.csv:3", "train.csv:4"]}


def test_a_name_without_a_image_takes_no_record_from_another(tmp_path, images_folder):
    records, skips = read(csv_file(tmp_path, "a.png,2 2,4,6,4,\n", A_ROW), images_folder)
    assert [r.path.name for r in records] == ["a.jpg"]
    assert [s.kind for s in skips] == ["photo without a file"]


def test_label_descriptions_name_the_ids(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"categories": [{"id": 0, "name": "shirt, blouse"}]}))
    assert imaterialist.read_labels(path).categories == {0: "shirt, blouse"}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"categories": 5}', '{"categories": [{}]}', "[" * 10**5, "[]" + " " * 2**20],
)
def test_something_else_than_label_descriptions_is_refused(tmp_path, content):
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(FormatError, match="label_descriptions"):
        imaterialist.read_labels(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ('[{"id": 1e400, "name": "a"}]', "its id inf is not an integer"),
        ('[{"id": "1", "name": "a"}]', "its id '1' is not an integer"),
        ('[{"id": true, "name": "a"}]', "its id True is not an integer"),
        ('[{"id": 1.0, "name": "a"}]', "its id 1.0 is not an integer"),
        ('[{"id": 1, "name": 5}]', "not a label_descriptions.json"),
        ("[5]", "not a label_descriptions.json"),
        ('[{"id": 1, "name": " "}]', "the label '' is empty"),
        ('[{"id": 1, "name": "a\\nb"}]', r"the label 'a\\nb' is empty or cannot be printed"),
        ('[{"id": 1, "name": "\\ud800"}]', r"the label '\\ud800' is empty or cannot be printed"),
        (f'[{{"id": 1, "name": "{"x" * 201}"}}]', "longer than 200 characters"),
        ('[{"id": 1, "name": "b"}]', "'a' has the id 1 too"),
    ],
)
@pytest.mark.parametrize("key", ["categories", "attributes"])
def test_a_wrong_label_description_is_named(tmp_path, key, entries, message):
    path = tmp_path / "labels.json"
    lists = {"categories": "[]", key: '[{"id": 1, "name": "a"}, ' + entries[1:]}
    path.write_text("{" + ", ".join(f'"{k}": {text}' for k, text in lists.items()) + "}")
    with pytest.raises(FormatError, match=message) as error:
        imaterialist.read_labels(path)
    assert error.value.where == f"{key}[1]"


def test_a_label_may_be_described_twice_alike(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"categories": [{"id": 0, "name": n} for n in ("hat", " hat ")]}))
    assert imaterialist.read_labels(path).categories == {0: "hat"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.data())
def test_write_and_read_round_trip(tmp_path, data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    image = tmp_path / "r.png"
    Image.new("RGB", (width, height)).save(image)
    masks = data.draw(st.lists(hnp.arrays(bool, (height, width)).filter(np.any), min_size=1))
    instances = tuple(
        Instance(
            data.draw(st.sampled_from(CATEGORIES)),
            rle.encode(mask),
            f"train.csv:{line}",
            tuple(data.draw(st.lists(st.sampled_from(["polo", "loose"]), max_size=2))),
        )
        for line, mask in enumerate(masks, 2)
    )
    record = ImageRecord("r", image, height, width, instances)
    imaterialist.write(tmp_path / "train.csv", [record], LABELS)
    records, skips = read(tmp_path / "train.csv", tmp_path)
    assert records == [record]
    assert skips == []


def test_the_default_names_are_those_of_the_competition(real_data):
    labels = imaterialist.read_labels(real_data / "imaterialist" / "label_descriptions.json")
    assert labels.categories == dict(enumerate(CATEGORIES))


def test_masks_of_real_images_are_recovered_pixel_by_pixel(real_data):
    """CCP's CSV was made from its index masks: a label is there as a whole or not at all."""
    folder = real_data / "ccp"
    source = imaterialist.load(folder / "train.csv", folder / "images")
    one_of_two = {7, 12, 16, 18, 21, 28, 31, 33, 36, 39, 43, 44, 48, 58}  # crumbs of pairs are gone
    for record in source.read(0, 60, pytest.fail):
        index = np.asarray(Image.open(folder / "masks" / f"{record.image_id}.png"))
        union = rle.decode(rle.union([i.mask for i in record.instances]))
        shares = {int(label): union[index == label].mean() for label in np.unique(index)}
        assert shares[0] == 0
        assert {share for label, share in shares.items() if label not in one_of_two} <= {0, 1}
        assert all(share > 0.8 for label, share in shares.items() if label in one_of_two)
