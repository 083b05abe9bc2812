"""Errors of kinds that are never taught, planted into drawn figures: what is said of them is so."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from curation.core import rle
from curation.core.records import ImageRecord
from curation.core.taxonomy import load
from tests.benchmarks.flagging import drawn_records
from tests.benchmarks.spoiling import HABIT, KINDS, WHOLE, Spoilt, spoil

CLASSES = [c.name for c in load("supercategories").classes]


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> list[ImageRecord]:
    return drawn_records(tmp_path_factory.mktemp("drawn"), 60)


@pytest.fixture(scope="module")
def spoilt(clean) -> list[Spoilt]:
    rng = np.random.default_rng(0)
    return spoil(clean, CLASSES, rng, 0.9, ("whole-body", "upper-body"))


def test_all_kinds_occur_one_a_photo(spoilt):
    assert {s.kind for s in spoilt} == {*KINDS, HABIT}
    assert len({s.record.image_id for s in spoilt}) == len(spoilt) <= 54


def test_what_is_said_to_be_wrong_is_wrong_and_the_rest_is_as_it_was(clean, spoilt):
    before = {r.image_id: r for r in clean}

    @cache
    def said(image_id: str) -> set[tuple[str, bytes]]:
        return {(x.category, x.mask.counts) for x in before[image_id].instances}

    for s in spoilt:
        now = {x.instance_id: (x.category, x.mask.counts) for x in s.record.instances}
        assert s.wrong <= set(now)
        for key, label in now.items():
            if s.kind not in WHOLE:
                assert (label not in said(s.record.image_id)) == (key in s.wrong), s.kind
        assert s.wrong or s.missing
        for category, mask in s.missing:
            assert (category, mask.counts) in said(s.record.image_id) - set(now.values())


def test_masks_stay_in_their_photos_and_are_not_empty(spoilt):
    for s in spoilt:
        for x in s.record.instances:
            assert (x.mask.height, x.mask.width) == (s.record.height, s.record.width)
            assert rle.area(x.mask) > 0


def test_the_same_seed_spoils_the_same(clean, spoilt):
    rng = np.random.default_rng(0)
    again = spoil(clean, CLASSES, rng, 0.9, ("whole-body", "upper-body"))
    assert [(s.kind, s.record, s.wrong) for s in again] == [
        (s.kind, s.record, s.wrong) for s in spoilt
    ]
