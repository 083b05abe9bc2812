"""What an annotator picked is the label: the option's text, and its id where it is no name."""

import json

import pytest

from curation.formats import via
from curation.formats.via import options
from tests.conftest import picture, record
from tests.formats.via.test_reader import entry, read, read_all, region
from tests.formats.via.test_via3 import project as project_3
from tests.formats.via.test_via3 import region as region_3


def project(kind, choices, *values):
    """A project of VIA 2 whose regions have these values of the attribute ``style``."""
    attribute = {"type": kind, "description": "", "options": choices, "default_options": {}}
    return {
        "_via_img_metadata": {"k": entry(*(region(style=value) for value in values))},
        "_via_attributes": {"region": {"style": attribute}, "file": {}},
    }


def categories(records):
    return [i.category for r in records for i in r.instances]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("dropdown", ["1", "2", 1, "9"], ["shirt", "2", "shirt", "9"]),
        ("radio", ["2", "1"], ["2", "shirt"]),
        ("checkbox", [{"1": True}, {"1": False, "2": True}], ["shirt", "2"]),
        ("text", ["1"], ["1"]),
        ("image", ["1"], ["1"]),  # its options are addresses of pictures
    ],
)
def test_a_label_of_via_2_is_the_text_of_its_option(
    tmp_path, images_folder, kind, values, expected
):
    records, _ = read(tmp_path, images_folder, project(kind, {"1": "shirt", "2": ""}, *values))
    assert categories(records) == expected


@pytest.mark.parametrize(
    ("choices", "texts"),
    [
        ({"1": " shirt "}, {"1": "shirt"}),
        ({"1": "", "2": None, "3": ["x"]}, {}),
        ({"a": "x" * 50, "b": "y" * 51}, {"a": "x" * 50}),
        ({"a": "Worn by day.", "b": "misc."}, {"b": "misc."}),
        ({"a": "by\nday"}, {}),
        ({"1": "shirt", "2": "shirt", "3": "coat"}, {"3": "coat"}),  # two of one text: which?
        ({"1": "2", "2": "", "3": "coat"}, {"3": "coat"}),  # 1 would be what 2 is
        ({"dress": "dress"}, {"dress": "dress"}),
        ("no table", {}),
    ],
)
def test_a_text_is_a_name_where_it_is_short_and_no_other_option_has_it(choices, texts):
    assert options.names(choices) == texts


@pytest.mark.parametrize(
    ("choices", "av", "category"),
    [
        ({"dress": "", "coat": ""}, "dress", "dress"),
        ({"dress": "Worn to the knee, or lower."}, "dress", "dress"),
        ({"dress": "Dress"}, "dress", "Dress"),
        ({"0": "", "1": "coat"}, "0", "0"),
        ({"0": "x" * 51}, "0", "x" * 51),  # VIA 3 counts its options: the text is all there is
    ],
)
def test_a_project_of_via_2_that_was_opened_in_via_3_keeps_its_labels(
    tmp_path, images_folder, choices, av, category
):
    attribute = {"1": {"aname": "style", "type": 4, "options": choices}}
    path = tmp_path / "p.json"
    path.write_text(json.dumps(project_3(region_3(**{"1": av}), attribute=attribute)))
    records, _ = read_all(via.load(path, images_folder, "style"))
    assert categories(records) == [category]


def test_what_is_written_names_its_options_for_other_tools_and_is_read_alike(tmp_path):
    names = ("coat", "Worn to the knee, or lower.")
    path = tmp_path / "v.json"
    photo = record(tmp_path / "a.png", **dict.fromkeys(names, picture("##")))
    via.write(path, [photo], "style")
    written = json.loads(path.read_text())["_via_attributes"]["region"]["style"]["options"]
    assert written == {name: name for name in names}
    assert {r.category for e in via.load(path, tmp_path).entries for r in e.regions} == {*names}
