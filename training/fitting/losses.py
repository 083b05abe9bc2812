"""Training losses on label maps, in pure Keras: ignored pixels neither train nor count."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import keras
import numpy as np
from keras import KerasTensor, ops
from numpy.typing import ArrayLike, NDArray

_TINY = 1e-7  # far below the weight of one labelled pixel of a cell


def class_shares(labels: KerasTensor, classes: int, cell: int) -> KerasTensor:
    """What share of each cell of pixels belongs to each class.

    Args:
        labels: (B, H, W) class ids of any dtype, 255 ignored; H and W divide by ``cell``
        classes: K
        cell: side of a cell in pixels; 1 gives a one-hot map

    Returns:
        (B, H / cell, W / cell, K) float32; a cell sums to its share of labelled
        pixels, 0 where all is ignored
    """
    ids = ops.expand_dims(ops.cast(labels, "int32"), -1)
    hot = ops.cast(ops.equal(ids, ops.arange(classes, dtype="int32")), "float32")
    if cell == 1:
        return hot
    return ops.average_pool(hot, cell, strides=cell, padding="valid")


def cross_entropy(logits: KerasTensor) -> KerasTensor:
    """What a pixel costs, -log p, for each class that it may be of. (B, h, w, K) to the same."""
    return -ops.log_softmax(logits, axis=-1)


def focal(logits: KerasTensor) -> KerasTensor:
    """As :func:`cross_entropy`, -(1 - p)^2 log p: the focal loss (arXiv 1708.02002), gamma 2.

    p is the softmax's, where the paper has a sigmoid for each class; it has no alpha here,
    whose part class weights play.
    """
    return ops.square(1.0 - ops.softmax(logits, axis=-1)) * cross_entropy(logits)


PIXEL_LOSSES = {"cross_entropy": cross_entropy, "focal": focal}


def pixel_mean(shares: KerasTensor, costs: KerasTensor) -> KerasTensor:
    """The mean cost of a labelled pixel, a scalar; 0 where all is ignored.

    Every pixel pays for its own class what the logits of its cell make that class
    cost. So in a cell of mixed classes each has its own cost, weighed by its share.

    Args:
        shares: (B, h, w, K) from :func:`class_shares`, may be times the classes' weights,
            of which it is the weighted mean then
        costs: (B, h, w, K)
    """
    return ops.sum(shares * costs) / ops.maximum(ops.sum(shares), _TINY)


def foreground_dice(shares: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """1 - the mean Dice overlap of the classes but background, over the whole batch, a scalar.

    One cell is added to both sides of each fraction, so a class that is neither
    in the labels nor in the prediction costs nothing.

    Args:
        shares: (B, h, w, K) from :func:`class_shares`
        logits: (B, h, w, K)
    """
    labelled = ops.sum(shares, axis=-1, keepdims=True)
    probabilities = ops.softmax(logits, axis=-1) * labelled
    both = ops.sum(probabilities * shares, axis=(0, 1, 2))[1:]
    either = ops.sum(probabilities + shares, axis=(0, 1, 2))[1:]
    return 1.0 - ops.mean((2.0 * both + 1.0) / (either + 1.0))


@keras.saving.register_keras_serializable("curate")
class SegmentationLoss(keras.losses.Loss):
    """A loss of pixels + ``dice_weight`` x :func:`foreground_dice`.

    Called with labels (B, S, S), 255 ignored, and logits (B, s, s, K) where s divides
    S: logits at half the side are compared with the shares of 2 x 2 pixels, which
    costs a quarter of comparing at full size and teaches the same borders.

    Args:
        loss: of a pixel, 'cross_entropy' or 'focal'
        class_weights: K numbers, what a labelled pixel of each class weighs in the
            mean over the pixels, as in torch's ``CrossEntropyLoss(weight=...)``; the
            Dice loss, which weighs classes alike anyway, does not use them

    Raises:
        ValueError: an unknown loss, a weight below 0 or not finite, or, when called, not K weights
    """

    def __init__(
        self,
        loss: str = "cross_entropy",
        dice_weight: float = 0.5,
        class_weights: Iterable[float] | None = None,
        name: str = "segmentation_loss",
    ) -> None:
        super().__init__(name=name)
        if loss not in PIXEL_LOSSES:
            raise ValueError(f"loss = {loss!r} is none of {', '.join(PIXEL_LOSSES)}")
        self.loss = loss
        self.dice_weight = dice_weight
        self.class_weights = None if class_weights is None else [float(w) for w in class_weights]
        if not all(0 <= weight < inf for weight in self.class_weights or ()):
            raise ValueError(f"class_weights = {self.class_weights} are not all 0 or more")

    def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
        logits = ops.cast(y_pred, "float32")
        classes = logits.shape[-1]
        shares = class_shares(y_true, classes, y_true.shape[1] // logits.shape[1])
        weighted = shares
        if self.class_weights is not None:
            if len(self.class_weights) != classes:
                raise ValueError(f"{len(self.class_weights)} class_weights for {classes} classes")
            weighted = shares * ops.convert_to_tensor(self.class_weights, dtype="float32")
        pixels = pixel_mean(weighted, PIXEL_LOSSES[self.loss](logits))
        loss = pixels + self.dice_weight * foreground_dice(shares, logits)
        # One for each photo: Keras shares a mean out among GPUs, but not a scalar.
        return ops.broadcast_to(loss, ops.shape(y_pred)[:1])

    def get_config(self) -> dict:
        return {
            "loss": self.loss,
            "dice_weight": self.dice_weight,
            "class_weights": self.class_weights,
            "name": self.name,
        }


def balanced(pixels: ArrayLike) -> NDArray[np.float64]:
    """Class weights by the root of rarity.

    arXiv 1411.4734 weighs a class by the median frequency over its own. Where
    background has a thousand times the pixels of glasses, that lets a few wrong
    pixels of glasses drown everything else; the root of the ratio is milder.

    Args:
        pixels: (K,) labelled pixels of each class

    Returns:
        (K,) weights with mean 1 over the classes that have pixels; a class with
        none, which has no rarity to speak of, gets 1

    Raises:
        ValueError: not one number a class, or a negative one
    """
    counts = np.asarray(pixels, dtype=np.float64)
    if counts.ndim != 1 or not (counts >= 0).all():
        raise ValueError(f"pixels is one count a class, 0 or more; this is {counts}")
    weights = np.ones(len(counts))
    present = counts > 0
    if present.any():
        weights[present] = counts[present] ** -0.5
        weights[present] /= weights[present].mean()
    return weights
