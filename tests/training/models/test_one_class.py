import keras
import numpy as np
import pytest

from training import models
from training.config import TrainConfig
from training.models.one_class import OneClass


def voted(probabilities):
    """Probabilities (H, W, K) to those after the vote."""
    logits = np.log(np.asarray(probabilities, np.float32))[None] + 3  # a constant changes nothing
    return keras.ops.convert_to_numpy(keras.ops.softmax(OneClass()(logits)))[0]


# Of four pixels one is background, two are for class 1 and one, surer than they, is for class 2.
IMAGE = [[[0.97, 0.02, 0.01], [0.10, 0.60, 0.30]], [[0.10, 0.70, 0.20], [0.01, 0.09, 0.90]]]


def test_what_most_say_all_say_and_background_stays():
    after = voted([[*IMAGE[0], [0.10, 0.75, 0.15]], [*IMAGE[1], [0.10, 0.80, 0.10]]])
    np.testing.assert_allclose(after.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(after[..., 0], [[0.97, 0.1, 0.1], [0.1, 0.01, 0.1]], rtol=1e-4)
    worn = after[..., 1] / (after[..., 1] + after[..., 2])
    np.testing.assert_allclose(worn, worn[0, 0], rtol=1e-4)
    assert worn[0, 0] > 0.5


def test_a_sure_pixel_does_not_outvote_seven_others():
    image = np.full((2, 4, 3), [0.02, 0.68, 0.30])
    image[0, 0] = [0.02, 1e-9, 0.98]  # the mean logarithm of the bare chances would follow it
    after = voted(image)
    assert (after[..., 1] > after[..., 2]).all()


@pytest.mark.parametrize("color", [0.0, 50.0])
def test_a_image_of_background_alone_gives_numbers(color):
    logits = np.zeros((1, 4, 4, 3), np.float32)
    logits[..., 0] = color
    assert np.isfinite(keras.ops.convert_to_numpy(OneClass()(logits))).all()


def test_a_head_with_it_is_taught_without_and_loads_in_safe_mode(tmp_path):
    head = models.head(TrainConfig(size=64, one_class=True), 3)
    plain = models.low_resolution(head)
    assert not any(isinstance(layer, OneClass) for layer in plain.layers)
    head.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras", compile=False, safe_mode=True)
    rng = np.random.default_rng(0)
    feature_maps = [
        rng.normal(size=(2, *feature_map.shape[1:])).astype(np.float32)
        for feature_map in head.inputs
    ]
    logits = head.predict_on_batch(feature_maps)
    np.testing.assert_allclose(loaded.predict_on_batch(feature_maps), logits, atol=1e-5)
    shares = logits[..., 1] - logits[..., 2]
    np.testing.assert_allclose(shares, shares[:, :1, :1] + 0 * shares, atol=1e-3)


def test_a_unet_has_none():
    with pytest.raises(ValueError, match="one_class"):
        TrainConfig(model="unet", backbone="none", weights="none", frozen=False, one_class=True)
