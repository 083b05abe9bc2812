from collections import Counter

import pytest

from curation.core import splits

IMAGES = {f"p{i}": f"hash{i}" for i in range(200)}
STRATUM = {image: ("rare" if i % 10 == 0 else "common") for i, image in enumerate(IMAGES)}


def test_shares_are_kept_as_a_whole_and_in_each_stratum():
    dealt = splits.assign(IMAGES, STRATUM)
    assert Counter(dealt.values()) == {"train": 160, "val": 20, "test": 20}
    rare = Counter(dealt[p] for p in IMAGES if STRATUM[p] == "rare")
    assert rare == {"train": 16, "val": 2, "test": 2}


def test_neither_names_nor_order_matter():
    backwards = dict(reversed(IMAGES.items()))
    assert splits.assign(backwards, STRATUM) == splits.assign(IMAGES, STRATUM)
    renamed = {f"x-{image}": group for image, group in IMAGES.items()}
    stratum = {f"x-{image}": s for image, s in STRATUM.items()}
    again = splits.assign(renamed, stratum)
    assert {p: again[f"x-{p}"] for p in IMAGES} == splits.assign(IMAGES, STRATUM)


def test_a_image_never_leaves_its_split_when_others_are_added():
    first = splits.assign(IMAGES, STRATUM)
    more = IMAGES | {f"q{i}": f"new{i}" for i in range(100)}
    stratum = {image: STRATUM.get(image, "common") for image in more}
    second = splits.assign(more, stratum, given=first)
    assert {p: second[p] for p in IMAGES} == first
    assert Counter(second.values())["test"] == 30


def test_copies_of_a_image_stay_together():
    twins = {f"p{i}": f"hash{i // 2}" for i in range(100)}
    dealt = splits.assign(twins, dict.fromkeys(twins, ""))
    assert all(dealt[f"p{i}"] == dealt[f"p{i + 1}"] for i in range(0, 100, 2))


def test_a_late_copy_follows_its_twin():
    first = splits.assign(IMAGES, STRATUM)
    tested = next(image for image, split in first.items() if split == "test")
    more = IMAGES | {"copy": IMAGES[tested]}
    second = splits.assign(more, STRATUM | {"copy": "common"}, given=first)
    assert second["copy"] == "test"


def test_folds_are_even_and_stratified():
    dealt = splits.folds(IMAGES, STRATUM, 4)
    assert Counter(dealt.values()) == {0: 50, 1: 50, 2: 50, 3: 50}
    assert Counter(dealt[p] for p in IMAGES if STRATUM[p] == "rare") == dict.fromkeys(range(4), 5)


def test_more_folds_than_different_images_is_refused():
    with pytest.raises(ValueError, match="3 folds of 2"):
        splits.folds({"a": "1", "b": "1", "c": "2"}, {"a": "", "b": "", "c": ""}, 3)


def test_the_stratum_is_the_rarest_category():
    present = {"1": ["shirt", "hat"], "2": ["shirt"], "3": ["shirt", "shirt"], "4": []}
    assert splits.strata(present) == {"1": "hat", "2": "shirt", "3": "shirt", "4": ""}
