import numpy as np

from tests.training.drawn import tiny_model
from training.average import EVERY, WeightAverage


def test_the_average_follows_the_weights_and_leaves_the_trained_ones_alone():
    model = tiny_model()
    ones = [np.ones_like(weight) for weight in model.get_weights()]
    model.set_weights([0 * one for one in ones])
    average = WeightAverage(model)
    model.set_weights(ones)
    average.update(model, EVERY)  # the first update counts three quarters
    with average.in_place(model):
        np.testing.assert_allclose(model.get_weights()[0], 0.75, rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], ones[0])


def test_later_updates_count_less():
    model = tiny_model()
    model.set_weights([0 * weight for weight in model.get_weights()])
    average = WeightAverage(model)
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    average.update(model, 1000 * EVERY)
    np.testing.assert_allclose(average.weights[0], 0.08, rtol=1e-5)
