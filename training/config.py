"""What a training run can be told: one dataclass, one TOML table, no unknown keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

CHOICES = {
    "model": ("fpn", "deeplabv3plus", "unet"),
    "backbone": (
        "lite0", "lite2", "mobilenetv2", "efficientnetv2b0", "resnet50", "inceptionresnetv2",
        "none",
    ),
    "output_stride": (8, 16, 32),
    "loss": ("cross_entropy", "focal"),
    "class_weights": ("none", "balanced"),
    "schedule": ("cosine", "poly", "constant"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
}  # fmt: skip
"""What the keys with few possible values can be."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run. The defaults are those of the recipe ``laptop``.

    Attributes:
        model: 'fpn', 'deeplabv3plus' or 'unet'
        backbone: where the model's taps come from; 'none' for a UNet, which has none
        weights: of the backbone: 'imagenet', 'none' (random), or a file of Keras weights
        frozen: the backbone stays as it is, its features are computed once and a small
            model is trained on them; otherwise all weights are trained, on augmented photos
        output_stride: of the backbone's deepest tap; below 32 by dilation
        size: side in pixels that photos are resized to; divides by 32
        one_class: all that is worn in a photo is of one class, a style: its pixels vote which
        epochs: passes over the training photos
        min_steps: a run takes at least so many steps, however few its photos:
            18 photos make 2 steps an epoch, and no segmenter learns in 24 steps
        steps: so many, whatever ``epochs`` and ``min_steps`` say; 0 leaves it to them
        looks: how often the validation photos are looked at, evenly over the run: fewer
            times, or after a few more steps, where the steps do not divide by it
        patience: stop after so many looks without a better one; 0 never stops early
        batch: photos a step
        learning_rate: AdamW's highest, after the warm-up
        backbone_rate: the backbone's learning rate is so many times that, where it is trained
        schedule: how it falls to 0 afterwards: 'cosine', 'poly' (power 0.9) or not at all
        warm_up: steps in which it rises
        weight_decay: AdamW's; 0 makes it Adam
        clip: the largest norm of all gradients together; 0 does not clip
        average: keep a running average of the weights, and measure and save that
        batch_norm_momentum: Keras' own 0.99 needs hundreds of steps to mean anything
        loss: 'cross_entropy' or 'focal' (gamma 2)
        dice_weight: of the foreground Dice loss beside it
        class_weights: 'balanced' weighs classes by the root of their rarity
        dropout: share of channels dropped in training
        cutmix: share of training photos that get a piece of another photo and its label
        flip: mirror every second photo
        rotate: up to so many degrees either way
        scale: zoom by a factor of up to 1 + scale, in or out
        color: strength of changes to brightness, contrast and saturation, 0 to 1
        precision: of the layers' arithmetic; 'auto' is bfloat16 on a GPU that has it
        seed: makes a run repeatable
    """

    model: str = "fpn"
    backbone: str = "lite0"
    weights: str = "imagenet"
    frozen: bool = True
    output_stride: int = 32
    size: int = 384
    one_class: bool = False
    epochs: int = 14
    min_steps: int = 240
    steps: int = 0
    looks: int = 14
    patience: int = 0
    batch: int = 16
    learning_rate: float = 0.012
    backbone_rate: float = 0.1
    schedule: str = "cosine"
    warm_up: int = 40
    weight_decay: float = 0.05
    clip: float = 0.0
    average: bool = True
    batch_norm_momentum: float = 0.9
    loss: str = "cross_entropy"
    dice_weight: float = 0.5
    class_weights: str = "none"
    dropout: float = 0.3
    cutmix: float = 0.5
    flip: bool = True
    rotate: float = 0.0
    scale: float = 0.0
    color: float = 0.0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check_kind(field.name, type(field.default))
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"{name} = {value!r} is none of {', '.join(map(str, choices))}")
        if self.size < 32 or self.size > 2048 or self.size % 32:
            raise ValueError(f"size = {self.size} is not a multiple of 32 up to 2048")
        for name in ("epochs", "min_steps", "looks", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is below 1")
        for name in ("steps", "patience", "warm_up", "weight_decay", "clip", "dice_weight", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)} is negative")
        for name in ("dropout", "cutmix", "scale", "color", "batch_norm_momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not from 0 to below 1")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"learning_rate = {self.learning_rate} is not above 0 and up to 1")
        if not 0 < self.backbone_rate <= 1:
            raise ValueError(f"backbone_rate = {self.backbone_rate} is not above 0 and up to 1")
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate = {self.rotate} is not from 0 to 180 degrees")
        self._check_together()

    def _check_kind(self, name: str, kind: type) -> None:
        value = getattr(self, name)
        fits = (int, float) if kind is float else kind
        if not isinstance(value, fits) or (isinstance(value, bool) and kind is not bool):
            words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
            raise ValueError(f"{name} = {value!r} is not {words[kind]}")
        if kind is float and not isfinite(getattr(self, name)):
            raise ValueError(f"{name} = {value} is not finite")

    def _check_together(self) -> None:
        if (self.model == "unet") != (self.backbone == "none"):
            raise ValueError("backbone = 'none' goes with model = 'unet', and with nothing else")
        if self.frozen and self.model == "unet":
            raise ValueError("a unet has no backbone to freeze: frozen = false, or --finetune")
        if self.frozen and self.weights == "none":
            raise ValueError("frozen = true needs weights: features of random ones mean nothing")
        if self.one_class and self.model == "unet":
            raise ValueError("one_class = true is for fpn and deeplabv3plus")
        if self.model == "fpn" and self.output_stride != 32:
            raise ValueError("fpn takes taps at 4 strides: output_stride = 32")
        if self.frozen and (self.rotate or self.scale or self.color):
            raise ValueError(
                "rotate, scale and color change photos, whose features are kept where frozen = "
                "true: leave them at 0, or take --finetune"
            )


def from_table(table: dict[str, Any]) -> TrainConfig:
    """A TOML table to a :class:`TrainConfig`; what is left out keeps its default.

    Raises:
        ValueError: an unknown key, or a value that does not fit
    """
    known = {field.name for field in fields(TrainConfig)}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return TrainConfig(**table)


def to_table(config: TrainConfig) -> dict[str, Any]:
    """The inverse of :func:`from_table`."""
    return asdict(config)
