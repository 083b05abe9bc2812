"""The ids of instances: made from what they say, kept where they are given."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.core import rle
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance

DRESS = Instance("dress", rle.encode(np.eye(4)), "a.csv:2")
BELT = Instance("belt", rle.encode(np.ones((4, 4))), "a.csv:3")


def ids(*instances: Instance, image_id: str = "a") -> list[str]:
    record = ImageRecord(image_id, Path("a.jpg"), 4, 4, instances)
    return [i.instance_id for i in record.instances]


def by_the_rule(instances: list[Instance]) -> list[str]:
    """What every dataset so far has: a hash, and of the n-th of its like a hash of that and n."""
    result = []
    for i, instance in enumerate(instances):
        said = f"a\0{instance.category}\0".encode() + instance.mask.counts
        key = blake2b(said, digest_size=12).hexdigest()
        if number := instances[:i].count(instance):
            key = blake2b(f"{key}\0{number + 1}".encode(), digest_size=12).hexdigest()
        result.append(key)
    return result


def test_ids_are_those_of_every_dataset_so_far():
    assert ids(DRESS, BELT, DRESS) == [
        "4342a38e5a2a9029e5687c6d",
        "eda5f6b6c75c77c602ec0bd2",
        "7f77b0e69ba16e6c6b526411",
    ]


@given(st.lists(st.sampled_from([DRESS, BELT, replace(DRESS, category="coat")])))
def test_ids_are_made_from_image_category_mask_and_a_counter(instances):
    assert ids(*instances) == by_the_rule(instances)


def test_neither_the_line_nor_anything_but_photo_category_and_mask_counts():
    told = replace(DRESS, source="b.csv:9", attributes=("red",), source_label="gown")
    assert ids(told) == ids(DRESS)
    assert ids(DRESS, image_id="b") != ids(DRESS)
    assert ids(replace(DRESS, category="coat")) != ids(DRESS)
    assert ids(replace(DRESS, mask=BELT.mask)) != ids(DRESS)


@given(st.lists(st.tuples(st.sampled_from([DRESS, BELT]), st.integers(0, 4))))
def test_ids_that_are_given_stay_and_no_new_one_is_among_them(drawn):
    pool = ids(DRESS, DRESS, DRESS, BELT)
    given_ids = list(dict.fromkeys(n for _, n in drawn if n < 4))
    instances, left = [], set(given_ids)
    for instance, n in drawn:
        key = pool[n] if n in left else ""
        left.discard(n)
        instances.append(replace(instance, instance_id=key))
    found = ids(*instances)
    assert len(set(found)) == len(found)
    assert all(i.instance_id in ("", key) for i, key in zip(instances, found, strict=True))


def test_an_id_makes_no_other_instance():
    assert replace(DRESS, instance_id="0" * 24) == DRESS


def test_all_that_is_said_goes_through_pickle():
    drawn, repaired = ((0.0, 0.0, 3.0, 0.0, 3.0, 3.0),), (FindingKind.OVERLAPPING_RUNS,)
    label = Instance(
        "dress", rle.encode(np.eye(4)), "a.csv:2", ("long",), drawn, repaired, "gown", "f" * 24
    )
    record = ImageRecord("a", Path("b/a.jpg"), 4, 4, (label,))
    back = pickle.loads(pickle.dumps(record))
    for one, other in ((back, record), (back.instances[0], label)):
        for field in fields(other):
            assert getattr(one, field.name) == getattr(other, field.name) != field.default
