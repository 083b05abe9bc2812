from dataclasses import replace

import numpy as np
import pytest

from tests.training.drawn import QUICK, draw, export
from training.data.features import FeatureCache
from training.data.records import Records
from training.fitting.feature_batches import FeatureBatches

PLAIN = replace(QUICK, cutmix=0.0)


@pytest.fixture(scope="module")
def made_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    records = Records(export(folder / "data", *draw(folder, 6)))
    cache = FeatureCache(folder, QUICK)
    cache.add(records.images)
    return records, cache, cache.rows(records.images)


def batches(made_of, config, first, steps):
    return FeatureBatches(*made_of, np.arange(6), config, 0, first, steps)


def test_labels_are_mirrored_with_their_images(made_of):
    records, cache, rows = made_of
    mirrored = 0
    for step in range(4):
        feature_maps, labels = batches(made_of, PLAIN, 0, 4)[step]
        for feature_map, label in zip(feature_maps[0], labels, strict=True):
            seen = [
                view
                for index in range(6)
                for view in (0, 1)
                if np.array_equal(
                    feature_map, cache.feature_maps(rows[index : index + 1], view)[0][0]
                )
                and np.array_equal(label, records.labels(index)[:, :: -1 if view else 1])
            ]
            assert seen, "no photo has these features and this label map"
            mirrored += seen[0]
    assert 2 < mirrored < 14  # of 16


def test_flip_can_be_left_out(made_of):
    records, _, _ = made_of
    maps = [records.labels(index) for index in range(6)]
    _, labels = batches(made_of, replace(PLAIN, flip=False), 0, 1)[0]
    for label in labels:
        assert any(np.array_equal(label, known) for known in maps)


def test_a_resumed_run_gets_the_batches_of_the_whole_one(made_of):
    whole, rest = batches(made_of, QUICK, 0, 5), batches(made_of, QUICK, 3, 2)
    assert len(rest) == 2
    for step in range(2):
        for one, other in zip(whole[3 + step][0], rest[step][0], strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(whole[3 + step][1], rest[step][1])


def test_a_pass_takes_every_image_once(made_of):
    three_steps = [batches(made_of, replace(PLAIN, flip=False), 0, 3)[step][1] for step in range(3)]
    found = np.concatenate(three_steps)
    maps = [made_of[0].labels(index) for index in range(6)]
    counts = [sum(np.array_equal(label, known) for label in found) for known in maps]
    assert counts == [2] * 6  # 12 examples of 6 photos
