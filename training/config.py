"""What a training run can be told: one dataclass, one TOML table, no unknown keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, asdict, dataclass, field, fields
from math import isfinite
from typing import Any


def _setting(default: Any, help_: str, choices: tuple = ()) -> Any:
    """A field that says what it is, and, where its values are few, which they can be."""
    return field(default=default, metadata={"help": help_, "choices": choices})


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run. The defaults are those of the recipe ``laptop``.

    What each is for stands beside it, and is what ``curate train --help`` says.

    Raises:
        ValueError: a value does not fit its field, or settings do not go together
    """

    model: str = _setting(
        "fpn", "The segmenter; a unet has no backbone.", ("fpn", "deeplabv3plus", "unet")
    )
    backbone: str = _setting(
        "lite0",
        "Where the model's feature maps come from; 'none' for a unet.",
        ("lite0", "lite2", "mobilenetv2", "efficientnetv2b0", "resnet50", "inceptionresnetv2",
         "none"),
    )  # fmt: skip
    weights: str = _setting(
        "imagenet", "Of the backbone: imagenet, none (random), or a file of Keras weights."
    )
    frozen: bool = _setting(
        True,
        "The backbone stays as it is: its features are computed once and a small model is trained "
        "on them. Else all weights are trained, on augmented photos.",
    )
    output_stride: int = _setting(
        32, "Of the backbone's deepest feature map; below 32 by dilation.", (8, 16, 32)
    )
    size: int = _setting(384, "Side in pixels that photos are resized to; a multiple of 32.")
    one_class: bool = _setting(
        False, "All that is worn in a photo is of one class, a style: its pixels vote which."
    )
    epochs: int = _setting(7, "Passes over the training photos.")
    train_on: int = _setting(
        0,
        "Each model learns from so many photos at most, drawn alike from all classes; 0: all of "
        "its. Every photo is predicted.",
    )
    # 18 photos make 2 steps an epoch, and no segmenter learns in 24 steps.
    min_steps: int = _setting(240, "A run takes at least so many steps, however few its photos.")
    steps: int = _setting(0, "So many, whatever epochs and min_steps say; 0 leaves it to them.")
    # Fewer evaluations, or a few more steps, where the steps do not divide by it.
    evals: int = _setting(7, "Evaluations on the validation photos, evenly over the run.")
    patience: int = _setting(
        0, "Stop after so many evaluations without a better one; 0 never stops early."
    )
    batch: int = _setting(8, "Photos a step.")
    learning_rate: float = _setting(0.012, "AdamW's highest, after the warm-up.")
    backbone_lr_multiplier: float = _setting(
        0.1, "The learning rate of a backbone that is trained is so many times the other."
    )
    schedule: str = _setting(
        "cosine",
        "How the learning rate falls to 0 after the warm-up (poly: power 0.9), or not at all.",
        ("cosine", "poly", "constant"),
    )
    warm_up: int = _setting(40, "Steps in which the learning rate rises.")
    weight_decay: float = _setting(0.05, "AdamW's; 0 makes it Adam.")
    clipnorm: float = _setting(0.0, "The largest norm of all gradients together; 0: any.")
    ema: bool = _setting(
        True, "Keep an exponential moving average of the weights, and evaluate and save that."
    )
    batch_norm_momentum: float = _setting(
        0.9, "Keras' own 0.99 needs hundreds of steps to mean anything."
    )
    loss: str = _setting(
        "cross_entropy", "Of a pixel; focal has gamma 2.", ("cross_entropy", "focal")
    )
    dice_weight: float = _setting(0.5, "Of the foreground Dice loss beside it.")
    class_weights: str = _setting(
        "none", "balanced weighs classes by the root of their rarity.", ("none", "balanced")
    )
    dropout: float = _setting(0.3, "Share of channels dropped in training.")
    cutmix: float = _setting(
        0.5, "Share of training photos that get a piece of another photo and its label."
    )
    flip: bool = _setting(True, "Mirror every second photo.")
    rotate: float = _setting(0.0, "Up to so many degrees either way.")
    scale: float = _setting(0.0, "Zoom by a factor of up to 1 + scale, in or out.")
    color: float = _setting(
        0.0, "Strength of changes to brightness, contrast and saturation, 0 to 1."
    )
    precision: str = _setting(
        "auto",
        "Of the layers' arithmetic; auto is bfloat16 on a GPU that has it.",
        ("auto", "float32", "bfloat16", "float16"),
    )
    seed: int = _setting(0, "Makes a run repeatable.")

    def __post_init__(self) -> None:
        for each in fields(self):
            self._check_type(each.name, type(each.default))
            choices, value = each.metadata["choices"], getattr(self, each.name)
            if choices and value not in choices:
                known = ", ".join(map(str, choices))
                raise ValueError(f"{each.name} = {value!r} is none of {known}")
        if self.size < 32 or self.size > 2048 or self.size % 32:
            raise ValueError(f"size = {self.size} is not a multiple of 32 up to 2048")
        for name in ("epochs", "min_steps", "evals", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is below 1")
        for name in (
            "steps", "patience", "warm_up", "weight_decay", "clipnorm", "dice_weight", "seed",
            "train_on",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)} is negative")
        for name in ("dropout", "cutmix", "scale", "color", "batch_norm_momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not from 0 to below 1")
        for name in ("learning_rate", "backbone_lr_multiplier"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not above 0 and up to 1")
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate = {self.rotate} is not from 0 to 180 degrees")
        self._check_together()

    def _check_type(self, name: str, type_: type) -> None:
        value = getattr(self, name)
        fits = (int, float) if type_ is float else type_
        if not isinstance(value, fits) or (isinstance(value, bool) and type_ is not bool):
            raise ValueError(f"{name} = {value!r} is not {_TYPES[type_]}")
        if type_ is float and not isfinite(getattr(self, name)):
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
            raise ValueError("fpn takes feature maps at 4 strides: output_stride = 32")
        if self.frozen and (self.rotate or self.scale or self.color):
            raise ValueError(
                "rotate, scale and color change photos, whose features are kept where frozen = "
                "true: leave them at 0, or take --finetune"
            )


_SWITCH = {"true": True, "false": False}
_TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}

SETTINGS: dict[str, Field] = {each.name: each for each in fields(TrainConfig)}
"""The fields by name, each with its ``metadata["help"]`` and ``metadata["choices"]``."""

COMMON = (
    "model", "backbone", "weights", "output_stride", "frozen", "size", "epochs", "steps",
    "train_on", "batch", "learning_rate", "seed",
)  # fmt: skip
"""The settings that many will want, in the order in which they are asked for."""


def from_table(table: dict[str, Any]) -> TrainConfig:
    """A TOML table to a :class:`TrainConfig`; what is left out keeps its default.

    Raises:
        ValueError: an unknown key, or a value that does not fit
    """
    for key in sorted(table):
        _known(key)
    return TrainConfig(**table)


def to_table(config: TrainConfig) -> dict[str, Any]:
    """The inverse of :func:`from_table`."""
    return asdict(config)


def from_text(text: str) -> tuple[str, Any]:
    """One setting as it is typed, its value of the type that its field has.

    >>> from_text("rotate=15"), from_text("ema=false")
    (('rotate', 15.0), ('ema', False))

    Raises:
        ValueError: no '=', an unknown key, or a value that is none of the field's
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise ValueError(f"{text!r} is not key=value")
    setting = _known(key)
    type_, choices = type(setting.default), setting.metadata["choices"]
    read: Callable[[str], Any] = _SWITCH.__getitem__ if type_ is bool else type_
    try:
        typed = read(value)
    except (KeyError, ValueError):
        raise ValueError(f"{key} = {value!r} is not {_TYPES[type_]}") from None
    if choices and typed not in choices:
        raise ValueError(f"{key} = {value!r} is none of {', '.join(map(str, choices))}")
    return key, typed


def _known(key: str) -> Field:
    if key not in SETTINGS:
        raise ValueError(f"unknown key {key!r}; known are {', '.join(sorted(SETTINGS))}")
    return SETTINGS[key]
