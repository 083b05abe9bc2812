"""Which label a region has: by an attribute, or one for all; and what is said where none is."""

import json

import pytest

from curation.core.errors import CurateError, FormatError
from curation.formats import via
from tests.formats.via.test_options import categories, project
from tests.formats.via.test_reader import SQUARE, entry, read_all, region
from tests.formats.via.test_via_csv import VIA_2, VIA_3


def bare():
    """A region without any attribute, as of a project with one kind of object."""
    return {"shape_attributes": SQUARE, "region_attributes": {}}


@pytest.fixture
def load(tmp_path, images_folder):
    def loaded(table, **told):
        path = tmp_path / ("via.csv" if isinstance(table, str) else "via.json")
        path.write_text(table if isinstance(table, str) else json.dumps(table), "utf-8")
        return read_all(via.load(path, images_folder, **told))

    return loaded


def test_one_label_is_that_of_every_region_whatever_it_has(load):
    table = {"k": entry(bare(), region(style="x"), region(style=["no", "label"]))}
    records, told = load(table, label=" shirt ")
    assert categories(records) == ["shirt"] * 3
    assert told == []


@pytest.mark.parametrize("label_attribute", [None, "shirt"])
def test_where_no_region_has_an_attribute_the_way_in_is_said(load, label_attribute):
    with pytest.raises(FormatError, match=r"no region has an attribute.* --label NAME gives all"):
        load({"k": entry(bare())}, label_attribute=label_attribute)


@pytest.mark.parametrize(
    ("label", "attribute", "message"),
    [("x", "style", "leave one out"), (" ", None, "--label: the label '' is empty")],
)
def test_a_label_for_all_is_one_that_can_be_shown_and_no_attribute_is_beside_it(
    load, label, attribute, message
):
    with pytest.raises(CurateError, match=message):
        load({"k": entry(region())}, label=label, label_attribute=attribute)


def test_a_bad_cell_hides_no_way_in(load):
    text = VIA_2.replace('""style"":""preppy ""', "").replace('""style"":{""boho"":true}', '""')
    text = text.replace('""style"":""preppy""', "")
    with pytest.raises(FormatError, match="--label NAME"):
        load(text)
    records, told = load(text, label="shirt")
    assert categories(records) == ["shirt"]
    assert told[0].kind == "row that cannot be decoded"


def test_an_attribute_that_is_misspelt_is_told_with_the_one_that_may_be_meant(load):
    table = {"k": entry(region(style="x", **{f"a{n}": "x" for n in range(20)}))}
    with pytest.raises(FormatError, match=r"'Stile' \('style' may be meant\); there are: "):
        load(table, label_attribute="Stile")


def test_of_several_attributes_one_must_be_named(load):
    with pytest.raises(FormatError, match=r"name the label attribute; there are: a \(1\), b \(1\)"):
        load({"k": entry(region(a="x", b="y"))})


@pytest.mark.parametrize(
    ("table", "label_attribute", "expected"),
    [
        ({"k": entry(region(style="2"), region(style=11))}, None, ["they are 2, 11"]),
        ({"k": entry(region(style="2"), region(style="coat"))}, None, []),
        (project("dropdown", {"1": "", "2": ""}, "1"), None, []),  # it would have the names
        (VIA_2.replace("preppy ", "1").replace("boho", "2"), "style", ["they are 1, 2"]),
        (VIA_3, "style", []),
    ],
)
def test_a_file_all_of_whose_labels_are_numbers_is_named_where_it_has_no_texts(
    load, table, label_attribute, expected
):
    _, told = load(table, label_attribute=label_attribute)
    found = [f.detail for f in told if f.kind == "labels that are numbers"]
    assert found == expected
