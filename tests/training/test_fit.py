from dataclasses import replace

import numpy as np
import pytest

from tests.training.drawn import QUICK, SIZE, draw
from training.data.features import FeatureCache, shapes
from training.fit import Examples, WarmUpCosine, WeightAverage, cutmix, fit
from training.models import fpn


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    photos, labels = draw(folder, 8)
    cache = FeatureCache(folder, SIZE)
    cache.add(photos)
    return Examples(cache, cache.rows(photos), labels, np.arange(8))


def train(examples, **changes):
    few = examples.only(np.arange(6)), examples.only(np.arange(6, 8))
    config = replace(QUICK, **changes)
    return fit(*few, 3, config, seed=config.seed, progress=None, name="model")


def test_labels_are_mirrored_with_their_photos(examples):
    taps, maps = examples.batch(np.array([2, 2]), np.array([0, 1]))
    np.testing.assert_array_equal(maps[0], examples.labels[2])
    np.testing.assert_array_equal(maps[1], examples.labels[2][:, ::-1])
    np.testing.assert_array_equal(taps[0][1], examples.cache.taps(examples.rows[2:3], 1)[0][0])


def test_a_pasted_piece_brings_its_features_and_its_label():
    """Every array holds the number of its photo, so what was pasted can be read off."""
    numbers = np.arange(1, 9)
    taps = [np.ones((8, side, side, 2)) * numbers[:, None, None, None] for side in (32, 16, 8, 4)]
    labels = np.ones((8, 128, 128), np.uint8) * numbers[:, None, None].astype(np.uint8)
    cutmix(taps, labels, 0.9, np.random.default_rng(0))
    assert (labels != numbers[:, None, None]).any(axis=(1, 2)).sum() > 3
    for tap in taps:
        cell = 128 // tap.shape[1]
        np.testing.assert_array_equal(tap[..., 0], labels[:, ::cell, ::cell])


def test_one_seed_gives_one_model(examples):
    one, again, other = (train(examples, seed=seed)[0].get_weights() for seed in (0, 0, 1))
    for a, b in zip(one, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert any(np.abs(a - b).max() > 0.01 for a, b in zip(one, other, strict=True))


def test_few_photos_still_get_the_least_number_of_steps(examples):
    _, history = train(examples, min_steps=9, epochs=3, looks=3)
    assert [row["step"] for row in history] == [3, 6, 9]
    assert history[-1]["epoch"] == 6.0  # 9 steps of 4 photos, over 6 photos


def test_the_average_follows_the_weights_and_leaves_the_trained_ones_alone():
    model = fpn.fpn(shapes(32), 2)
    ones = [np.ones_like(weight) for weight in model.get_weights()]
    model.set_weights([0 * one for one in ones])
    average = WeightAverage(model)
    model.set_weights(ones)
    average.update()  # the first step counts nine tenths
    with average.in_place() as weights:
        np.testing.assert_allclose(model.get_weights()[0], 0.9, rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], ones[0])
    average.update()
    np.testing.assert_allclose(weights[0], 0.9, rtol=1e-6)  # what was kept stays as it was


def test_the_learning_rate_rises_and_falls():
    rate = WarmUpCosine(0.1, steps=110, warm_up=10)
    values = [float(rate(step)) for step in (0, 9, 10, 60, 110)]
    np.testing.assert_allclose(values, [0.01, 0.1, 0.1, 0.05, 0.0], atol=1e-6)
    assert WarmUpCosine.from_config(rate.get_config()).peak == 0.1
