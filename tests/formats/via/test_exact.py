"""VIA outlines to the pixel, beside shapely; what is written is read again; real files."""

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.formats import via
from curation.formats.via import regions
from tests.formats.via.test_reader import entry, read, read_all, region

coordinates = st.floats(-3, 23, width=32)
labels = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A folder with one photo, blank.png, 20 wide and 16 high."""
    folder = tmp_path_factory.mktemp("blank")
    Image.new("L", (20, 16)).save(folder / "blank.png")
    return folder


def wobbly(radii):
    """A polygon without crossings around (10, 8): its corners at even angles."""
    turns = np.arange(len(radii)) * 2 * np.pi / len(radii)
    xs, ys = 10 + np.array(radii) * np.cos(turns), 8 + np.array(radii) * np.sin(turns)
    return {"name": "polygon", "all_points_x": xs.tolist(), "all_points_y": ys.tolist()}


def boxes(x, y, width, height):
    return {"name": "rect", "x": x, "y": y, "width": width, "height": height}


@given(
    st.lists(st.floats(1, 20), min_size=3, max_size=9).map(wobbly)
    | st.builds(boxes, coordinates, coordinates, st.floats(1, 20), st.floats(1, 20))
)
def test_a_mask_is_the_shape_that_shapely_sees_but_for_a_pixel_at_its_edge(blank, shape):
    corners = np.reshape(regions.rings(shape), (-1, 2))
    outline = shapely.Polygon(corners).intersection(shapely.box(0, 0, 20, 16))
    core = outline.buffer(-1)
    assume(not core.is_empty)  # a sliver may cover no pixel, and is skipped
    (found,), _ = read(blank, blank, {"k": entry(region(shape), filename="blank.png")})
    mask = found.instances[0].mask
    assert abs(rle.area(mask) - outline.area) <= outline.length
    inside = rle.decode(mask)
    rows, columns = np.mgrid[:16, :20]
    pixels = shapely.box(columns, rows, columns + 1, rows + 1)
    assert inside[shapely.contains(core, pixels)].all()
    assert not inside[shapely.disjoint(outline.buffer(1), pixels)].any()


@given(st.lists(st.tuples(labels, st.lists(coordinates, min_size=6, max_size=12)), max_size=4))
def test_outlines_and_labels_that_were_written_are_read_again(blank, drawn):
    mask = rle.encode(np.ones((16, 20)))
    instances = [Instance("all", mask)]
    instances += [Instance(c, mask, polygons=(tuple(v[: len(v) // 2 * 2]),)) for c, v in drawn]
    entry = ImageRecord("blank.png", blank / "blank.png", 16, 20, tuple(instances))
    via.write(blank / "v.json", [entry], "kind")
    source = via.load(blank / "v.json", blank, "kind")
    (again,) = source.entries
    assert [(r.category, r.rings) for r in again.regions[1:]] == [
        (i.category, i.polygons) for i in instances[1:]
    ]
    (found,), _ = read_all(source)
    assert found.instances[0].mask == mask


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)).filter(np.any))
def test_write_and_read_round_trip(tmp_path, mask):
    height, width = mask.shape
    entry = tmp_path / "r.png"
    Image.new("RGB", (width, height)).save(entry)
    instance = Instance("preppy", rle.encode(mask))
    via.write(
        tmp_path / "v.json", [ImageRecord("r.png", entry, height, width, (instance,))], "style"
    )
    (record,), _ = read_all(via.load(tmp_path / "v.json", tmp_path, "style"))
    assert rle.union([i.mask for i in record.instances]) == instance.mask
    assert {i.category for i in record.instances} == {"preppy"}


@pytest.mark.parametrize(
    ("file", "images", "attribute", "instances", "entries"),
    [
        ("ccp-via/via_project.json", "ccp/images", "category", 393, 60),
        ("via-shorts/train/via_region_data.json", "via-shorts/train", "shorts", 20, 20),
        ("via-shorts/val/via_region_data.json", "via-shorts/val", "shorts", 5, 5),
    ],
)
def test_real_files_are_read_whole(real_data, file, images, attribute, instances, entries):
    records, skips = read_all(via.load(real_data / file, real_data / images, attribute))
    assert skips == []
    assert (sum(len(r.instances) for r in records), len(records)) == (instances, entries)


def test_1067_real_images_hand_drawn_in_via_1_are_understood(real_data, tmp_path):
    """ModaNet's file comes without photos; blank ones of a size that holds its points do."""
    source = via.load(real_data / "modanet-via" / "vgg_val.json", tmp_path, "fashion")
    assert len(source.names) == 1067
    assert sum(len(entry.regions) for entry in source.entries) == 5434
    blank = tmp_path / "blank.png"
    Image.new("L", (1500, 1500)).save(blank)
    for name in source.names[:60]:
        (tmp_path / name).hardlink_to(blank)
    skips = []
    records = list(source.read(0, 60, skips.append))
    drawn = sum(len(r.instances) for r in records)
    assert drawn + len(skips) >= sum(len(entry.regions) for entry in source.entries[:60])
    assert drawn > 200
