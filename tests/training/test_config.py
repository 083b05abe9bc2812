import tomllib

import pytest
import tomli_w

from training.config import TrainConfig, from_table, to_table


def test_a_config_survives_toml():
    config = TrainConfig(size=160, learning_rate=1e-3, seed=7)
    assert from_table(tomllib.loads(tomli_w.dumps(to_table(config)))) == config


def test_what_is_left_out_keeps_its_default():
    assert from_table({"epochs": 3}) == TrainConfig(epochs=3)


def test_an_unknown_key_is_an_error_that_names_the_known():
    with pytest.raises(ValueError, match=r"unknown key 'epoch'; known are .*epochs"):
        from_table({"epoch": 3})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", 100),
        ("size", 0),
        ("size", 256.0),
        ("epochs", 0),
        ("batch", True),
        ("learning_rate", 0.0),
        ("learning_rate", "fast"),
        ("weight_decay", -1.0),
        ("dropout", 1.0),
        ("cutmix", -0.1),
        ("seed", -1),
        ("train_on", -1),
    ],
)
def test_a_value_that_does_not_fit_is_named(key, value):
    with pytest.raises(ValueError, match=key):
        from_table({key: value})
