import keras
import numpy as np

from training.data.features import shapes
from training.models import fpn


def taps(size, batch=2):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(batch, *shape)).astype(np.float16) for shape in shapes(size)]


def test_logits_have_the_photos_size_and_are_float32():
    for size in (64, 96, 160):
        model = fpn.fpn(shapes(size), 6)
        logits = model.predict_on_batch(taps(size))
        assert logits.shape == (2, size, size, 6)
        assert logits.dtype == np.float32


def test_the_decoder_is_small():
    assert fpn.fpn(shapes(256), 6).count_params() < 700_000


def test_coarse_shares_the_weights():
    model = fpn.fpn(shapes(64), 3)
    coarse = fpn.coarse(model)
    assert coarse.predict_on_batch(taps(64)).shape == (2, 32, 32, 3)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    assert not coarse.predict_on_batch(taps(64)).any()


def test_a_saved_model_loads_in_safe_mode_with_the_same_logits(tmp_path):
    model = fpn.fpn(shapes(64), 3, dropout=0.2)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    np.testing.assert_allclose(
        loaded.predict_on_batch(taps(64)), model.predict_on_batch(taps(64)), atol=1e-6
    )
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in loaded.layers)
