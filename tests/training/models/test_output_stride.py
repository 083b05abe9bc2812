import keras
import numpy as np
import pytest
from keras import layers

from training.models.output_stride import with_output_stride

SIDE = 64


def halvings(depthwise=False, padding=False):
    """Five stride-2 convolutions, each followed by one of stride 1 and a batch norm."""
    image = x = keras.Input((SIDE, SIDE, 3))
    maps = []
    for _ in range(5):
        if padding:  # as MobileNetV2: what 'same' adds, added by hand
            x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        down = {"strides": 2, "padding": "valid" if padding else "same"}
        x = layers.DepthwiseConv2D(3, **down)(x) if depthwise else layers.Conv2D(4, 3, **down)(x)
        x = layers.BatchNormalization()(layers.Conv2D(4, 5, padding="same")(x))
        maps.append(layers.ReLU()(x))
    return keras.Model(image, maps)


def randomised(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in model.get_weights()])
    return model


def images(side=SIDE):
    return np.random.default_rng(1).normal(size=(2, side, side, 3)).astype(np.float32)


NETS = [{}, {"depthwise": True}, {"padding": True}]


@pytest.mark.parametrize("options", NETS, ids=str)
def test_at_output_stride_32_nothing_changes(options):
    model = randomised(halvings(**options))
    for old, new in zip(
        model(images()), with_output_stride(model, SIDE, 32)(images()), strict=True
    ):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("options", NETS, ids=str)
def test_a_dilated_map_holds_the_old_values_at_the_old_places(options, output_stride):
    """A 'same' kernel of stride 2 sits on the second of each pair of pixels."""
    model = randomised(halvings(**options))
    old, new = model(images()), with_output_stride(model, SIDE, output_stride)(images())
    for level, (coarse, fine) in enumerate(zip(old, new, strict=True)):
        step = max(1, 2 ** (level + 1) // output_stride)
        assert fine.shape[1] == SIDE // min(2 ** (level + 1), output_stride)
        old_places = np.asarray(fine)[:, step - 1 :: step, step - 1 :: step]
        np.testing.assert_allclose(old_places, coarse, rtol=1e-5)


def test_a_1x1_kernel_of_stride_2_sits_on_the_first_pixel_of_each_pair():
    """ResNet's way to halve; its unpadded kernels of 1 x 1 lose no border."""
    image = x = keras.Input((SIDE, SIDE, 3))
    for _ in range(5):
        x = layers.Conv2D(4, 1, strides=2)(x)
        x = layers.Conv2D(4, 3, padding="same")(x)
    model = keras.Model(image, x)
    fine = np.asarray(with_output_stride(model, SIDE, 8)(images()))
    np.testing.assert_allclose(fine[:, ::4, ::4], model(images()), atol=1e-5)


def test_layers_without_padding_get_it_and_sides_halve_exactly():
    """As InceptionResNetV2, whose maps of 224 pixels are 54, 25, 12 and 5 wide."""
    image = x = keras.Input((224, 224, 3))
    x = layers.Conv2D(2, 3, strides=2)(x)
    x = layers.Conv2D(2, 3)(x)
    maps = []
    for _ in range(4):
        x = layers.MaxPooling2D(3, strides=2)(x)
        maps.append(x)
    model = keras.Model(image, maps)
    assert [m.shape[1] for m in model.outputs] == [54, 26, 12, 5]
    assert [m.shape[1] for m in with_output_stride(model, 96, 32).outputs] == [24, 12, 6, 3]
    assert [m.shape[1] for m in with_output_stride(model, 96, 8).outputs] == [24, 12, 12, 12]


def test_a_pool_reaches_as_far_as_before():
    image = x = keras.Input((SIDE, SIDE, 1))
    for _ in range(4):
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    model = with_output_stride(keras.Model(image, x), SIDE, 8)
    assert [layer.pool_size for layer in model.layers[1:]] == [(2, 2)] * 3 + [(2, 2), (5, 5)]
    assert [layer.strides for layer in model.layers[1:]] == [(2, 2)] * 3 + [(1, 1)] * 2


def test_another_size_and_momentum_with_the_same_weights():
    model = randomised(halvings())
    other = with_output_stride(model, 96, 32, batch_norm_momentum=0.7)
    assert [m.shape[1] for m in other.outputs] == [48, 24, 12, 6, 3]
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    norms = [x for x in other.layers if isinstance(x, layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {0.7}
