import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from keras import applications

from curation.core.errors import CurateError
from training.models.backbones import backbone, shapes

SIZE = 64
NAMES = [
    "lite0", "lite2", "mobilenetv2", "efficientnetv2b0", "resnet50",
    pytest.param("inceptionresnetv2", marks=pytest.mark.slow),
]  # fmt: skip
_built = {}


def built(name):
    """Each backbone once, at output stride 16, with random weights."""
    if name not in _built:
        _built[name] = backbone(name, SIZE, "none", 16)
    return _built[name]


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def mobilenet():
    keras.utils.set_random_seed(0)
    return applications.MobileNetV2(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))


@pytest.mark.parametrize("name", NAMES)
def test_the_taps_have_the_shapes_that_are_said_without_building(name):
    model = built(name)
    assert [output.shape[1:] for output in model.outputs] == shapes(name, SIZE, 16)
    assert [side for side, _, _ in shapes(name, SIZE, 16)] == [16, 8, 4, 4]


@pytest.mark.parametrize("name", NAMES[3:])
def test_a_saved_backbone_loads_in_safe_mode(name, tmp_path, image):
    built(name).save(tmp_path / "backbone.keras")
    loaded = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    for old, new in zip(built(name)(image), loaded(image), strict=True):
        np.testing.assert_array_equal(old, new)


def imagenet_normalised(image):
    return (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


PREPROCESSING = [
    pytest.param("mobilenetv2", applications.mobilenet_v2.preprocess_input),
    pytest.param("efficientnetv2b0", imagenet_normalised),
    pytest.param("resnet50", applications.resnet.preprocess_input),
    pytest.param(
        "inceptionresnetv2",
        applications.inception_resnet_v2.preprocess_input,
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.parametrize(("name", "preprocess"), PREPROCESSING)
def test_images_are_prepared_as_in_the_networks_training(name, preprocess, image):
    model = built(name)
    inside = keras.Model(model.inputs[0], model.get_layer("rescale").output)
    expected = preprocess(image.astype(np.float32))
    np.testing.assert_allclose(inside(image), expected, rtol=1e-4, atol=1e-4)


def no_top(network, path):
    """Writes weights as the ``*_notop.h5`` of keras.applications have them: nothing around them."""
    network.save(path)
    with h5py.File(path, "a") as file:
        weights = file["model_weights"]
        file.attrs.update(weights.attrs)
        for name in list(weights):
            file.move(f"model_weights/{name}", name)
        del file["model_weights"]


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras", "a.h5", "a_notop.h5"])
def test_a_file_of_weights_fills_the_backbone(mobilenet, tmp_path, name):
    path = tmp_path / name
    if name == "a_notop.h5":
        no_top(mobilenet, path)
    elif name == "a.weights.h5":
        mobilenet.save_weights(path)
    else:
        mobilenet.save(path)
    for layer in backbone("mobilenetv2", SIZE, str(path)).layers:
        if layer.weights:
            expected = mobilenet.get_layer(layer.name).get_weights()
            for old, new in zip(expected, layer.get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)


def test_what_a_lite_backbone_saved_fills_another(tmp_path, image):
    path = tmp_path / "lite.weights.h5"
    built("lite0").save_weights(path)
    again = backbone("lite0", SIZE, str(path), 16)
    np.testing.assert_array_equal(again(image)[-1], built("lite0")(image)[-1])


def test_weights_that_do_not_fit_are_refused(mobilenet, tmp_path):
    path = tmp_path / "half.weights.h5"
    part = keras.Model(mobilenet.inputs[0], mobilenet.get_layer("block_12_add").output)
    part.save_weights(path)
    with pytest.raises(CurateError, match=r"half\.weights\.h5: no weights for mobilenetv2"):
        backbone("mobilenetv2", SIZE, str(path))


def test_a_weight_that_is_not_finite_is_named(mobilenet, tmp_path):
    copy = keras.models.clone_model(mobilenet)
    copy.get_layer("block_3_expand").set_weights([np.full((1, 1, 24, 144), np.inf)])
    copy.save_weights(tmp_path / "inf.weights.h5")
    with pytest.raises(CurateError, match="block_3_expand/kernel: is missing, or not finite"):
        backbone("mobilenetv2", SIZE, str(tmp_path / "inf.weights.h5"))


def test_a_file_that_is_missing_or_no_weights_is_an_error(tmp_path):
    with pytest.raises(CurateError, match="no such file"):
        backbone("mobilenetv2", SIZE, str(tmp_path / "none.h5"))
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(CurateError, match=r"text\.h5: no weights"):
        backbone("mobilenetv2", SIZE, str(tmp_path / "text.h5"))


def test_without_network_the_file_to_fetch_is_named(tmp_path):
    """In a process of its own: Keras reads KERAS_HOME, where earlier downloads lie, once."""
    code = "from training.models.backbones import backbone; backbone('mobilenetv2', 64, 'imagenet')"
    nowhere = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | nowhere, capture_output=True, text=True
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "CurateError: mobilenetv2:ImageNet weights: " in last
    assert "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5" in last
    assert "--weights FILE" in last
