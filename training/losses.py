"""Training losses on label maps, in pure Keras: void pixels neither teach nor count."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

VOID = 255


def class_shares(labels: KerasTensor, classes: int, cell: int) -> KerasTensor:
    """What share of each cell of pixels belongs to each class.

    Args:
        labels: (B, H, W) class ids of any dtype, 255 void; H and W divide by ``cell``
        classes: K
        cell: side of a cell in pixels; 1 gives a one-hot map

    Returns:
        (B, H / cell, W / cell, K) float32; a cell sums to its share of labelled
        pixels, 0 where all is void
    """
    ids = ops.expand_dims(ops.cast(labels, "int32"), -1)
    hot = ops.cast(ops.equal(ids, ops.arange(classes, dtype="int32")), "float32")
    if cell == 1:
        return hot
    return ops.average_pool(hot, cell, strides=cell, padding="valid")


def cross_entropy(shares: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Mean cross-entropy over the labelled pixels, a scalar; 0 where all is void.

    Args:
        shares: (B, h, w, K) from :func:`class_shares`
        logits: (B, h, w, K)
    """
    labelled = ops.sum(shares)
    return -ops.sum(shares * ops.log_softmax(logits, axis=-1)) / ops.maximum(labelled, 1.0)


def foreground_dice(shares: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """1 - the mean Dice overlap of the classes but background, over the whole batch, a scalar.

    One cell is added to both sides of each fraction, so a class that is neither
    in the labels nor in the prediction costs nothing.
    """
    labelled = ops.sum(shares, axis=-1, keepdims=True)
    chances = ops.softmax(logits, axis=-1) * labelled
    both = ops.sum(chances * shares, axis=(0, 1, 2))[1:]
    either = ops.sum(chances + shares, axis=(0, 1, 2))[1:]
    return 1.0 - ops.mean((2.0 * both + 1.0) / (either + 1.0))


@keras.saving.register_keras_serializable("curate")
class CrossEntropyDice(keras.losses.Loss):
    """Cross-entropy + ``dice_weight`` x :func:`foreground_dice`.

    Called with labels (B, S, S), 255 void, and logits (B, s, s, K) where s divides
    S: logits at half the side are compared with the shares of 2 x 2 pixels, which
    costs a quarter of comparing at full size and teaches the same borders.
    """

    def __init__(self, dice_weight: float = 0.5, name: str = "cross_entropy_dice") -> None:
        super().__init__(name=name)
        self.dice_weight = dice_weight

    def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
        logits = ops.cast(y_pred, "float32")
        shares = class_shares(y_true, logits.shape[-1], y_true.shape[1] // logits.shape[1])
        return cross_entropy(shares, logits) + self.dice_weight * foreground_dice(shares, logits)

    def get_config(self) -> dict:
        return {"dice_weight": self.dice_weight, "name": self.name}
