import keras
import numpy as np
import pytest

from curation.core.errors import CurateError
from training import models
from training.config import TrainConfig
from training.fitting.losses import SegmentationLoss

FROZEN = TrainConfig(size=32)
TUNED = TrainConfig(size=32, frozen=False, weights="none", batch_norm_momentum=0.8)
UNET = TrainConfig(model="unet", backbone="none", frozen=False, size=32)
ATROUS = TrainConfig(model="deeplabv3plus", size=32, frozen=False, output_stride=16)


def images(size=32):
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


def layers_of(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


@pytest.fixture(scope="module")
def frozen():
    return models.encoder(FROZEN)


def test_a_head_attached_to_an_encoder_gives_what_one_after_the_other_gives(frozen, tmp_path):
    head = models.head(FROZEN, 3)
    expected = head.predict_on_batch(frozen.predict_on_batch(images()))
    whole = models.attach(frozen, head)
    np.testing.assert_allclose(whole.predict_on_batch(images()), expected, atol=1e-5)
    assert len(whole.trainable_weights) == len(head.trainable_weights)
    whole.save(tmp_path / "whole.keras")
    loaded = keras.saving.load_model(tmp_path / "whole.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(loaded.predict_on_batch(images()), expected, atol=1e-5)
    half = models.low_resolution(loaded)
    assert half.output_shape == (None, 16, 16, 3)
    assert half.count_params() == whole.count_params()


def test_a_frozen_encoder_has_nothing_to_train(frozen):
    assert not frozen.trainable_weights
    assert [output.shape[1:] for output in frozen.outputs] == models.feature_map_shapes(FROZEN)


@pytest.mark.parametrize("config", [TUNED, UNET, ATROUS], ids=lambda c: c.model)
def test_whole_models_go_from_image_to_logits_of_its_size(config):
    model = models.full_model(config, 4)
    logits = model.predict_on_batch(images())
    assert logits.shape == (2, 32, 32, 4)
    assert logits.dtype == np.float32
    paths = [variable.path for variable in model.variables]
    assert len(set(paths)) == len(paths)
    kinds = keras.layers.BatchNormalization
    norms = [x for x in layers_of(model) if isinstance(x, kinds) and x.trainable]
    assert {norm.momentum for norm in norms} == {config.batch_norm_momentum}


def test_only_pretrained_weights_are_to_be_trained_slowly():
    atrous = models.full_model(ATROUS, 4)
    backbone = models.backbone_variables(atrous, ATROUS)
    fast = models.head(ATROUS, 4).trainable_variables
    assert len(backbone) + len(fast) == len(atrous.trainable_variables)
    assert not models.backbone_variables(models.full_model(TUNED, 4), TUNED)
    assert not models.backbone_variables(models.head(FROZEN, 4), FROZEN)
    assert not models.backbone_variables(models.full_model(UNET, 4), UNET)


@pytest.mark.parametrize("config", [TUNED, UNET, ATROUS], ids=lambda c: c.model)
def test_all_layers_but_the_first_and_last_follow_the_policy(config):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.full_model(config, 4)
    finally:
        keras.config.set_dtype_policy("float32")
    exact = {layer.name for layer in layers_of(model) if layer.compute_dtype != "bfloat16"}
    crop = {name for name in exact if name.startswith("crop_like")}
    assert exact - crop <= {"rescale", "logits", "half", "full"}
    assert bool(crop) == (config is UNET)
    assert {"rescale", "logits"} <= exact
    assert model.predict_on_batch(images()).dtype == np.float32


def test_a_unet_has_no_coarse_form():
    model = models.full_model(UNET, 3)
    assert models.low_resolution(model) is model


def test_encoders_are_known_by_what_makes_their_taps(tmp_path):
    path = tmp_path / "own.weights.h5"
    path.write_bytes(b"one")
    names = [models.encoder_name(TrainConfig())]
    for options in (
        {"backbone": "lite2"},
        {"size": 256},
        {"model": "deeplabv3plus", "output_stride": 16},
        {"weights": str(path)},
    ):
        names.append(models.encoder_name(TrainConfig(**options)))
    path.write_bytes(b"another")
    names.append(models.encoder_name(TrainConfig(weights=str(path))))
    assert len(set(names)) == len(names)
    assert models.encoder_name(TrainConfig(model="deeplabv3plus")) == names[0]
    with pytest.raises(CurateError, match=r"gone\.h5.*cannot be read"):
        models.encoder_name(TrainConfig(weights=str(tmp_path / "gone.h5")))


def test_batch_norms_of_a_trained_backbone_stay_as_they_are():
    model = models.full_model(TrainConfig(size=32, frozen=False), 3)
    encoder = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    kinds = keras.layers.BatchNormalization
    norms = [layer for layer in layers_of(encoder) if isinstance(layer, kinds)]
    before = [np.array(weight) for layer in norms for weight in layer.get_weights()]
    model.compile("sgd", SegmentationLoss())
    model.train_on_batch(images(), np.ones((2, 32, 32), np.uint8))
    after = [weight for layer in norms for weight in layer.get_weights()]
    assert len(before) > 100
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
