"""Re-cuts an image classifier for segmentation: its deep maps keep the side that is asked for."""

from __future__ import annotations

from math import log2

import keras
from keras import layers

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)
_POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)


def with_output_stride(
    model: keras.Model, size: int, output_stride: int, batch_norm_momentum: float | None = None
) -> keras.Model:
    """The same network and weights at another input size and at most ``output_stride``.

    Atrous convolution, arXiv 1706.05587, section 3.1: where a stride would make the
    map smaller than ``output_stride``, it becomes 1, and the kernels after it are
    dilated by what it was, so that each still sees the places that it was trained
    on. The map at the old places then holds the old values, and new ones between
    them. A pool cannot be dilated: its window grows to the same reach.

    Unpadded ('valid') layers lose pixels at each border. They become padded ones
    (those that follow a ZeroPadding2D are padded already), so that every stride
    halves the side exactly.

    Args:
        model: a Functional one, (B, S, S, 3) to any outputs, whose strides are 1 or 2
        size: of the photos, a multiple of 32
        output_stride: 8, 16 or 32
        batch_norm_momentum: of all its batch norms; None leaves theirs
    """
    padded = {id(x.output) for x in model.layers if isinstance(x, layers.ZeroPadding2D)}

    def stride(tensor: keras.KerasTensor) -> int:
        """Of a map against the photo: the power of 2, as borders make sides inexact."""
        return 2 ** round(log2(model.inputs[0].shape[1] / tensor.shape[1]))

    def cut(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization) and batch_norm_momentum is not None:
            config["momentum"] = batch_norm_momentum
        elif isinstance(layer, layers.ZeroPadding2D) and stride(layer.input) >= output_stride:
            config["padding"] = 0  # the layer that it pads for pads itself from here on
        elif isinstance(layer, _CONVOLUTIONS + _POOLS):
            if id(layer.input) not in padded:
                config["padding"] = "same"
            if stride(layer.input) >= output_stride:
                config |= {"padding": "same", "strides": 1}
                config |= _widened(config, stride(layer.input) // output_stride)
        return type(layer).from_config(config)

    image = keras.Input((size, size, 3), name="image")
    made = keras.models.clone_model(model, input_tensors=image, clone_function=cut)
    made.set_weights(model.get_weights())
    return made


def _widened(config: dict, rate: int) -> dict:
    """What changes in a layer's settings for it to reach ``rate`` times as far."""
    if "pool_size" in config:
        return {"pool_size": [(side - 1) * rate + 1 for side in config["pool_size"]]}
    return {"dilation_rate": rate if max(config["kernel_size"]) > 1 else 1}
