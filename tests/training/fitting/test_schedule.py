import keras
import numpy as np
import pytest
from keras import layers

from training.config import TrainConfig
from training.fitting.schedule import TwoRateAdamW, WarmUp, optimizer


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("cosine", [0.01, 0.1, 0.1, 0.05, 0.0]),
        ("poly", [0.01, 0.1, 0.1, 0.1 * 0.5**0.9, 0.0]),
        ("constant", [0.01, 0.1, 0.1, 0.1, 0.1]),
    ],
)
def test_the_learning_rate_rises_and_decays(decay, expected):
    rate = WarmUp(0.1, steps=110, warm_up=10, decay=decay)
    values = [float(rate(step)) for step in (0, 9, 10, 60, 110)]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_a_schedule_without_warm_up_begins_at_its_peak():
    assert float(WarmUp(0.1, steps=10, warm_up=0, decay="constant")(0)) == pytest.approx(0.1)


def test_schedule_and_optimizer_survive_serialisation():
    made = optimizer(TrainConfig(clipnorm=1.0, backbone_lr_multiplier=0.25), 100, [])
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(made))
    assert isinstance(copy, TwoRateAdamW)
    assert copy.backbone_lr_multiplier == 0.25
    assert copy.global_clipnorm == 1.0
    assert float(copy._learning_rate(50)) == pytest.approx(float(made._learning_rate(50)))


def steps_of(config: TrainConfig, with_backbone: bool) -> list[np.ndarray]:
    """How far each kernel of two dense layers went in one step of equal gradients."""
    inputs = keras.Input((3,))
    hidden = layers.Dense(3, use_bias=False, kernel_initializer="ones", name="backbone")(inputs)
    outputs = layers.Dense(3, use_bias=False, kernel_initializer="ones", name="head")(hidden)
    model = keras.Model(inputs, outputs)
    made = optimizer(
        config, 100, model.get_layer("backbone").trainable_variables if with_backbone else []
    )
    made.build(model.trainable_variables)
    before = [np.array(w) for w in model.get_weights()]
    ones = [keras.ops.ones(w.shape) for w in model.trainable_variables]
    made.apply(ones, model.trainable_variables)
    return [b - a for a, b in zip(model.get_weights(), before, strict=True)]


def test_biases_and_batch_norms_do_not_decay():
    inputs = keras.Input((3,))
    hidden = layers.BatchNormalization()(layers.Dense(3, bias_initializer="ones")(inputs))
    model = keras.Model(inputs, hidden)
    made = optimizer(TrainConfig(learning_rate=0.1, warm_up=0, weight_decay=0.5), 10, [])
    made.build(model.trainable_variables)
    before = {v.path: np.array(v) for v in model.trainable_variables}
    zeros = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    made.apply(zeros, model.trainable_variables)
    moved = {v.name for v in model.trainable_variables if np.any(np.array(v) != before[v.path])}
    assert moved == {"kernel"}


def test_the_backbone_takes_smaller_steps_and_does_not_decay():
    config = TrainConfig(
        learning_rate=0.01, warm_up=0, backbone_lr_multiplier=0.1, weight_decay=0.5
    )
    backbone, head = steps_of(config, with_backbone=True)
    np.testing.assert_allclose(backbone, 0.001, rtol=1e-4)  # Adam's first step is the rate
    np.testing.assert_allclose(head, 0.01 + 0.5 * 0.01, rtol=1e-3)
    same, _ = steps_of(config, with_backbone=False)
    np.testing.assert_allclose(same, head, rtol=1e-6)
