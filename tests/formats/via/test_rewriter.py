"""A VIA file comes out as it went in, but for what was reviewed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import via
from curation.formats.change import Change
from tests.conftest import picture

SHIRT = """{"shape_attributes": {"name":"polygon","all_points_x":[0,2,2,0],
        "all_points_y":[1, 1, 3.0, 3]}, "note": "mine",
      "region_attributes": { "what" : "1", "colour": {"red": true} } }"""
BAG = """{"shape_attributes":{"name":"rect","x":0,"y":0,"width":1e0,"height":1},
      "region_attributes":{"what":"2"}}"""
HAT = '{"shape_attributes":{"name":"circle","cx":2,"cy":2,"r":2},"region_attributes":{"what":"2"}}'
PROJECT = """\ufeff
{ "_via_settings": {"ui": {"x": 1.50, "own": [1,2 ,3]}, "project": {"name": "caf\\u00e9"}},
  "_via_img_metadata": {
    "a.jpg-1": {"filename": "a.jpg", "size": -1, "mine": {"k": [ ]}, "regions": [SHIRT,
      BAG ,  HAT], "file_attributes": {"seen": "yes"}},
    "b.png-1":{"filename":"b.png","size":-1,"regions":[BAG],"file_attributes":{}} ,
    "c d.jpg-1": {"filename": "c d.jpg", "size": -1, "regions": [ ]}
  },
  "_via_attributes": {"region": {"what": {"type": "dropdown", "description": "",
    "options": {"1": "shirt", "2": "bag", "cap": ""}}, "colour": {"type": "checkbox"}}},
  "_via_image_id_list": ["a.jpg-1", "b.png-1" , "c d.jpg-1"], "later": null }
"""
for _name, _region in {"SHIRT": SHIRT, "BAG": BAG, "HAT": HAT}.items():
    PROJECT = PROJECT.replace(_name, _region)
TOP = picture("##....", "##....", "......", "......")
TWO = picture("##....", "......", "......", "....##")
POLYGON = '{"name": "polygon", "all_points_x": [0, 2, 2, 0], "all_points_y": [0, 0, 2, 2]}'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "via.json"
    path.write_bytes(PROJECT.encode())
    return path


def read(path, images, attribute="what"):
    """The labels by the end of where they stand."""
    source = via.load(path, images, attribute)
    records = list(source.read(0, len(source.names), pytest.fail))
    return {i.source.removeprefix(f"{path.name}:"): i for r in records for i in r.instances}


def rewritten(path, images, *made, attribute="what"):
    """The text after changes: (where, what the label becomes)."""
    there = read(path, images, attribute)
    changes = [Change(there[where].source, there[where], after) for where, after in made]
    via.rewrite(path, path.with_name("new.json"), changes, attribute)
    return path.with_name("new.json").read_bytes().decode()


def called(path, images, where, name):
    return replace(read(path, images)[where], category=name)


def test_without_a_change_every_byte_is_as_it_was(file, images_folder):
    assert rewritten(file, images_folder) == PROJECT


def test_a_relabel_is_the_option_of_that_name_and_nothing_else(file, images_folder):
    after = called(file, images_folder, "a.jpg-1#0", "bag")
    made = rewritten(file, images_folder, ("a.jpg-1#0", after))
    assert made == PROJECT.replace('{ "what" : "1",', '{ "what" : "2",')


@pytest.mark.parametrize("excluded", [False, True])
def test_what_two_listings_of_a_photo_say_alike_is_changed_in_both(file, images_folder, excluded):
    """As VIA writes a photo that was saved anew, and its regions copied: it came in as one."""
    again = f'"a.jpg-9": {{"filename": "a.jpg", "size": 9, "regions": [{BAG}, {HAT}]}}'
    twice = PROJECT.replace('"regions": [ ]}\n', f'"regions": [ ]}},\n    {again}\n')
    file.write_bytes(twice.encode())
    record, *_ = via.load(file, images_folder, "what").read(0, 1, lambda joined: None)
    there = record.instances
    assert [i.source for i in there] == [f"via.json:a.jpg-1#{n}" for n in range(3)]
    gone = there if excluded else there[1:2]
    changes = [Change(i.source, i, None, excluded) for i in gone]
    via.rewrite(file, file.with_name("new.json"), changes, "what")
    photos = json.loads(file.with_name("new.json").read_text("utf-8-sig"))["_via_img_metadata"]
    if excluded:
        assert list(photos) == ["b.png-1", "c d.jpg-1"]
    else:
        assert [len(photo["regions"]) for photo in photos.values()] == [2, 1, 0, 1]
        assert photos["a.jpg-9"]["regions"] == [json.loads(HAT)]


def test_an_option_without_a_text_is_its_id(file, images_folder):
    after = called(file, images_folder, "b.png-1#0", "cap")
    made = rewritten(file, images_folder, ("b.png-1#0", after))
    head, _, tail = PROJECT.rpartition('"what":"2"')
    assert made == f'{head}"what":"cap"{tail}'


def test_a_label_that_is_no_option_is_named_with_the_way_out(file, images_folder):
    after = called(file, images_folder, "b.png-1#0", "toga")
    with pytest.raises(FormatError, match=r"b.png-1#0: 'what' has no option 'toga'; add it in VIA"):
        rewritten(file, images_folder, ("b.png-1#0", after))


@pytest.mark.parametrize(
    ("wheres", "left"),
    [
        (["a.jpg-1#0"], f"[{BAG} ,  {HAT}]"),
        (["a.jpg-1#1"], f"[{SHIRT} ,  {HAT}]"),
        (["a.jpg-1#2"], f"[{SHIRT},\n      {BAG}]"),
        (["a.jpg-1#0", "a.jpg-1#1", "a.jpg-1#2"], "[]"),
    ],
)
def test_a_deleted_region_is_gone_with_one_comma(file, images_folder, wheres, left):
    made = rewritten(file, images_folder, *((where, None) for where in wheres))
    assert made == PROJECT.replace(f"[{SHIRT},\n      {BAG} ,  {HAT}]", left)


def test_a_redrawn_region_is_a_polygon_that_keeps_all_else(file, images_folder):
    after = replace(read(file, images_folder)["a.jpg-1#0"], mask=rle.encode(TOP), polygons=())
    made = rewritten(file, images_folder, ("a.jpg-1#0", after))
    shape = SHIRT[SHIRT.index('{"name"') : SHIRT.index(', "note"')]
    assert made == PROJECT.replace(shape, POLYGON)


def test_parts_of_a_redrawn_region_are_regions_side_by_side(file, images_folder):
    after = replace(read(file, images_folder)["a.jpg-1#1"], mask=rle.encode(TWO), polygons=())
    made = rewritten(file, images_folder, ("a.jpg-1#1", after))
    new = file.with_name("again.json")
    new.write_bytes(made.encode())
    found = read(new, images_folder)
    assert [found[f"a.jpg-1#{i}"].category for i in range(4)] == ["shirt", "bag", "bag", "bag"]
    drawn = rle.union([found["a.jpg-1#1"].mask, found["a.jpg-1#2"].mask])
    assert (rle.decode(drawn) == TWO).all()
    assert found["a.jpg-1#3"].mask == read(file, images_folder)["a.jpg-1#2"].mask


def test_what_was_added_stands_behind_the_last_region_of_its_photo(file, images_folder):
    there = read(file, images_folder)["b.png-1#0"]
    new = replace(there, category="shirt", mask=rle.encode(np.eye(5, 5) > 2), polygons=())
    new = replace(new, mask=rle.encode(picture("##...", "##...", ".....", ".....", ".....")))
    via.rewrite(file, file.with_name("new.json"), [Change(there.source, None, new)], "what")
    made = file.with_name("new.json").read_bytes().decode()
    said = f'{{"shape_attributes": {POLYGON}, "region_attributes": {{"what": "1"}}}}'
    assert made == PROJECT.replace(f"[{BAG}]", f"[{BAG}, {said}]")


def test_an_excluded_photo_is_gone_from_both_lists(file, images_folder):
    there = read(file, images_folder)["b.png-1#0"]
    change = Change(there.source, there, None, excluded=True)
    via.rewrite(file, file.with_name("new.json"), [change], "what")
    made = file.with_name("new.json").read_bytes().decode()
    entry = PROJECT[PROJECT.index(',\n    "b.png-1"') : PROJECT.index(' ,\n    "c d')]
    assert made == PROJECT.replace(entry, "").replace(', "b.png-1" ,', " ,")


def test_regions_of_via_1_and_flat_exports_keep_their_keys(tmp_path, images_folder):
    text = '{"k": {"filename": "a.jpg", "size": -1, "regions": {"0": %s, "1": %s,"2":%s}}}\n'
    file = tmp_path / "one.json"
    named = [region.replace('"2"', '"bag"') for region in (BAG, HAT, BAG)]
    file.write_text(text % tuple(named))
    two = replace(read(file, images_folder)["k#1"], mask=rle.encode(TWO), polygons=())
    made = rewritten(file, images_folder, ("k#0", None), ("k#1", two))
    regions = json.loads(made)["k"]["regions"]
    assert list(regions) == ["1", "3", "2"]
    assert made.startswith('{"k": {"filename": "a.jpg", "size": -1, "regions": {"1": {"shape')
    assert made.endswith(f',"2":{named[2]}}}}}}}\n')


def test_a_checkbox_stays_one(tmp_path, images_folder):
    box = BAG.replace('"2"', '{"bag": true, "big": false}')
    file = tmp_path / "boxes.json"
    file.write_text(
        '{"k": {"filename": "a.jpg", "size": -1, "regions": [BOX]}}'.replace("BOX", box)
    )
    after = replace(read(file, images_folder)["k#0"], category="hat")
    made = rewritten(file, images_folder, ("k#0", after))
    assert made == file.read_text().replace('{"bag": true, "big": false}', '{"hat": true}')


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace('"width":1e0', '"width":2'),
        lambda t: t.replace('"what":"2"', '"what":"1"'),
        lambda t: t.replace('"b.png-1":', '"other":'),
        lambda t: t.replace(f"[{BAG}]", "[]"),
    ],
)
def test_another_file_than_was_imported_is_refused(file, images_folder, change):
    there = read(file, images_folder)["b.png-1#0"]
    file.write_bytes(change(PROJECT).encode())
    with pytest.raises(FormatError, match=r"via.json:b.png-1(#0)?: is not what was imported"):
        via.rewrite(file, file.with_name("new.json"), [Change(there.source, there, None)], "what")
    assert not file.with_name("new.json").exists()


@pytest.mark.parametrize("text", ["filename,region_count\n", "{", "[" * 10**5])
def test_what_is_no_json_of_via_1_or_2_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FormatError, match="not JSON of VIA 1 or 2"):
        via.rewrite(tmp_path / "x.json", tmp_path / "y.json", [], "what")
