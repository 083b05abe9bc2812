"""Splits and folds: by a hash of the photo, stratified, stable when photos are added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from curation.core.text import count

SPLITS = ("train", "val", "test")
SHARES = (0.8, 0.1, 0.1)


def strata(categories: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The stratum of each photo: the rarest category that is in it.

    Args:
        categories: the categories in each photo, by photo

    Returns:
        a category for each photo; empty for a photo without one
    """
    images_with = Counter(c for present in categories.values() for c in set(present))
    return {
        image: min(set(present), key=lambda c: (images_with[c], c), default="")
        for image, present in categories.items()
    }


def assign(
    groups: Mapping[str, str],
    categories: Mapping[str, Sequence[str]],
    given: Mapping[str, str] | None = None,
    names: Sequence[str] = SPLITS,
    shares: Sequence[float] = SHARES,
) -> dict[str, str]:
    """Deals photos to splits (or folds).

    Photos of one group go together, in the order of a hash of the group, so
    that neither their names nor their order in a file matter. First each
    category, the rarest one first, comes into each split that lacks it, where as
    many groups have it as there are splits; so one that is the rarest in that
    many groups is in all of them. Then each group goes where its stratum lacks
    most. What ``given`` says is kept: a photo never leaves its split when others
    are added, and a test set stays frozen.

    Args:
        groups: the group of each photo: a hash of its content, the same for
            duplicates
        categories: the categories in each photo; its group's stratum is the rarest of them
        given: splits that are already decided, by photo
        names, shares: the splits and the share of photos each should have; none gets a photo
            whose share is 0

    Returns:
        the split of every photo in ``groups``

    A split lacks its share of all photos, the next one included, less what it has. Of 4 photos
    of one stratum, dealt in halves, each split gets 2; ``b`` and its copy ``b2`` go together:

    >>> groups = {"a": "1", "b": "2", "b2": "2", "c": "3"}
    >>> categories = dict.fromkeys(groups, ["dress"])
    >>> assign(groups, categories, names=("train", "test"), shares=(0.5, 0.5))
    {'a': 'test', 'b': 'train', 'b2': 'train', 'c': 'test'}
    >>> assign(groups, categories, given={"a": "train"}, names=("train", "test"), shares=(0.5, 0.5))
    {'a': 'train', 'b': 'test', 'b2': 'test', 'c': 'train'}
    """
    given = given or {}
    share_of = {name: s for name, s in zip(names, shares, strict=True) if s}
    members: dict[str, list[str]] = {}
    for image, group in groups.items():
        members.setdefault(group, []).append(image)
    present = {g: [c for i in images for c in categories[i]] for g, images in members.items()}
    stratum = strata(present)

    split_of = {image: given[image] for image in groups if image in given}
    have: dict[str, Counter[str]] = {}
    for image, split in split_of.items():
        have.setdefault(stratum[groups[image]], Counter())[split] += 1
    total = Counter(split_of.values())
    # A late duplicate follows the first one, so that none is trained on and tested on.
    last_first = sorted(split_of.items(), key=lambda item: item[1], reverse=True)
    decided = {groups[image]: split for image, split in last_first}

    def deal(group: str, wanting: Mapping[str, float]) -> None:
        counts = have.setdefault(stratum[group], Counter())
        split = decided.setdefault(group, _neediest(counts, total, wanting))
        for image in members[group]:
            if image not in split_of:
                split_of[image] = split
                counts[split] += 1
                total[split] += 1

    order = sorted(members, key=_hash)
    for _, its in _by_rarity(present, order):
        while len(its) >= len(share_of):
            there = {decided[group] for group in its if group in decided}
            left = [group for group in its if group not in decided]
            wanting = {name: share for name, share in share_of.items() if name not in there}
            if not left or not wanting:
                break
            deal(left[0], wanting)
    for group in order:
        deal(group, share_of)
    return {image: split_of[image] for image in groups}


def joined(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Photos that either of two groupings puts together; it is passed on.

    Args:
        first: the group of each photo
        second: another one, of some of them

    Returns:
        the group of each photo: the first, by name, of those in ``first`` that came together

    >>> joined({"a": "1", "b": "2", "c": "2", "d": "4"}, {"a": "shoot 7", "b": "shoot 7"})
    {'a': '1', 'b': '1', 'c': '1', 'd': '4'}
    """
    root = {group: group for group in first.values()}

    def find(group: str) -> str:
        while root[group] != group:
            root[group] = group = root[root[group]]
        return group

    of_key: dict[str, str] = {}
    for photo, key in second.items():
        one, other = sorted((find(first[photo]), find(of_key.setdefault(key, first[photo]))))
        root[other] = one
    return {photo: find(group) for photo, group in first.items()}


def _by_rarity(
    present: Mapping[str, Sequence[str]], order: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """Each category and the groups that have it, in their order; the rarest one first."""
    found: dict[str, list[str]] = {}
    for group in order:
        for category in set(present[group]):
            found.setdefault(category, []).append(group)
    return sorted(found.items(), key=lambda item: (len(item[1]), item[0]))


def folds(
    groups: Mapping[str, str], categories: Mapping[str, Sequence[str]], k: int
) -> dict[str, int]:
    """K folds of equal size, dealt as :func:`assign` does.

    Args:
        groups, categories: as for :func:`assign`

    Returns:
        the fold of each photo, 0 to k - 1

    Raises:
        ValueError: fewer than 2 folds, or fewer groups than folds
    """
    if k < 2 or k > len(set(groups.values())):
        different = count(len(set(groups.values())), "different photo")
        raise ValueError(f"{count(k, 'fold')} of {different}")
    names = [str(i) for i in range(k)]
    dealt = assign(groups, categories, names=names, shares=[1 / k] * k)
    return {image: int(name) for image, name in dealt.items()}


def _neediest(counts: Counter[str], total: Counter[str], share_of: Mapping[str, float]) -> str:
    def lacks(name: str, share: float, have: Counter[str]) -> float:
        return share * (have.total() + 1) - have[name]

    # Within the stratum first; small strata would otherwise all start in the same split,
    # so the whole data set's need breaks what is nearly a tie.
    def need(item: tuple[str, float]) -> float:
        name, share = item
        whole = lacks(name, share, total) / (total.total() + 1)
        return lacks(name, share, counts) + min(max(whole * 10, -1), 1)

    return max(share_of.items(), key=need)[0]


def _hash(group: str) -> str:
    return blake2b(group.encode(), digest_size=8).hexdigest()
