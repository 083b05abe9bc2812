from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from curation.audit import duplicates as module
from curation.audit.duplicates import (
    DuplicateGroup,
    ImageLabels,
    audit_duplicates,
    duplicates,
    summarise,
)
from curation.audit.image_hash import ImageHash, check_image
from curation.core.records import ImageRecord
from tests.conftest import picture, record

GREY = bytes([128] * 192)


def image_print(name, content=None, perceptual=0, thumbnail=GREY):
    return ImageHash(name, content or name, perceptual, thumbnail)


def test_equal_files_are_twins_and_of_them_the_first_is_compared_by_its_looks():
    prints = [
        image_print("a", "same"),
        image_print("far", perceptual=2**64 - 1),
        image_print("b", "same"),
        image_print("c", perceptual=2**10 - 1),
    ]
    assert duplicates(prints) == [
        DuplicateGroup(("a", "b"), True),
        DuplicateGroup(("a", "c"), False),
    ]


def test_images_that_share_a_hash_and_not_their_colors_stay_apart():
    def colored(cells):
        return bytes([128] * 3 * (64 - cells) + [128, 128, 169] * cells)

    pose = image_print("a")
    assert duplicates([pose, image_print("b", thumbnail=colored(3))]) == []
    alike = image_print("b", thumbnail=colored(2))
    assert duplicates([pose, alike]) == [DuplicateGroup(("a", "b"), False)]


def coloured(shades):
    """A thumbnail of 8 x 8 grey cells."""
    return np.repeat(np.array(shades, np.uint8), 3).tobytes()


SLOPE = np.tile(np.arange(20, 100, 10), (8, 1))


def test_a_mirrored_copy_is_one_and_it_is_said_which_of_them_are():
    """Its hash has the other sign in every second column of frequencies, its cells the other
    order in each row."""
    turned = 0x5555_5555_5555_5555
    prints = [
        image_print("a", perceptual=0xF0F0, thumbnail=coloured(SLOPE)),
        image_print("b", perceptual=0xF0F0 ^ turned ^ 0x3FF, thumbnail=coloured(SLOPE[:, ::-1])),
        image_print("c", perceptual=0xF0F0 ^ turned, thumbnail=coloured(SLOPE)),
        image_print("d", perceptual=0xF0F0 ^ turned ^ 0x7FF, thumbnail=coloured(SLOPE[:, ::-1])),
        image_print("e", perceptual=0xF0F0, thumbnail=coloured(SLOPE + 4)),
    ]
    # d is like b, whose bits it shares; c has the bits of a mirror image, and not its colours.
    assert duplicates(prints) == [
        DuplicateGroup(("a", "b", "d", "e"), False, frozenset({"b", "d"}))
    ]


def test_a_copy_is_known_as_mirrored_in_any_light():
    """Twice as bright, each cell is brighter than both its own copy and the one across."""
    turned = 0x5555_5555_5555_5555
    mild = np.tile(np.arange(60, 84, 3), (8, 1))
    prints = [
        image_print("a", thumbnail=coloured(mild)),
        image_print("b", perceptual=turned, thumbnail=coloured(mild[:, ::-1] * 2)),
        image_print("c", thumbnail=coloured(mild * 2 + (mild > 70))),  # as rounding leaves it
    ]
    (found,) = duplicates(prints)
    assert (found.image_ids, found.mirrored) == (("a", "b", "c"), {"b"})


@pytest.mark.parametrize(
    "copy, is_one",
    [
        (SLOPE * 1.9, True),
        (np.where(np.arange(8) < 4, SLOPE + 100, SLOPE), False),  # 1.9 times as bright in all
        (SLOPE * 2.5, False),
        (SLOPE + 75, False),
    ],
)
def test_another_light_changes_all_cells_by_one_factor(copy, is_one):
    prints = [
        image_print("a", thumbnail=coloured(SLOPE)),
        image_print("b", thumbnail=coloured(copy)),
    ]
    assert bool(duplicates(prints)) is is_one


def test_on_a_white_wall_another_light_is_not_told_from_another_garment():
    wall = np.full((8, 8), 255)
    wall[2:6, 3:5] = 60
    lighter = np.where(wall == 60, 110, wall)
    prints = [
        image_print("a", thumbnail=coloured(wall)),
        image_print("b", thumbnail=coloured(lighter)),
    ]
    assert duplicates(prints) == []


def test_likeness_is_passed_on():
    """a and c differ in 16 bits, and both are like b."""
    prints = [
        image_print("a"),
        image_print("c", perceptual=0xFFFF),
        image_print("b", perceptual=0xFF),
    ]
    assert duplicates(prints) == [DuplicateGroup(("a", "c", "b"), False)]


def test_no_images_have_no_duplicates():
    assert duplicates([]) == []


def brute_force(prints):
    """Every pair compared, then merged until nothing changes."""
    groups = [{p.image_id} for p in prints]
    for one, other in combinations(prints, 2):
        bits = (one.perceptual ^ other.perceptual).bit_count()
        turned = (one.perceptual ^ other.perceptual ^ 0x5555_5555_5555_5555).bit_count()
        cells = np.array([list(one.thumbnail), list(other.thumbnail)]).reshape(2, 64, 3)
        unlike = (np.abs(cells[0] - cells[1]).max(axis=1) > module.NEAR_COLOR).sum()
        # Of one grey each, another light would explain any: the shades are above WHITE.
        if min(bits, turned) <= module.NEAR_BITS and unlike <= module.OTHER_CELLS:
            first = next(g for g in groups if one.image_id in g)
            second = next(g for g in groups if other.image_id in g)
            if first is not second:
                groups.remove(second)
                first |= second
    return {frozenset(g) for g in groups if len(g) > 1}


@given(
    st.lists(st.integers(0, 2**16 - 1), max_size=25),
    st.lists(st.sampled_from([0, 30, 60, 255]), min_size=25, max_size=25),
    st.lists(st.booleans(), min_size=25, max_size=25),
    st.integers(1, 4),
)
def test_blocks_find_what_brute_force_finds(hashes, shades, mirrored, block):
    turned = 0x5555_5555_5555_5555
    prints = [
        image_print(
            str(i),
            perceptual=h * 0x10001 ^ (turned if mirrored[i] else 0),
            thumbnail=bytes([shades[i], 0, 255] * 64),
        )
        for i, h in enumerate(hashes)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        found = duplicates(prints)
    assert {frozenset(g.image_ids) for g in found} == brute_force(prints)


def labels(*categories, source="train.csv:2", mask=b"m"):
    return ImageLabels(source, tuple((c, mask) for c in sorted(categories)))


def test_equal_files_with_other_categories_name_both_sides():
    said = {"a": labels("skirt", "top", "shoe", "shoe"), "b": labels("dress", "shoe", source="x:9")}
    (fault,) = audit_duplicates([DuplicateGroup(("a", "b"), True)], said)
    assert (fault.kind, fault.image_id, fault.other) == ("duplicate photo, other labels", "b", "a")
    assert (fault.instance_id, fault.location) == ("", "x:9")
    assert fault.detail == "only here: 'dress'; only on a: 'shoe' + 'skirt' + 'top'"


def test_equal_files_with_other_masks_say_how_many():
    one = summarise(record(Path("a.jpg"), dress=picture("#."), shoe=picture(".#")))
    other = summarise(record(Path("b.jpg"), dress=picture("##"), shoe=picture(".#")))
    (fault,) = audit_duplicates([DuplicateGroup(("a", "b"), True)], {"a": one, "b": other})
    assert fault.detail == "the categories are those of a, but 1 of 2 masks differ"


def test_the_one_that_most_of_its_group_contradict_has_the_fault():
    said = {"a": labels("skirt"), "b": labels("dress"), "c": labels("dress"), "d": labels("dress")}
    (fault,) = audit_duplicates([DuplicateGroup(tuple(said), True)], said)
    assert (fault.image_id, fault.other) == ("a", "b")


def test_images_that_look_alike_need_equal_categories_and_no_equal_masks():
    group = [DuplicateGroup(("a", "b"), False)]
    assert not [*audit_duplicates(group, {"a": labels("dress"), "b": labels("dress", mask=b"n")})]
    (fault,) = audit_duplicates(group, {"a": labels("dress"), "b": labels("dress", "hat")})
    assert fault.kind == "near-duplicate photo, other labels"
    assert fault.detail == "only here: 'hat'; only on a: nothing"


def test_the_order_of_the_rows_makes_no_difference():
    dress, shoe = picture("#."), picture(".#")
    one = summarise(record(Path("a.jpg"), dress=dress, shoe=shoe))
    other = summarise(record(Path("b.jpg"), shoe=shoe, dress=dress))
    assert one.instances == other.instances
    assert one.categories == ("dress", "shoe")


@pytest.fixture
def take(tmp_path):
    """A function that saves a photo and takes its print."""

    def save(image, name, **options):
        path = tmp_path / name
        image.save(path, **options)
        return check_image(ImageRecord(name, path, image.height, image.width))[0]

    return save


def test_copies_of_a_real_image_are_found(real_data, take):
    """CCP's 0078 and 0984 are one picture, cut in two ways."""
    folder = real_data / "ccp" / "images"
    image = Image.open(folder / "0078.jpg")
    w, h = image.size
    prints = [
        take(image, "original.png"),
        take(image, "squeezed.jpg", quality=20),
        take(image.resize((w // 3, h // 3)), "small.jpg"),
        take(image.crop((w // 50, h // 50, w - w // 50, h - h // 50)), "cut.jpg"),
        take(Image.open(folder / "0984.jpg"), "0984.png"),
        take(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "mirrored.png"),
        take(ImageEnhance.Brightness(image).enhance(1.4), "brighter.png"),
        take(ImageEnhance.Brightness(image).enhance(0.6), "darker.png"),
        take(Image.open(folder / "0594.jpg"), "another.png"),
    ]
    (found,) = duplicates(prints)
    assert found.image_ids == tuple(one.image_id for one in prints[:-1])
    assert found.mirrored == {"mirrored.png"}


def test_one_pose_in_other_clothes_stays_two_images(take):
    """A studio: white wall, one outline; a dress in one shot, a top and trousers in the other."""
    canvas = np.full((240, 160, 3), 250, dtype=np.uint8)
    canvas[20:60, 60:100] = (200, 160, 140)
    shots = [canvas.copy(), canvas.copy()]
    shots[0][60:200, 45:115] = (40, 60, 120)
    shots[1][60:120, 45:115] = (180, 170, 60)
    shots[1][120:200, 45:115] = (60, 50, 50)
    prints = [take(Image.fromarray(s), f"shot{i}.png") for i, s in enumerate(shots)]
    assert bin(prints[0].perceptual ^ prints[1].perceptual).count("1") <= module.NEAR_BITS
    assert duplicates(prints) == []
