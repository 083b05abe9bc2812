import pytest

from curation.core import taxonomy
from curation.core.errors import TaxonomyError
from curation.core.taxonomy import IGNORE
from curation.formats.imaterialist import CATEGORIES
from tests.conftest import picture, record

SMALL = """
name = "small"
paint_order = ["low", "high"]
ignore = ["blur"]
drop = ["sleeve"]
[[classes]]
id = 7
name = "high"
color = "#FF0000"
from = ["coat"]
[[classes]]
id = 2
name = "low"
color = "#00ff00"
from = ["skirt, long"]
"""


def ids(name: str) -> dict[str, set[int]]:
    """What a built-in taxonomy makes of the 46 ClassIds."""
    loaded = taxonomy.load(name)
    result: dict[str, set[int]] = {}
    for class_id, category in enumerate(CATEGORIES):
        result.setdefault(loaded.target(category) or "dropped", set()).add(class_id)
    return result


def test_supercategories_cover_all_46():
    assert ids("supercategories") == {
        "upper-body": set(range(6)),
        "lower-body": {6, 7, 8},
        "whole-body": {9, 10, 11, 12},
        "feet": {20, 21, 22, 23},
        "accessories": {*range(13, 20), 24, 25, 26},
        "dropped": set(range(27, 46)),
    }


def test_the_seed_mapping_is_the_seed_projects_live_one():
    assert ids("supercategories-seed") == {
        "upper-body": set(range(6)),
        "lower-body": {6, 7, 8},
        "whole-body": {9, 10, 11},
        "feet": {20, 22, 23},
        "accessories": {*range(13, 20), 24, 25, 26, 34, 37},
        "dropped": {12, 21, 27, 28, 29, 30, 31, 32, 33, 35, 36, *range(38, 46)},
    }


def test_in_the_seed_mapping_the_highest_id_wins_an_overlap():
    loaded = taxonomy.load("supercategories-seed")
    assert [loaded.class_id(name) for name in loaded.paint_order] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", taxonomy.names())
def test_built_in_taxonomies_load(name):
    assert taxonomy.load(name).name == name


def test_labels_map_whatever_their_case_and_classes_map_to_themselves():
    small = taxonomy.parse(SMALL, "small.toml")
    assert small.target("Coat") == "high"
    assert small.target("HIGH") == "high"
    assert small.target("skirt, long") == "low"
    assert small.target("sleeve") is None
    assert small.target("blur") == IGNORE


def test_an_unknown_style_is_no_style():
    with pytest.raises(KeyError):
        taxonomy.load("styles").target("goth")


def test_unmapped_labels_come_with_their_counts_most_frequent_first():
    small = taxonomy.parse(SMALL, "small.toml")
    counts = {"coat": 3, "hat": 1, "scarf": 5}
    assert list(small.unmapped(counts).items()) == [("scarf", 5), ("hat", 1)]


def test_label_map_paints_in_the_taxonomys_order_and_void_last(tmp_path):
    small = taxonomy.parse(SMALL, "small.toml")
    labelled = record(
        tmp_path / "a.jpg",
        ignore=picture("...#", "...."),
        high=picture(".##.", "...."),
        low=picture("####", "#..."),
    )
    assert taxonomy.label_map(labelled, small).tolist() == [[2, 7, 7, 255], [2, 0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("name = \"small\"", "nam = \"small\""), "nam"),
        (("id = 7", "id = 0"), r"classes\[1\].id"),
        (("id = 7", "id = 255"), r"classes\[1\].id"),
        (("id = 7", "id = true"), r"classes\[1\].id"),
        (("id = 7", "id = 2"), r"classes\[2\]"),
        (("#FF0000", "red"), r"classes\[1\].color"),
        (("[\"coat\"]", "[\"coat\", \"Sleeve\"]"), "drop"),
        (("[\"sleeve\"]", "[\"low\"]"), "drop"),
        (("[\"sleeve\"]", "[\"Low\"]"), "drop: 'low' is a class"),
        (("[\"coat\"]", "[\"LOW\"]"), r"classes\[1\].from: 'low' is a class"),
        (("[\"low\", \"high\"]", "[\"low\"]"), "paint_order"),
        (("[\"low\", \"high\"]", "[1, \"low\"]"), "paint_order"),
        (("[\"low\", \"high\"]", "[[\"low\"], {}]"), "paint_order"),
        (("\"high\"\ncolor", "\"Ignore\"\ncolor"), r"classes\[1\].name"),
        (("\"high\"\ncolor", "\"background\"\ncolor"), r"classes\[1\].name"),
        (("\"high\"\ncolor", "\"VOID\"\ncolor"), r"classes\[1\].name"),
        (("[\"sleeve\"]", "\"sleeve\""), "drop"),
        (("[[classes]]", "[[class]]"), "class"),
        (("\nname", "\n= name"), "not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_taxonomy_names_the_key(change, where):
    with pytest.raises(TaxonomyError, match=f"small.toml:.*{where}"):
        taxonomy.parse(SMALL.replace(*change), "small.toml")


def test_a_file_that_windows_saved_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL, "utf-8-sig")
    assert taxonomy.load(str(path)) == taxonomy.parse(SMALL, "small.toml")


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(TaxonomyError, match="styles, supercategories, supercategories-seed"):
        taxonomy.load("colours")
