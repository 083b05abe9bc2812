from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.audit import instances
from curation.audit.instances import audit_record
from curation.audit.parts import is_part
from curation.core import polygons, rle
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.formats import imaterialist
from curation.formats.imaterialist import CATEGORIES

SIDE = 100


def block(left, top, width, height):
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def image(*labels, **changes):
    """A record of (category, mask) pairs; every instance gets the changes."""
    made = [
        Instance(category, rle.encode(mask), f"train.csv:{line}", **changes)
        for line, (category, mask) in enumerate(labels, start=2)
    ]
    return ImageRecord("p", Path("p.jpg"), *labels[0][1].shape, tuple(made))


def drawn(*ring, category="dress"):
    mask = polygons.rasterise([ring], SIDE, SIDE)
    made = Instance(category, mask, "via.json:p#0", polygons=(ring,))
    return ImageRecord("p", Path("p.jpg"), SIDE, SIDE, (made,))


def ids_of(record):
    return [i.instance_id for i in record.instances]


def test_clean_labels_have_no_fault():
    record = image(
        ("coat", block(10, 10, 40, 60)),
        ("dress", block(20, 10, 20, 70)),
        ("sleeve", block(50, 12, 6, 30)),
        ("shoe", block(20, 90, 8, 6)),
        ("shoe", block(32, 90, 8, 6)),
    )
    assert audit_record(record) == []
    assert audit_record(drawn(10, 10, 60, 10, 60, 80, 10, 80)) == []


@pytest.mark.parametrize("name", ["run past the end", "overlapping runs"])
def test_what_the_reader_repaired_is_a_fault_with_its_location(name):
    record = image(("dress", block(10, 10, 20, 20)), repaired=(FindingKind(name),))
    (fault,) = audit_record(record)
    assert (fault.image_id, fault.kind, fault.location) == ("p", name, "train.csv:2")
    assert [fault.instance_id] == ids_of(record)
    assert fault.detail.endswith("; 400 pixels are left")
    assert fault.severity == FindingKind(name).severity


def test_a_mask_without_a_pixel_is_empty_and_nothing_else():
    empty = block(0, 0, 0, 0)
    found = audit_record(
        image(("dress", empty), ("coat", empty), ("dress", empty), ("sleeve", empty))
    )
    assert [f.kind for f in found] == ["empty mask"] * 4
    assert found[0].detail == "'dress' has 0 of the photo's 10,000 pixels"


def test_fewer_than_16_pixels_are_tiny():
    (fault,) = audit_record(image(("bead", block(0, 0, 5, 3)), ("dress", block(0, 0, 4, 4))))
    assert (fault.kind, fault.location) == ("tiny mask", "train.csv:2")
    assert fault.detail == "'bead' has 15 of the photo's 10,000 pixels"


def test_in_a_large_image_less_than_a_pixel_of_a_label_map_is_tiny():
    large = np.zeros((2560, 2560), dtype=bool)  # 100 of its pixels are one of 256 x 256
    large[:9, :11] = True
    assert [f.kind for f in audit_record(image(("dress", large)))] == ["tiny mask"]
    large[9, 0] = True
    assert audit_record(image(("dress", large))) == []


def test_a_polygon_that_left_the_image_says_how_far_and_how_much_of_it():
    (fault,) = audit_record(drawn(80, 20, 130, 20, 130, 30, 80, 30))
    assert (fault.kind, fault.location) == ("out-of-frame polygon", "via.json:p#0")
    assert fault.detail == (
        "reaches 30 pixels out of the 100x100 photo: 500 square pixels as drawn, 200 inside"
    )
    assert "reaches 7 pixels" in audit_record(drawn(10, -7, 60, -7, 60, 50, 10, 50))[0].detail


def test_one_pixel_out_of_the_frame_is_the_tools_rounding():
    assert audit_record(drawn(-1, -1, 101, -1, 101, 101, -1, 101)) == []


def test_a_bow_tie_says_its_area_before_and_after():
    (fault,) = audit_record(drawn(10, 10, 50, 50, 50, 10, 10, 50))
    assert fault.kind == "self-intersecting polygon"
    assert fault.detail == ("Self-intersection[30 30]: 0 square pixels as drawn, 800 as repaired")


def test_what_the_reader_said_of_an_outline_is_told_once_with_its_areas():
    kinds = FindingKind.SELF_INTERSECTING, FindingKind.OUT_OF_FRAME
    record = drawn(10, 10, 130, 50, 130, 10, 10, 50)
    unsaid = audit_record(record)
    assert tuple(f.kind for f in unsaid) == kinds
    assert all(" square pixels as drawn, " in f.detail for f in unsaid)
    said = replace(record, instances=(replace(record.instances[0], repaired=kinds),))
    assert audit_record(said) == unsaid


def test_an_outline_that_leaves_another_file_than_was_labelled_is_a_fault_of_its_own():
    record = drawn(80, 20, 130, 20, 130, 30, 80, 30)
    kinds = FindingKind.OUT_OF_FRAME, FindingKind.OTHER_FILE
    said = replace(record, instances=(replace(record.instances[0], repaired=kinds),))
    faults = audit_record(said)
    assert {f.kind for f in faults} == {*kinds}
    assert "not the size in bytes that VIA noted" in faults[0].detail


def test_an_outline_that_only_touches_itself_is_no_fault():
    bridge_to_a_hole = (0, 0, 50, 0, 50, 50, 0, 50, 0, 0, 20, 20, 20, 30, 30, 30, 30, 20, 20, 20)
    assert audit_record(drawn(*bridge_to_a_hole)) == []


def test_a_garment_labelled_twice_points_at_the_first():
    again = block(10, 10, 20, 50)
    again[10, 10:30] = False  # IoU 980 / 1000
    record = image(("skirt", block(60, 10, 20, 50)), ("dress", block(10, 10, 20, 50)),
                   ("dress", again))  # fmt: skip
    (fault,) = audit_record(record)
    ids = ids_of(record)
    assert fault.kind == "duplicate instance"
    assert (fault.instance_id, fault.other) == (ids[2], ids[1])
    assert fault.detail == "'dress' has IoU 0.98 with 'dress' of train.csv:3"


def test_three_copies_are_two_faults():
    found = audit_record(image(*[("dress", block(10, 10, 20, 50))] * 3))
    assert [(f.kind, f.location) for f in found] == [
        ("duplicate instance", "train.csv:3"),
        ("duplicate instance", "train.csv:4"),
    ]
    assert len({f.other for f in found}) == 1


@pytest.mark.parametrize(
    ("rows", "categories", "name"),
    [
        (95, ("dress", "dress"), "duplicate instance"),
        (94, ("dress", "dress"), None),
        (90, ("dress", "coat"), "same pixels, other category"),
        (89, ("dress", "coat"), None),
        (100, ("dress", "sequin"), None),  # they may cover all of it
    ],
)
def test_the_bar_of_the_same_pixels(rows, categories, name):
    masks = block(10, 0, 20, 100), block(10, 0, 20, rows)
    found = audit_record(image(*zip(categories, masks, strict=True)))
    assert [f.kind for f in found] == ([name] if name else [])


@pytest.mark.parametrize(
    ("part", "garment", "alone"),
    [
        ("sleeve", "dress", False),
        ("sleeve", "shoe", True),
        ("collar", "cape", False),
        ("collar", "pants", True),
        ("pocket", "pants", False),
        ("pocket", "tie", True),
        ("buckle", "shoe", False),
        ("bow", "headband, head covering, hair accessory", False),
        ("sleeve", "a kimono of another vocabulary", False),
    ],
)
def test_a_part_sits_on_a_garment_that_can_have_it(part, garment, alone):
    found = audit_record(image((garment, block(10, 10, 30, 30)), (part, block(20, 20, 6, 6))))
    assert [(f.kind, f.location) for f in found] == [
        ("part without its garment", "train.csv:3")
    ] * alone


def test_a_part_does_not_sit_on_a_part():
    found = audit_record(image(("zipper", block(10, 10, 4, 30)), ("rivet", block(10, 10, 6, 6))))
    assert [f.kind for f in found] == ["part without its garment"] * 2


def test_a_part_may_lie_two_percent_of_the_diagonal_from_its_garment():
    def beside(gap):
        return image(("dress", block(10, 10, 30, 30)), ("sleeve", block(40 + gap, 10, 10, 20)))

    assert audit_record(beside(2)) == []  # of 141 pixels
    (fault,) = audit_record(beside(3))
    assert fault.detail == "no garment that can have a 'sleeve' is nearer than 3 pixels"
    assert audit_record(image(("sleeve", block(0, 0, 9, 9))))[0].detail == (
        "no garment that can have a 'sleeve' is in the photo"
    )


MASKS = st.lists(hnp.arrays(bool, (6, 5)), min_size=1, max_size=5)


@given(MASKS, st.data())
def test_pairs_are_those_of_every_pair_compared(masks, data):
    category = st.sampled_from(["dress", "coat", "bead"])
    labels = [(data.draw(category), mask) for mask in masks]
    record = image(*labels)
    ids = ids_of(record)
    found = {(f.instance_id, f.other, f.kind) for f in audit_record(record) if f.other}
    expected = set()
    for later, (one, mask) in enumerate(labels):
        for earlier, (other, before) in enumerate(labels[:later]):
            union = (mask | before).sum()
            iou = (mask & before).sum() / union if union else 0
            if one == other and iou >= instances.SAME_MASK:
                expected.add((ids[later], ids[earlier], FindingKind.DUPLICATE))
                break
            if {one, other} == {"dress", "coat"} and iou >= instances.SAME_PIXELS:
                expected.add((ids[later], ids[earlier], FindingKind.CONTRADICTION))
                break
    assert found == expected


def test_all_parts_of_imaterialist_are_known():
    assert [c for c in CATEGORIES if is_part(c)] == list(CATEGORIES[27:])


def test_real_labels_have_no_fault_until_they_are_there_twice(real_data):
    """CCP's masks come from one label map each: no two overlap, and none is smaller than a sock."""
    source = imaterialist.load(real_data / "ccp" / "train.csv", real_data / "ccp" / "images")
    for record in source.read(0, 40, pytest.fail):
        assert audit_record(record) == []
        again = (replace(i, instance_id="") for i in record.instances)
        twice = replace(record, instances=(*record.instances, *again))
        assert {f.kind for f in audit_record(twice)} == {"duplicate instance"}


def wide(mask):
    """A photo that is not square, where rows and columns can be told apart."""
    return np.concatenate([mask, np.zeros((60, SIDE), bool)])


def as_read(flat, height, width):
    """The mask that is read of pixels in the order in which somebody else wrote them."""
    return np.resize(flat, height * width).reshape((height, width), order="F")


GARMENT = wide(block(20, 30, 40, 50))


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (~GARMENT, "inverse mask"),
        (as_read(GARMENT.ravel(), *GARMENT.shape), "row-major runs"),
        (as_read(GARMENT.ravel(order="F"), 120, 100), "stripes"),
    ],
)
def test_a_mask_that_was_written_in_another_way_is_seen_by_its_shape(mask, kind):
    (fault,) = audit_record(image(("dress", mask)))
    assert (fault.kind, fault.location) == (kind, "train.csv:2")
    assert fault.detail.startswith(
        f"'dress' has {mask.sum():,} of the photo's {mask.size:,} pixels"
    )
    assert audit_record(image(("background", ~GARMENT))) == []


@pytest.mark.parametrize(
    "mask",
    [
        GARMENT,
        wide(np.eye(SIDE, dtype=bool) | np.eye(SIDE, k=1, dtype=bool)),  # a strap aslant
        np.repeat(wide(np.eye(SIDE, dtype=bool)), 3, axis=0),  # a steep one
        np.tile(np.arange(60) % 2 == 0, (90, 1)),  # a fringe
        np.ones((60, 90), bool),  # all of it is fabric
        np.pad(np.zeros((20, 20), bool), ((40, 0), (20, 20)), constant_values=True),
    ],
)
def test_thin_and_large_garments_are_no_masks_that_were_misread(mask):
    assert audit_record(image(("dress", mask))) == []
