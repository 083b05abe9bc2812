from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core import splits

IMAGES = {f"p{i}": f"hash{i}" for i in range(200)}
CATEGORIES = {image: ["rare" if i % 10 == 0 else "common"] for i, image in enumerate(IMAGES)}


def test_shares_are_kept_as_a_whole_and_in_each_stratum():
    dealt = splits.assign(IMAGES, CATEGORIES)
    assert Counter(dealt.values()) == {"train": 160, "val": 20, "test": 20}
    rare = Counter(dealt[p] for p in IMAGES if CATEGORIES[p] == ["rare"])
    assert rare == {"train": 16, "val": 2, "test": 2}


def test_neither_names_nor_order_matter():
    backwards = dict(reversed(IMAGES.items()))
    assert splits.assign(backwards, CATEGORIES) == splits.assign(IMAGES, CATEGORIES)
    renamed = {f"x-{image}": group for image, group in IMAGES.items()}
    categories = {f"x-{image}": c for image, c in CATEGORIES.items()}
    again = splits.assign(renamed, categories)
    assert {p: again[f"x-{p}"] for p in IMAGES} == splits.assign(IMAGES, CATEGORIES)


def test_a_image_never_leaves_its_split_when_others_are_added():
    first = splits.assign(IMAGES, CATEGORIES)
    more = IMAGES | {f"q{i}": f"new{i}" for i in range(100)}
    categories = {image: CATEGORIES.get(image, ["common"]) for image in more}
    second = splits.assign(more, categories, given=first)
    assert {p: second[p] for p in IMAGES} == first
    assert Counter(second.values())["test"] == 30


def test_copies_of_a_image_stay_together():
    twins = {f"p{i}": f"hash{i // 2}" for i in range(100)}
    dealt = splits.assign(twins, dict.fromkeys(twins, ()))
    assert all(dealt[f"p{i}"] == dealt[f"p{i + 1}"] for i in range(0, 100, 2))


def test_a_late_copy_follows_its_twin():
    first = splits.assign(IMAGES, CATEGORIES)
    tested = next(image for image, split in first.items() if split == "test")
    more = IMAGES | {"copy": IMAGES[tested]}
    second = splits.assign(more, CATEGORIES | {"copy": ["common"]}, given=first)
    assert second["copy"] == "test"


def test_folds_are_even_and_stratified():
    dealt = splits.folds(IMAGES, CATEGORIES, 4)
    assert Counter(dealt.values()) == {0: 50, 1: 50, 2: 50, 3: 50}
    assert Counter(dealt[p] for p in IMAGES if CATEGORIES[p] == ["rare"]) == dict.fromkeys(
        range(4), 5
    )


def test_more_folds_than_different_images_is_refused():
    with pytest.raises(ValueError, match="3 folds of 2"):
        splits.folds({"a": "1", "b": "1", "c": "2"}, {"a": [], "b": [], "c": []}, 3)


def test_the_stratum_is_the_rarest_category():
    present = {"1": ["shirt", "hat"], "2": ["shirt"], "3": ["shirt", "shirt"], "4": []}
    assert splits.strata(present) == {"1": "hat", "2": "shirt", "3": "shirt", "4": ""}


@given(
    st.dictionaries(
        st.integers(0, 10**6).map(str), st.sets(st.sampled_from("abcdef"), max_size=3), max_size=60
    ),
    st.integers(1, 3),
)
def test_a_category_that_is_the_rarest_in_three_groups_is_in_each_split(present, copies):
    groups = {f"{name}-{n}": name for name in present for n in range(copies)}
    categories = {image: sorted(present[group]) for image, group in groups.items()}
    dealt = splits.assign(groups, categories)
    rarest = splits.strata({group: sorted(there) for group, there in present.items()})
    for category, count in Counter(rarest.values()).items():
        where = {dealt[image] for image, there in categories.items() if category in there}
        assert not category or count < 3 or where == set(splits.SPLITS)
    by_group = Counter((groups[i], split) for i, split in dealt.items())
    assert len(by_group) == len(present)


def test_a_rare_category_that_comes_later_reaches_the_split_that_lacks_it():
    first = splits.assign(IMAGES, CATEGORIES)
    more = IMAGES | {f"h{i}": f"hat{i}" for i in range(3)}
    hats = {f"h{i}": ["hat", "common"] for i in range(3)}
    second = splits.assign(more, CATEGORIES | hats, given=first)
    assert {second[image] for image in hats} == set(splits.SPLITS)
    assert {image: second[image] for image in IMAGES} == first


def test_a_split_without_a_share_gets_no_photo():
    dealt = splits.assign(IMAGES, CATEGORIES, shares=(0.9, 0, 0.1))
    assert Counter(dealt.values()) == {"train": 180, "test": 20}


@given(
    st.dictionaries(
        st.text("abcdefgh", min_size=1, max_size=2), st.tuples(*[st.integers(0, 5)] * 2)
    )
)
def test_joined_photos_are_those_that_a_chain_of_either_grouping_leads_to(of):
    first = {photo: f"g{one}" for photo, (one, _) in of.items()}
    second = {photo: f"k{other}" for photo, (_, other) in of.items() if other}
    found = splits.joined(first, second)
    assert found == splits.joined(dict(reversed(first.items())), dict(reversed(second.items())))
    for photo in of:
        reached, before = {photo}, set()
        while reached != before:
            before = set(reached)
            firsts, seconds = {first[p] for p in reached}, {second.get(p) for p in reached} - {None}
            reached |= {p for p in of if first[p] in firsts or second.get(p) in seconds}
        assert {p for p in of if found[p] == found[photo]} == reached
