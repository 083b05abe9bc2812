"""UNet (arXiv 1505.04597) for photos of any size."""

from __future__ import annotations

import keras
from keras import layers, ops

from training.models.blocks import LOGITS, Blocks, drop

_DEPTH = 4


def unet(
    classes: int, width: int = 32, dropout: float = 0.0, batch_norm_momentum: float = 0.9
) -> keras.Model:
    """A UNet, with batch norm and padded convolutions, so that no border is lost.

    Args:
        classes: K, background included
        width: channels of the first level; each deeper one has twice as many. The
            paper's is 64
        dropout: share of channels dropped in training, at the deepest level
        batch_norm_momentum: Keras' own 0.99 needs hundreds of steps to mean anything

    Returns:
        a model from (B, h, w, 3) uint8 or float RGB 0 to 255, of any h and w, to
        (B, h, w, K) float32 logits
    """
    blocks = Blocks(batch_norm_momentum)
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="rescale")(image)
    x = PadToMultiple(2**_DEPTH)(x)
    skips = []
    for level in range(_DEPTH):
        x = _two(blocks, x, width * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = drop(_two(blocks, x, width * 2**_DEPTH), dropout)
    for level in reversed(range(_DEPTH)):
        x = layers.Conv2DTranspose(width * 2**level, 2, strides=2)(x)
        x = _two(blocks, layers.Concatenate()([skips[level], x]), width * 2**level)
    x = layers.Conv2D(classes, 1, dtype="float32", name=LOGITS)(x)
    x = CropLike(dtype="float32")([x, image])
    return keras.Model(image, x, name="unet")


def _two(blocks: Blocks, x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return blocks.conv(blocks.conv(x, channels, 3), channels, 3)


@keras.saving.register_keras_serializable("curate")
class PadToMultiple(layers.Layer):
    """Adds zeros below and to the right of (B, h, w, C) until h and w divide by ``multiple``."""

    def __init__(self, multiple: int, **options) -> None:
        super().__init__(**options)
        self.multiple = multiple

    def call(self, x):
        _, h, w, _ = ops.shape(x)
        down, right = self._missing(h), self._missing(w)
        return ops.pad(x, ((0, 0), (0, down), (0, right), (0, 0)))

    def _missing(self, side):
        # Not -side % multiple: a converter to ONNX rounds negative quotients towards 0.
        return (self.multiple - side % self.multiple) % self.multiple

    def compute_output_shape(self, shape):
        batch, *sides, channels = shape
        return (batch, *(side and side + self._missing(side) for side in sides), channels)

    def get_config(self) -> dict:
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable("curate")
class CropLike(layers.Layer):
    """The upper left of the first of two (B, h, w, C), as large as the second."""

    def call(self, inputs):
        x, like = inputs
        _, h, w, _ = ops.shape(like)
        return x[:, :h, :w]

    def compute_output_shape(self, shapes):
        x, like = shapes
        return (x[0], *like[1:3], x[3])
