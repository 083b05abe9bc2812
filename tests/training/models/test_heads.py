import keras
import numpy as np
import pytest

from training.models import low_resolution
from training.models.backbones import shapes
from training.models.deeplab import deeplabv3plus, rates
from training.models.fpn import fpn

HEADS = [fpn, deeplabv3plus]


def feature_maps(size, output_stride=32, batch=2):
    rng = np.random.default_rng(0)
    every = shapes("lite0", size, output_stride)
    return [rng.normal(size=(batch, *shape)).astype(np.float16) for shape in every]


@pytest.mark.parametrize(
    ("make", "size", "output_stride"),
    [(fpn, 64, 32), (fpn, 160, 32), (deeplabv3plus, 32, 32), (deeplabv3plus, 96, 8)],
)
def test_logits_have_the_images_size_and_are_float32(make, size, output_stride):
    model = make(shapes("lite0", size, output_stride), 6)
    logits = model.predict_on_batch(feature_maps(size, output_stride))
    assert logits.shape == (2, size, size, 6)
    assert logits.dtype == np.float32


@pytest.mark.parametrize(("make", "most"), [(fpn, 700_000), (deeplabv3plus, 1_100_000)])
def test_heads_are_small(make, most):
    assert make(shapes("lite0", 256), 6).count_params() < most


@pytest.mark.parametrize("make", HEADS)
def test_coarse_shares_the_weights(make):
    model = make(shapes("lite0", 64), 3)
    half = low_resolution(model)
    assert half.predict_on_batch(feature_maps(64)).shape == (2, 32, 32, 3)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    assert not half.predict_on_batch(feature_maps(64)).any()


@pytest.mark.parametrize("make", HEADS)
def test_a_saved_head_loads_in_safe_mode_with_the_same_logits(make, tmp_path):
    model = make(shapes("lite0", 64), 3, dropout=0.2)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    np.testing.assert_allclose(
        loaded.predict_on_batch(feature_maps(64)),
        model.predict_on_batch(feature_maps(64)),
        atol=1e-6,
    )
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in loaded.layers)


@pytest.mark.parametrize("make", HEADS)
def test_batch_norms_have_the_momentum_that_is_asked_for(make):
    model = make(shapes("lite0", 64), 3, batch_norm_momentum=0.6)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {0.6}


@pytest.mark.parametrize(("make", "used"), [(fpn, [1, 1, 1, 1]), (deeplabv3plus, [1, 0, 0, 1])])
def test_which_taps_count(make, used):
    model = make(shapes("lite0", 64), 3)
    before = model.predict_on_batch(feature_maps(64))
    for level, counts in enumerate(used):
        changed = feature_maps(64)
        changed[level] += 1
        assert (model.predict_on_batch(changed) != before).any() == bool(counts)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 12, 48, 64])
def test_atrous_rates_differ_and_stay_on_the_map(side):
    chosen = rates(side)
    assert chosen == sorted(chosen)
    assert chosen[0] >= 1
    assert chosen[-1] <= max(1, side - 1)
    assert len(set(chosen)) == min(3, max(1, side - 1))
