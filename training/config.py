"""What a training run can be told: one dataclass, one TOML table, no unknown keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run.

    Attributes:
        size: side in pixels that photos are resized to; divides by 32
        epochs: passes over the training photos
        min_steps: a run takes at least so many steps, however few its photos:
            18 photos make 2 steps an epoch, and no segmenter learns in 24 steps
        batch: photos a step
        learning_rate: the highest, after the warm-up; falls to 0 along a cosine
        weight_decay: AdamW's
        dice_weight: of the foreground Dice loss beside the cross-entropy
        dropout: share of channels dropped in training; a third of it on the taps
        cutmix: share of training photos that get a piece of another photo and its label
        seed: makes a run repeatable
    """

    size: int = 384
    epochs: int = 14
    min_steps: int = 240
    batch: int = 16
    learning_rate: float = 0.012
    weight_decay: float = 0.05
    dice_weight: float = 0.5
    dropout: float = 0.3
    cutmix: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = isinstance(field.default, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"{field.name} = {value!r} is not {kind}")
        if self.size < 32 or self.size > 1024 or self.size % 32:
            raise ValueError(f"size = {self.size} is not a multiple of 32 up to 1024")
        for name in ("epochs", "min_steps", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is below 1")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"learning_rate = {self.learning_rate} is not above 0 and up to 1")
        if self.weight_decay < 0 or self.dice_weight < 0 or self.seed < 0:
            raise ValueError("weight_decay, dice_weight and seed cannot be negative")
        for name in ("dropout", "cutmix"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not from 0 to below 1")


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
