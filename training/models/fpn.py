"""A light feature pyramid decoder: the head that trains in minutes on cached features."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from training.models.blocks import Blocks, drop, to_logits, upsample

_DEEP, _MIDDLE, _FINE = 128, 96, 48


def fpn(
    shapes: Sequence[tuple[int, int, int]],
    classes: int,
    dropout: float = 0.0,
    batch_norm_momentum: float = 0.9,
) -> keras.Model:
    """A light feature pyramid decoder over the feature maps of a backbone.

    After arXiv 1612.03144 (top-down pyramid) with a small ASPP (arXiv 1802.02611,
    separable, dilations that fit an 8 x 8 map) on the deepest one. Each is
    normalised first, so nothing has to be known of its scale.

    Args:
        shapes: (h, w, channels) of the feature maps at /4, /8, /16, /32
        classes: K, background included
        dropout: share of channels dropped in training
        batch_norm_momentum: Keras' own 0.99 needs hundreds of steps to mean anything

    Returns:
        a model from the four feature maps to (B, 4 h, 4 w, K) float32 logits, where h, w
        are those of the first feature map
    """
    blocks = Blocks(batch_norm_momentum)
    inputs = [keras.Input(shape, name=f"features{4 * 2**n}") for n, shape in enumerate(shapes)]
    fine, middle, deep, deepest = (drop(blocks.norm(x), dropout / 3) for x in inputs)
    x = drop(_aspp(blocks, deepest, shapes[-1][:2]), dropout)
    x = blocks.conv(_merge(x, deep, _DEEP), _DEEP, 3)
    x = blocks.conv(_merge(x, middle, _MIDDLE), _MIDDLE, 3)
    x = blocks.conv(_merge(x, fine, _FINE), _FINE, 3)
    return keras.Model(inputs, to_logits(x, classes), name="fpn")


def _aspp(blocks: Blocks, x: keras.KerasTensor, side: tuple[int, int]) -> keras.KerasTensor:
    narrow = blocks.conv(x, _DEEP, 1)
    views = [narrow]
    for rate in (1, 2, 3):
        wide = layers.DepthwiseConv2D(3, padding="same", dilation_rate=rate, use_bias=False)(narrow)
        views.append(blocks.conv(wide, _DEEP, 1))
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
    pooled = layers.Conv2D(_DEEP, 1, activation="relu")(pooled)
    views.append(layers.UpSampling2D(side)(pooled))
    return blocks.conv(layers.Concatenate()(views), _DEEP, 1)


def _merge(deep: keras.KerasTensor, fine: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """The deeper map at twice its side, plus the finer one, both brought to ``width`` channels."""
    if deep.shape[-1] != width:
        deep = layers.Conv2D(width, 1)(deep)
    return layers.Add()([upsample(deep, 2), layers.Conv2D(width, 1)(fine)])
