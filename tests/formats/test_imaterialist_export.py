"""An export as iMaterialist's CSV: which ids it has, and what it cannot say."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from curation.core import rle, taxonomy
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import Class, Taxonomy
from curation.formats import export, imaterialist
from tests.conftest import picture

FIVE = taxonomy.load("supercategories")
COAT = rle.encode(picture(".#....", ".##...", "......", "....#."))
PAIRS = "5 2 10 1 20 1"
"""COAT's runs, counted down the columns from 1."""


def own(*names):
    """A taxonomy of these classes."""
    classes = tuple(Class(i, name, "#000000") for i, name in enumerate(names, 7))
    return Taxonomy("own", classes, {}, names)


def write(folder, photos, known=FIVE, format_="imaterialist"):
    """Photos of one size by the labels that each has."""
    records = {}
    for name, instances in photos.items():
        path = folder.parent / "photos" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (6, 4)).save(path)
        records[name] = ImageRecord(name, path, 4, 6, tuple(instances))
    every, told = dict.fromkeys(records, "train"), []
    export.write(folder, format_, records, known, every, every, on_finding=told.append)
    labels = json.loads((folder / "label_descriptions.json").read_text("utf-8"))
    return (folder / "train.csv").read_text("utf-8").splitlines(), labels, told


def test_the_layout_of_2020_has_no_suffix_and_attributes_in_a_column(tmp_path):
    coat = Instance("upper-body", COAT, attributes=("12", "loose"))
    rows, labels, told = write(tmp_path / "out", {"a.png": [coat]})
    assert rows == [
        "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds",
        f'a,{PAIRS},4,6,{FIVE.class_id("upper-body")},"12,0"',
    ]
    assert labels["categories"] == [{"id": c.id, "name": c.name} for c in FIVE.classes]
    assert labels["attributes"] == [{"id": 0, "name": "loose"}, {"id": 12, "name": "12"}]
    assert told == []


def test_the_layout_of_2019_has_the_suffix_and_attributes_in_the_class_id(tmp_path):
    coat = Instance("upper-body", COAT, attributes=("12", "loose"))
    rows, _, _ = write(tmp_path / "out", {"a.png": [coat]}, format_="imaterialist-2019")
    assert rows == [
        "ImageId,EncodedPixels,Height,Width,ClassId",
        f"a.png,{PAIRS},4,6,{FIVE.class_id('upper-body')}_12_0",
    ]


@pytest.mark.parametrize("format_", ["imaterialist", "imaterialist-2019"])
def test_attributes_come_back_by_their_names(tmp_path, format_):
    coat = Instance("upper-body", COAT, attributes=("colour: red", "7", "007", "loose, long"))
    write(tmp_path / "out", {"a.png": [coat]}, format_=format_)
    names = tmp_path / "out" / "label_descriptions.json"
    source = imaterialist.load(tmp_path / "out" / "train.csv", tmp_path / "photos", names)
    (record,) = source.read(0, 1, pytest.fail)
    assert record.instances[0].attributes == coat.attributes


def test_classes_among_the_46_have_their_ids(tmp_path):
    rows, labels, _ = write(tmp_path / "out", {"a.png": [Instance("coat", COAT)]}, own("coat"))
    assert rows[1] == f"a,{PAIRS},4,6,9,"
    assert [c["name"] for c in labels["categories"]] == list(imaterialist.CATEGORIES)


def test_other_classes_have_the_ids_of_their_taxonomy(tmp_path):
    photos = {"a.png": [Instance("coat", COAT)]}
    rows, labels, _ = write(tmp_path / "out", photos, own("gown", "coat"))
    assert rows[1] == f"a,{PAIRS},4,6,8,"
    assert labels["categories"] == [{"id": 7, "name": "gown"}, {"id": 8, "name": "coat"}]


def test_a_photo_without_a_label_has_no_row_and_is_told(tmp_path):
    rows, _, told = write(tmp_path / "out", {"a.png": [], "b.png": [Instance("feet", COAT)]})
    assert [row.split(",")[0] for row in rows[1:]] == ["b"]
    assert told == [Finding(FindingKind.WITHOUT_LABEL, "a.png")]
    assert "a.png,train" in (tmp_path / "out" / "splits.csv").read_text()
