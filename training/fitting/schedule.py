"""How fast weights are changed: the learning rate over a run, and the optimizer that follows it."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from training.config import TrainConfig

_POWER = 0.9


@keras.saving.register_keras_serializable("curate")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line to ``peak`` over ``warm_up`` steps, then decays to 0 at ``steps``.

    Args:
        decay: 'cosine' (arXiv 1608.03983, without restarts), 'poly' (power 0.9, as
            DeepLab's, arXiv 1606.00915), or 'constant', which does not
    """

    def __init__(self, peak: float, steps: int, warm_up: int, decay: str) -> None:
        self.peak, self.steps, self.warm_up, self.decay = peak, steps, warm_up, decay

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = ops.minimum((step + 1) / max(1, self.warm_up), 1.0)
        done = ops.clip((step - self.warm_up) / max(1, self.steps - self.warm_up), 0.0, 1.0)
        if self.decay == "cosine":
            left = 0.5 * (1 + ops.cos(np.pi * done))
        elif self.decay == "poly":
            left = (1 - done) ** _POWER
        else:
            left = 1.0
        return self.peak * rise * left

    def get_config(self) -> dict:
        return {
            "peak": self.peak, "steps": self.steps, "warm_up": self.warm_up, "decay": self.decay,
        }  # fmt: skip


@keras.saving.register_keras_serializable("curate")
class TwoRateAdamW(keras.optimizers.AdamW):
    """AdamW (arXiv 1711.05101) with another learning rate for a backbone's variables.

    Theirs is ``backbone_lr_multiplier`` times the one of the rest: a pretrained backbone
    needs small steps, the head on it, which starts at random, large ones. With a weight
    decay of 0 it is Adam.
    """

    def __init__(self, *args, backbone_lr_multiplier: float = 1.0, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.backbone_lr_multiplier = backbone_lr_multiplier
        self._backbone: set[str] = set()

    def set_backbone(self, variables: Sequence[keras.Variable]) -> None:
        self._backbone = {variable.path for variable in variables}

    def update_step(self, gradient, variable, learning_rate):
        # The backend gives its own kind of variable, which does not know Keras' path.
        ours = self._trainable_variables[self._get_variable_index(variable)]
        if ours.path in self._backbone:
            learning_rate = ops.cast(learning_rate, "float32") * self.backbone_lr_multiplier
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict:
        return {**super().get_config(), "backbone_lr_multiplier": self.backbone_lr_multiplier}


def optimizer(
    config: TrainConfig, steps: int, backbone: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer:
    """The optimizer of a run of so many steps.

    Args:
        backbone: its variables, where it is trained
    """
    warm_up = min(config.warm_up, max(1, steps // 4)) if config.warm_up else 0
    made = TwoRateAdamW(
        WarmUp(config.learning_rate, steps, warm_up, config.schedule),
        weight_decay=config.weight_decay,
        global_clipnorm=config.clipnorm or None,
        backbone_lr_multiplier=config.backbone_lr_multiplier,
    )
    made.set_backbone(backbone)
    # A backbone is not drawn towards 0, which is not where it came from. In one call: a second
    # one would forget what the first excluded.
    made.exclude_from_weight_decay(var_list=backbone, var_names=["bias", "gamma", "beta"])
    return made
