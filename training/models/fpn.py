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
    """A light feature pyramid decoder over the taps of a backbone.

    After arXiv 1612.03144 (top-down pyramid) with a small ASPP (arXiv 1802.02611,
    separable, dilations that fit an 8 x 8 map) on the deepest tap. Each tap is
    normalised first, so nothing has to be known of its scale.

    Args:
        shapes: (h, w, channels) of the taps at /4, /8, /16, /32
        classes: K, background included
        dropout: share of channels dropped in training
        batch_norm_momentum: Keras' own 0.99 needs hundreds of steps to mean anything

    Returns:
        a model from the four taps to (B, 4 h, 4 w, K) float32 logits, where h, w
        are those of the first tap
    """
    blocks = Blocks(batch_norm_momentum)
    taps = [keras.Input(shape, name=f"tap{4 * 2**level}") for level, shape in enumerate(shapes)]
    fine, middle, deep, deepest = (drop(blocks.norm(tap), dropout / 3) for tap in taps)
    x = drop(_aspp(blocks, deepest, shapes[-1][:2]), dropout)
    x = blocks.conv(_merge(x, deep, _DEEP), _DEEP, 3)
    x = blocks.conv(_merge(x, middle, _MIDDLE), _MIDDLE, 3)
    x = blocks.conv(_merge(x, fine, _FINE), _FINE, 3)
    return keras.Model(taps, to_logits(x, classes), name="fpn")


def _aspp(blocks: Blocks, x: keras.KerasTensor, side: tuple[int, int]) -> keras.KerasTensor:
    narrow = blocks.conv(x, _DEEP, 1)
    views = [narrow]
    for rate in (1, 2, 3):
        wide = layers.DepthwiseConv2D(3, padding="same", dilation_rate=rate, use_bias=False)(narrow)
        views.append(blocks.conv(wide, _DEEP, 1))
    whole = layers.GlobalAveragePooling2D(keepdims=True)(x)
    whole = layers.Conv2D(_DEEP, 1, activation="relu")(whole)
    views.append(layers.UpSampling2D(side)(whole))
    return blocks.conv(layers.Concatenate()(views), _DEEP, 1)


def _merge(deep: keras.KerasTensor, tap: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """The deeper map at twice its side, plus the tap, both brought to ``width`` channels."""
    if deep.shape[-1] != width:
        deep = layers.Conv2D(width, 1)(deep)
    return layers.Add()([upsample(deep, 2), layers.Conv2D(width, 1)(tap)])
