"""Segmenters, one readable function each, in pure Keras."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

LOGITS = "logits"
"""Name of the last layer with weights: logits at 1/4 of the photo's side."""
HALF = "half"
"""Name of the layer that brings them to 1/2: what the loss is computed on."""

_DEEP, _MIDDLE, _FINE = 128, 96, 48


def fpn(shapes: Sequence[tuple[int, int, int]], classes: int, dropout: float = 0.0) -> keras.Model:
    """A light feature pyramid decoder over the taps of a frozen backbone.

    After arXiv 1612.03144 (top-down pyramid) with a small ASPP (arXiv 1802.02611,
    separable, dilations that fit an 8 x 8 map) on the deepest tap. Each tap is
    normalised first, so nothing has to be known of its scale.

    Args:
        shapes: (h, w, channels) of the taps at /4, /8, /16, /32
        classes: K, background included
        dropout: share of channels dropped in training

    Returns:
        a model from the four taps to (B, 4 h, 4 w, K) float32 logits, where h, w
        are those of the first tap
    """
    taps = [keras.Input(shape, name=f"tap{4 * 2**level}") for level, shape in enumerate(shapes)]
    fine, middle, deep, deepest = (_drop(_norm(tap), dropout / 3) for tap in taps)
    x = _drop(_aspp(deepest, shapes[-1][:2]), dropout)
    x = _conv(_merge(x, deep, _DEEP), _DEEP, 3)
    x = _conv(_merge(x, middle, _MIDDLE), _MIDDLE, 3)
    x = _conv(_merge(x, fine, _FINE), _FINE, 3)
    x = layers.Conv2D(classes, 1, dtype="float32", name=LOGITS)(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name=HALF)(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name="whole")(x)
    return keras.Model(taps, x, name="fpn")


def coarse(model: keras.Model) -> keras.Model:
    """The same model and weights up to the layer ``half``, which is cheaper to train."""
    return keras.Model(model.inputs, model.get_layer(HALF).output, name=f"{model.name}_coarse")


def _aspp(x: keras.KerasTensor, side: tuple[int, int]) -> keras.KerasTensor:
    narrow = _conv(x, _DEEP, 1)
    views = [narrow]
    for rate in (1, 2, 3):
        wide = layers.DepthwiseConv2D(3, padding="same", dilation_rate=rate, use_bias=False)(narrow)
        views.append(_conv(wide, _DEEP, 1))
    whole = layers.GlobalAveragePooling2D(keepdims=True)(x)
    whole = layers.Conv2D(_DEEP, 1, activation="relu")(whole)
    views.append(layers.UpSampling2D(side)(whole))
    return _conv(layers.Concatenate()(views), _DEEP, 1)


def _merge(deep: keras.KerasTensor, tap: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """The deeper map at twice its side, plus the tap, both brought to ``width`` channels."""
    if deep.shape[-1] != width:
        deep = layers.Conv2D(width, 1)(deep)
    deep = layers.UpSampling2D(2, interpolation="bilinear")(deep)
    return layers.Add()([deep, layers.Conv2D(width, 1)(tap)])


def _conv(x: keras.KerasTensor, channels: int, kernel: int) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x)
    return layers.ReLU()(_norm(x))


def _norm(x: keras.KerasTensor) -> keras.KerasTensor:
    # Keras' default of 0.99 needs hundreds of steps before its averages mean anything.
    return layers.BatchNormalization(momentum=0.9)(x)


def _drop(x: keras.KerasTensor, share: float) -> keras.KerasTensor:
    return layers.SpatialDropout2D(share)(x) if share else x
