import os
import pickle
import unicodedata

import numpy as np
import pytest
from PIL import Image

from curation.core import rle
from curation.core.errors import FormatError
from curation.formats import mask_folder
from tests.conftest import picture

CLASSES = "id,name\n1,shirt\n2,pants\n3,hat\n"


def drawn(*rows, dtype=np.uint8):
    """A label map drawn by hand: '.' is background, '*' void."""
    values = {".": 0, "*": 255}
    return np.array([[values[c] if c in values else int(c) for c in row] for row in rows], dtype)


# a.jpg in photos_folder is 6 wide and 4 high.
MASK = drawn(
    "..33..",
    ".1111.",
    ".1221*",
    "..22.*",
)
SHIRT = picture(
    "......",
    ".####.",
    ".#..#.",
    "......",
)


def save(path, values=MASK, **options):
    path.parent.mkdir(exist_ok=True)
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(path, **options)
    return path


def load(masks, images, classes=CLASSES):
    path = masks.parent / "classes.csv"
    path.write_bytes(classes if isinstance(classes, bytes) else classes.encode())
    return mask_folder.load(masks, images, str(path))


def read(masks, images, classes=CLASSES):
    source, skips = load(masks, images, classes), []
    return list(source.read(0, len(source.names), skips.append)), skips


def found(record):
    return [(i.category, i.source) for i in record.instances]


def test_each_class_of_a_mask_is_one_instance(masks, images_folder):
    save(masks / "a.png")
    (record,), skips = read(masks, images_folder)
    assert (record.image_id, record.path.name, record.height, record.width) == ("a", "a.jpg", 4, 6)
    assert found(record) == [
        ("shirt", "masks/a.png:1"),
        ("pants", "masks/a.png:2"),
        ("hat", "masks/a.png:3"),
        ("ignore", "masks/a.png:255"),
    ]
    assert (rle.decode(record.instances[0].mask) == SHIRT).all()
    assert rle.area(record.instances[3].mask) == 2
    assert skips == []


def test_a_mask_of_background_alone_is_a_image_without_instances(masks, images_folder):
    save(masks / "a.png", np.zeros((4, 6), np.uint8))
    (record,), skips = read(masks, images_folder)
    assert (record.instances, skips) == ((), [])


@pytest.mark.parametrize(
    ("classes", "categories"),
    [
        ("id,name\n0,background\n1,a\n2,b\n3,c\n255,void\n", ["a", "b", "c", "ignore"]),
        ("id,name\n0,null\n1,a\n2,b\n3,c\n255,edge\n", ["null", "a", "b", "c", "edge"]),
        ("id,name\n1,a\n2,Void\n3,Background\n", ["a", "ignore", "ignore"]),
        ("\ufeffid,name,color\r\n1, a ,#000000\r\n2,b,\r\n3,c\r\n", ["a", "b", "c", "ignore"]),
    ],
)
def test_the_list_may_name_0_and_255_and_say_what_is_background_and_void(
    masks, images_folder, classes, categories
):
    save(masks / "a.png")
    (record,), _ = read(masks, images_folder, classes)
    assert [i.category for i in record.instances] == categories


@pytest.mark.parametrize("classes", ["supercategories", "mine.toml"])
def test_a_taxonomy_is_a_class_list_too(masks, images_folder, tmp_path, monkeypatch, classes):
    rows = '[[classes]]\nid = {}\nname = "{}"\ncolor = "#000000"\n'
    toml = 'name = "mine"\n' + "".join(
        rows.format(i, n) for i, n in ((1, "upper-body"), (2, "lower-body"), (3, "whole-body"))
    )
    (tmp_path / "mine.toml").write_text(toml)
    monkeypatch.chdir(tmp_path)
    save(masks / "a.png")
    (record,) = mask_folder.load(masks, images_folder, classes).read(0, 1, [].append)
    categories = [i.category for i in record.instances]
    assert categories == ["upper-body", "lower-body", "whole-body", "ignore"]


def palette():
    image = Image.fromarray(MASK)
    image.putpalette([255, 0, 0] * 256)  # all one colour: only the indices tell classes apart
    return image


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_of_a_palette_the_indices_count_however_they_are_packed(masks, images_folder, bits):
    image = Image.fromarray(drawn("..33..", ".1111.", ".1221.", "..22.."))
    image.putpalette([0, 0, 0, 9, 9, 9, 3, 3, 3, 1, 1, 1])  # colours that could be taken for ids
    save(masks / "a.png", image, bits=bits, transparency=0)
    (record,), skips = read(masks, images_folder)
    assert (found(record), skips) == (
        [("shirt", "masks/a.png:1"), ("pants", "masks/a.png:2"), ("hat", "masks/a.png:3")],
        [],
    )
    assert (rle.decode(record.instances[0].mask) == SHIRT).all()


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("a.png", palette(), {}),
        ("a.png", MASK.astype(np.uint16), {}),
        ("a.tif", MASK.astype(">u2"), {}),
        ("a.tif", MASK, {"compression": "tiff_lzw"}),
        ("a.bmp", MASK, {}),
        ("a.jpg", MASK, {"format": "PNG"}),  # the content counts, not the suffix
    ],
)
def test_what_keeps_one_value_per_pixel_is_read(masks, images_folder, name, image, options):
    save(masks / name, image, **options)
    (record,), _ = read(masks, images_folder)
    assert [i.category for i in record.instances] == ["shirt", "pants", "hat", "ignore"]
    assert (rle.decode(record.instances[0].mask) == SHIRT).all()


def test_a_mask_of_one_bit_is_of_classes_0_and_1(masks, images_folder):
    save(masks / "a.png", SHIRT)
    (record,), _ = read(masks, images_folder)
    assert found(record) == [("shirt", "masks/a.png:1")]
    assert (rle.decode(record.instances[0].mask) == SHIRT).all()


def test_ids_go_beyond_a_byte(masks, images_folder):
    save(masks / "a.png", MASK.astype(np.uint16) * 200)
    classes = "id,name\n200,shirt\n400,pants\n600,hat\n51000,edge\n"
    (record,), _ = read(masks, images_folder, classes)
    assert [i.source for i in record.instances][1:] == [
        "masks/a.png:400", "masks/a.png:600", "masks/a.png:51000"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "image", "options", "reason"),
    [
        ("a.jpg", MASK, {}, "JPEG may change values"),
        ("a.png", MASK, {"format": "JPEG"}, "JPEG may change values"),
        ("a.webp", np.dstack([MASK] * 3), {"lossless": True}, "WEBP may change values"),
        ("a.gif", palette(), {}, "GIF may change values"),
        ("a.tif", MASK, {"compression": "jpeg"}, "TIFF may change values"),
        (
            "a.png",
            np.dstack([MASK] * 3),
            {},
            "has 3 channels; an index mask has one value per pixel: write",
        ),
        ("a.png", np.dstack([MASK] * 4), {}, "has 4 channels"),
        ("a.png", np.dstack([MASK] * 2), {}, "has 2 channels"),
        ("a.tif", MASK.astype(np.float32), {}, "its values are not of 1, 8 or 16 bits"),
        ("a.tif", MASK.astype(np.int32), {}, "its values are not of 1, 8 or 16 bits"),
    ],
)
def test_what_may_have_changed_the_values_is_refused(
    masks, images_folder, name, image, options, reason
):
    save(masks / name, image, **options)
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.location, skip.kind) == ([], f"masks/{name}", "mask refused")
    assert skip.detail.startswith(reason)


def test_a_mask_that_ends_early_or_is_none_is_refused(masks, images_folder):
    whole = save(masks / "a.png", np.random.default_rng(0).integers(0, 4, (4, 6), np.uint8))
    whole.write_bytes(whole.read_bytes()[:-30])
    (masks / "b.png").write_bytes(b"not an image")
    records, skips = read(masks, images_folder)
    assert records == []
    assert {s.kind for s in skips} == {"mask refused"}
    assert all(s.detail.startswith("mask cannot be read: ") for s in skips)


def test_a_bomb_is_refused_before_it_is_decoded(masks, images_folder, monkeypatch):
    save(masks / "a.png", np.zeros((50, 50), np.uint8))
    monkeypatch.setattr("curation.core.rle.MAX_PIXELS", 100)
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.kind) == ([], "mask refused")
    assert "above 100 pixels" in skip.detail


def test_values_that_no_class_has_refuse_the_image_and_are_counted(masks, images_folder):
    blurred = drawn("004567", "114569", "111122", "111122")
    save(masks / "a.png", blurred)
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.location) == ([], "masks/a.png")
    assert skip.kind == "values not in the class list"
    assert skip.detail.startswith(
        "6 (2 pixels), 5 (2 pixels), 4 (2 pixels), 9 (1 pixels), 7 (1 pixels): "
    )
    records, (skip,) = read(masks, images_folder, "id,name\n1,shirt\n")
    assert "1 more" in skip.detail


@pytest.mark.parametrize(
    ("shape", "reason"), [((6, 4), "turned"), ((8, 12), "scaled"), ((4, 3), "another photo")]
)
def test_a_mask_of_another_size_is_a_mismatch(masks, images_folder, shape, reason):
    save(masks / "a.png", np.ones(shape, np.uint8))
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.location, skip.kind) == ([], "masks/a.png", "size mismatch")
    assert reason in skip.detail


def test_a_mask_lies_on_the_image_as_it_is_shown(masks, images_folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, shown standing
    save(images_folder / "turned.jpg", np.zeros((4, 6, 3), np.uint8), exif=exif)
    save(masks / "turned.png", np.rot90(MASK, -1))
    records, skips = read(masks, images_folder)
    assert skips == []
    assert (rle.decode(records[0].instances[0].mask) == np.rot90(SHIRT, -1)).all()


def test_a_mask_is_matched_by_its_stem_and_common_endings_give_way(masks, images_folder):
    (images_folder / "sub").mkdir()
    for name in ("sub/x.jpg", "y_mask.jpg", "y.jpg", "z-GT.jpg"):
        save(images_folder / name, np.zeros((4, 6), np.uint8))
    for name in ("a_mask.png", "sub/x-seg.png", "y_mask.png", "y.png", "c d_label.png"):
        save(masks / name, np.ones((6, 4) if name[0] == "c" else (4, 6), np.uint8))
    save(masks / "z-GT.png")
    records, skips = read(masks, images_folder)
    assert skips == []
    assert {r.image_id: r.instances[0].source for r in records} == {
        "a": "masks/a_mask.png:1",
        "c d": "masks/c d_label.png:1",
        "sub/x": "masks/sub/x-seg.png:1",
        "y": "masks/y.png:1",
        "y_mask": "masks/y_mask.png:1",
        "z-GT": "masks/z-GT.png:1",
    }


def test_a_mask_may_carry_its_images_whole_name(masks, images_folder):
    save(masks / "a.jpg.png")
    (record,), skips = read(masks, images_folder)
    assert (record.image_id, skips) == ("a", [])


def test_letters_with_accents_match_however_they_are_spelled(masks, images_folder):
    apart, composed = (unicodedata.normalize(form, "été") for form in ("NFD", "NFC"))
    save(images_folder / f"{apart}.png", np.zeros((4, 6), np.uint8))
    save(masks / f"{composed}.png")
    (record,), skips = read(masks, images_folder)
    assert (record.image_id, skips) == (apart, [])


def test_a_mask_without_a_image_is_left_out(masks, images_folder):
    save(masks / "gone_mask.png")
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.location, skip.kind) == (
        [],
        "masks/gone_mask.png",
        "photo without a file",
    )


def test_a_mask_of_two_images_is_left_out(masks, images_folder):
    save(images_folder / "a.png", np.zeros((4, 6), np.uint8))
    save(masks / "a.png")
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.kind) == ([], "photo refused")
    assert "may be 'a.jpg' or 'a.png'" in skip.detail


def test_a_mask_may_be_a_link(masks, images_folder, tmp_path):
    (masks / "a.png").symlink_to(save(tmp_path / "blob.png"))
    (record,), skips = read(masks, images_folder)
    assert (record.image_id, skips) == ("a", [])


def test_a_name_that_is_no_text_is_skipped_and_can_be_written(masks, images_folder):
    save(masks / "a.png").rename(masks / os.fsdecode(b"\xff.png"))
    records, (skip,) = read(masks, images_folder)
    assert (records, skip.kind) == ([], "photo refused")
    f"{skip.location} {skip.detail}".encode()


def test_what_macos_writes_beside_files_and_other_files_are_no_masks(masks, images_folder):
    save(masks / "a.png")
    for name in ("._a.png", "classes.csv", "README.md"):
        (masks / name).write_bytes(b"no mask")
    (masks / "b.png").mkdir()
    records, skips = read(masks, images_folder)
    assert (len(records), skips) == (1, [])


def test_a_source_is_read_in_slices_by_copies_of_it(masks, images_folder):
    for name in ("a", "b", "c d"):
        save(masks / f"{name}.png")
    source = load(masks, images_folder)
    skips, whole = [], []
    for start in range(3):
        copy = pickle.loads(pickle.dumps(source))
        whole += copy.read(start, start + 1, skips.append)
    assert source.names == ("a", "b", "c d")
    assert [r.image_id for r in whole] == ["a"]
    assert [(s.location, s.kind) for s in skips] == [
        ("masks/b.png", "size mismatch"),
        ("masks/c d.png", "size mismatch"),
    ]


def test_loading_opens_no_mask(masks, images_folder):
    (masks / "a.png").write_bytes(b"no image")
    assert load(masks, images_folder).names == ("a",)


def test_a_folder_that_is_none_of_masks_is_one_error(masks, images_folder, tmp_path):
    for folder, message in (
        (tmp_path / "no", "no such folder"),
        (masks, "holds no masks"),
        (images_folder, "is the folder of photos too"),
    ):
        with pytest.raises(FormatError, match=message):
            mask_folder.load(folder, images_folder, "styles")
