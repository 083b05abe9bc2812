"""The end of a model for photos in which all that is worn is of one class, as a style is."""

from __future__ import annotations

import keras
from keras import layers, ops

_DOUBT = 0.02
"""Added to each chance: one pixel must not outvote the others."""
_VOTERS = 20.0
"""Pixels of one garment say the same: all together count as so many that say their own."""
_FLOOR = 1e-7


@keras.saving.register_keras_serializable("curate")
class OneClass(layers.Layer):
    """Lets the pixels of a photo vote which class it is of.

    Logits (B, H, W, K), class 0 background, to logits of the same shape. What is background
    stays so. The rest is divided among the classes alike in all pixels: by the mean logarithm
    of the probabilities that they give, each pixel counted as far as it is no background.
    """

    def call(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        background = ops.log_softmax(logits, axis=-1)[..., :1]
        worn = ops.maximum(1.0 - ops.exp(background), _FLOOR)
        probabilities = ops.log(ops.softmax(logits[..., 1:], axis=-1) + _DOUBT)
        votes = ops.sum(worn * probabilities, axis=(1, 2), keepdims=True)
        votes /= ops.sum(worn, axis=(1, 2), keepdims=True)
        return ops.concatenate(
            [background, ops.log(worn) + ops.log_softmax(_VOTERS * votes, axis=-1)], axis=-1
        )
