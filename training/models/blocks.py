"""What all segmenters are made of."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

LOGITS = "logits"
"""Name of the last layer with weights."""
HALF = "half"
"""Name of the layer of a head that brings its logits to 1/2: what the loss is computed on."""


@dataclass(frozen=True)
class Blocks:
    """Convolutions with batch norm and ReLU, at one batch norm momentum."""

    momentum: float

    def norm(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.BatchNormalization(momentum=self.momentum)(x)

    def conv(self, x: keras.KerasTensor, channels: int, kernel: int) -> keras.KerasTensor:
        x = layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x)
        return layers.ReLU()(self.norm(x))

    def separable(self, x: keras.KerasTensor, channels: int, rate: int = 1) -> keras.KerasTensor:
        """3 x 3 on each channel by itself, its places ``rate`` apart, then 1 x 1 over all."""
        x = layers.DepthwiseConv2D(3, padding="same", dilation_rate=rate, use_bias=False)(x)
        return self.conv(layers.ReLU()(self.norm(x)), channels, 1)


def upsample(x: keras.KerasTensor, factor: int) -> keras.KerasTensor:
    return layers.UpSampling2D(factor, interpolation="bilinear")(x) if factor > 1 else x


def drop(x: keras.KerasTensor, share: float) -> keras.KerasTensor:
    return layers.SpatialDropout2D(share)(x) if share else x


def to_logits(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """The end of a head: a map at 1/4 of the photo's side to float32 logits at all of it."""
    x = layers.Conv2D(classes, 1, dtype="float32", name=LOGITS)(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name=HALF)(x)
    return layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name="full")(x)
