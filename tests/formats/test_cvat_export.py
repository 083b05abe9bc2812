"""An export for CVAT: shapes to the pixel, and a file that its importer takes."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

from curation.core import polygons, rle, taxonomy
from curation.core.errors import CurateError
from curation.core.records import ImageRecord, Instance
from curation.formats import cvat, export
from curation.formats.cvat.writer import row_runs
from tests.conftest import picture
from tests.formats.test_cvat import BELT, BELT_RUNS

TAXONOMY = taxonomy.load("supercategories")
SLANTED = (0.0, 0.0, 2.25, 0.0, 2.25, 2.0, 0.0, 2.0)
SQUARE = rle.encode(picture("##....", "##....", "......", "......"))


def written(folder, *instances, name="a.png"):
    """The root of an export of one photo with these labels, and what is read of it again."""
    (folder / "photos").mkdir()
    path = folder / "photos" / name
    Image.new("L", (6, 4)).save(path, "PNG")
    record = ImageRecord(name, path, 4, 6, instances)
    every = {name: "train"}
    export.write(folder / "out", "cvat", {name: record}, TAXONOMY, every, every)
    file = folder / "out" / "annotations.xml"
    source = cvat.load(file, folder / "photos")
    (again,) = source.read(0, 1, pytest.fail)
    return ElementTree.parse(file).getroot(), again.instances


def test_a_mask_is_written_as_cvat_writes_it(tmp_path):
    root, (belt,) = written(tmp_path, Instance("upper-body", rle.encode(BELT)))
    (mask,) = root.iter("mask")
    place = {"left": "1", "top": "1", "width": "4", "height": "3"}
    assert mask.attrib == {
        "label": "upper-body", "source": "manual", "occluded": "0", "rle": BELT_RUNS,
        "z_order": "0", **place,
    }  # fmt: skip
    assert (rle.decode(belt.mask) == BELT).all()


@given(hnp.arrays(bool, (5, 7)).filter(np.any))
def test_any_mask_comes_back(inside):
    mask = rle.encode(inside)
    assert row_runs(mask).draw(5, 7) == mask


def test_a_polygon_that_gives_its_mask_stays_one(tmp_path):
    root, (again,) = written(tmp_path, Instance("feet", SQUARE, polygons=(SLANTED,)))
    (polygon,) = root.iter("polygon")
    assert polygon.get("points") == "0.0,0.0;2.25,0.0;2.25,2.0;0.0,2.0"
    assert again.polygons == (SLANTED,)
    assert again.mask == SQUARE


def test_rings_that_are_several_or_give_another_mask_become_a_mask(tmp_path):
    other = (4.0, 0.0, 6.0, 0.0, 6.0, 2.0, 4.0, 2.0)
    two = polygons.rasterise([SLANTED, other], 4, 6)
    root, again = written(
        tmp_path,
        Instance("feet", two, polygons=(SLANTED, other)),
        Instance("feet", SQUARE, polygons=(other,)),
    )
    assert not list(root.iter("polygon"))
    assert [i.mask for i in again] == [two, SQUARE]


def test_a_task_is_told_its_labels_and_their_attributes(tmp_path):
    said = ("colour: red & <blue>", "fit: loose", "striped")
    root, (again,) = written(tmp_path, Instance("feet", SQUARE, attributes=said))
    labels = {x.findtext("name"): x for x in root.findall("meta/task/labels/label")}
    assert list(labels) == [c.name for c in TAXONOMY.classes]
    assert [x.findtext("name") for x in labels["feet"].iter("attribute")] == ["colour", "fit"]
    assert not list(labels["upper-body"].iter("attribute"))
    assert again.attributes == said[:2]
    assert root.find("image").attrib == {"id": "0", "name": "a.png", "width": "6", "height": "4"}


def test_a_photo_whose_name_xml_cannot_hold_is_named(tmp_path):
    with pytest.raises(CurateError, match=r"a\\x01.png: XML cannot hold this name"):
        written(tmp_path, name="a\x01.png")
    assert not (tmp_path / "out").exists()
