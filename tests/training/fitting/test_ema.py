import numpy as np

from tests.training.drawn import tiny_model
from training.fitting.ema import EVERY, WeightEma


def test_the_average_follows_the_weights_and_leaves_the_trained_ones_alone():
    model = tiny_model()
    ones = [np.ones_like(weight) for weight in model.get_weights()]
    model.set_weights([0 * one for one in ones])
    ema = WeightEma(model)
    model.set_weights(ones)
    ema.update(model, EVERY)  # the first update counts three quarters
    with ema.in_place(model):
        np.testing.assert_allclose(model.get_weights()[0], 0.75, rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], ones[0])


def test_later_updates_count_less():
    model = tiny_model()
    model.set_weights([0 * weight for weight in model.get_weights()])
    ema = WeightEma(model)
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    ema.update(model, 1000 * EVERY)
    np.testing.assert_allclose(ema.weights[0], 0.08, rtol=1e-5)
