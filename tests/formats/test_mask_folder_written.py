"""Index masks that are written, and read again."""

import csv

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp
from PIL import Image

from curation.core import rle
from curation.core.errors import CurateError
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import label_map
from curation.core.taxonomy import load as load_taxonomy
from curation.formats import mask_folder
from tests.formats.test_mask_folder import drawn, save


def record(image, values, image_id="r"):
    """A record of the styles whose ids are in ``values``."""
    names = {1: "bohemian", 2: "preppy", 3: "streetwear", 255: "ignore"}
    present = [v for v in np.unique(values).tolist() if v]
    instances = tuple(Instance(names[v], rle.encode(values == v)) for v in present)
    return ImageRecord(image_id, image, *values.shape, instances)


STYLE_MAPS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements={"min_value": 0, "max_value": 4},
).map(lambda values: np.where(values == 4, 255, values).astype(np.uint8))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(STYLE_MAPS)
def test_what_is_written_is_read_back_exactly(tmp_path, values):
    styles = load_taxonomy("styles")
    images, out = tmp_path / "photos", tmp_path / "out"
    image = save(images / "r.png", np.zeros(values.shape, np.uint8))
    mask_folder.write(out, [record(image, values)], styles)
    named = {1, 2, 3} & set(values.ravel().tolist()) or not values.any()
    for classes in ("styles", str(out / "classes.csv")):
        found = list(mask_folder.load(out, images, classes).read(0, 1, [].append))
        if classes == "styles" and not named:  # only the list beside it says that 255 is ignored
            assert found == []
            continue
        assert (label_map(found[0], styles) == values).all()


def test_a_written_mask_is_the_ids_whoever_reads_it(tmp_path):
    """Of a palette, OpenCV reads the colours, and asked for grey it makes grey of those."""
    image = save(tmp_path / "sub.png", np.zeros((1, 4), np.uint8))
    values = drawn(".12*")
    mask_folder.write(tmp_path, [record(image, values, "x/sub.png")], load_taxonomy("styles"))
    written = tmp_path / "x" / "sub.png"
    with Image.open(written) as opened:
        assert opened.mode == "L"
        assert (np.asarray(opened) == values).all()
    for how in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_GRAYSCALE):
        assert (cv2.imread(str(written), how) == values).all()


def test_the_classes_and_their_colors_are_beside_the_masks(tmp_path):
    image = save(tmp_path / "r.png", np.zeros((1, 4), np.uint8))
    mask_folder.write(tmp_path, [record(image, drawn(".12*"))], load_taxonomy("styles"))
    with (tmp_path / "classes.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["id", "name", "color"],
            ["0", "background", "#000000"],
            ["1", "bohemian", "#c1666b"],
            ["2", "preppy", "#2e5eaa"],
            ["3", "streetwear", "#3a9d5d"],
            ["255", "ignore", "#e0e0c0"],
        ]


def test_the_same_records_give_the_same_bytes(tmp_path):
    image = save(tmp_path / "r.jpg", np.zeros((1, 4), np.uint8))
    for name in ("first", "second"):
        mask_folder.write(tmp_path / name, [record(image, drawn(".12*"))], load_taxonomy("styles"))
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("first", "second"))
    assert [p.name for p in first] == ["classes.csv", "r.png"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_nothing_is_written_outside_of_the_folder_or_over_another(tmp_path):
    jpg, png = (save(tmp_path / f"r.{s}", np.zeros((1, 4), np.uint8)) for s in ("jpg", "png"))
    out, values, styles = tmp_path / "out", drawn(".12*"), load_taxonomy("styles")
    for name in ("../r.jpg", "/r.jpg"):
        with pytest.raises(CurateError, match="leads out"):
            mask_folder.write(out, [record(jpg, values, name)], styles)
    mask_folder.write(out, [record(jpg, values, "r.jpg"), record(png, values, "r.png")], styles)
    assert sorted(p.name for p in out.iterdir()) == ["classes.csv", "r.jpg.png", "r.png.png"]


def test_real_masks_are_read_exactly(real_data, tmp_path):
    """Every tenth of the 800 of Clothing Co-Parsing."""
    text = (real_data / "README.md").read_text().partition("by index: ")[2]
    names = [name.strip(" .\n") for name in text.split(",")]
    rows = "".join(f"{i},{name}\n" for i, name in enumerate(names) if i)
    (tmp_path / "ccp.csv").write_text(f"id,name\n{rows}")
    ccp = real_data / "ccp"
    source = mask_folder.load(ccp / "masks", ccp / "images", str(tmp_path / "ccp.csv"))
    assert len(source.names) == 800
    skips = []
    for start in range(0, 800, 10):
        (record,) = source.read(start, start + 1, skips.append)
        values = np.asarray(Image.open(ccp / "masks" / f"{record.image_id}.png"))
        for instance in record.instances:
            value = int(instance.source.rpartition(":")[2])
            assert instance.category == names[value]
            assert (rle.decode(instance.mask) == (values == value)).all()
    assert skips == []
