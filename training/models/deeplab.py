"""The head of DeepLabV3+ (arXiv 1802.02611)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from training.models.blocks import Blocks, drop, to_logits, upsample

_WIDTH, _LOW = 256, 48


def deeplabv3plus(
    shapes: Sequence[tuple[int, int, int]],
    classes: int,
    dropout: float = 0.0,
    batch_norm_momentum: float = 0.9,
) -> keras.Model:
    """Atrous spatial pyramid pooling on the deepest feature map, refined with the finest one.

    The two feature maps between them are inputs too, so that every head takes what every
    backbone gives, but are not used. Atrous convolutions are separable.

    Args:
        shapes: (h, w, channels) of four feature maps, the first at 1/4 of the photo's side
        classes: K, background included
        dropout: share of channels dropped in training
        batch_norm_momentum: Keras' own 0.99 needs hundreds of steps to mean anything

    Returns:
        a model from the four feature maps to (B, 4 h, 4 w, K) float32 logits, where h, w
        are those of the first feature map
    """
    blocks = Blocks(batch_norm_momentum)
    inputs = [keras.Input(shape, name=f"features{n}") for n, shape in enumerate(shapes)]
    fine, deepest = inputs[0], inputs[-1]
    x = drop(_aspp(blocks, deepest), dropout)
    x = upsample(x, fine.shape[1] // deepest.shape[1])
    x = layers.Concatenate()([x, blocks.conv(fine, _LOW, 1)])
    x = blocks.separable(blocks.separable(x, _WIDTH), _WIDTH)
    return keras.Model(inputs, to_logits(drop(x, dropout / 3), classes), name="deeplabv3plus")


def rates(side: int) -> list[int]:
    """How far apart the places of the three atrous kernels are, for a map of ``side`` cells.

    The paper's 6, 12, 18 are for photos of 513 pixels at output stride 16, a map of
    33. Others keep the share of the map; small maps get rates that differ and stay on them.

    >>> rates(33), rates(24), rates(12), rates(8), rates(2)
    ([6, 12, 18], [4, 9, 13], [2, 4, 7], [1, 3, 4], [1, 1, 1])
    """
    chosen: list[int] = []
    for rate in (6, 12, 18):
        wanted = max(round(rate * side / 33), *(before + 1 for before in chosen), 1)
        chosen.append(min(wanted, max(1, side - 1)))
    return chosen


def _aspp(blocks: Blocks, x: keras.KerasTensor) -> keras.KerasTensor:
    side = x.shape[1]
    views = [blocks.conv(x, _WIDTH, 1)]
    views += [blocks.separable(x, _WIDTH, rate) for rate in rates(side)]
    # No batch norm here: a batch has few photos, and each gives a single vector.
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
    pooled = layers.Conv2D(_WIDTH, 1, activation="relu")(pooled)
    views.append(layers.UpSampling2D(side)(pooled))
    return blocks.conv(layers.Concatenate()(views), _WIDTH, 1)
