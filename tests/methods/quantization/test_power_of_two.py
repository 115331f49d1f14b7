"""Fixed-point weights: the exponent, the integers and the grid, worked by hand."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.quantization.power_of_two import exponent, power_of_two, quantize


@pytest.mark.parametrize(
    ("weights", "num_bits", "expected"),
    [
        ([-1.0, 0.5], 8, -7),  # [-128, 64]
        ([-0.5, 1.0], 8, -6),  # [-32, 64]: at -7, 1 would become 128, one too many
        ([-4.0, 7.0], 4, 0),  # [-4, 7]
        ([-8.0, 7.5], 4, 1),  # [-4, 3.75]: at 0, 7.5 is above 7
        ([100.0, 3.0], 4, 4),  # 6.25
        ([0.0, 0.0], 8, 0),
        ([], 8, 0),
    ],
)
def test_exponent_is_the_least_at_which_the_range_fits(weights, num_bits, expected):
    assert exponent(np.array(weights), num_bits) == expected


def test_quantize_rounds_on_the_grid():
    integers, power = quantize(np.array([-1.0, 0.3, 0.0, 0.5]), 4)

    assert power == -3  # [-8, 4] in [-8, 7]
    np.testing.assert_array_equal(integers, [-8, 2, 0, 4])  # 0.3 * 8 = 2.4
    np.testing.assert_array_equal(integers * 2.0**power, [-1.0, 0.25, 0.0, 0.5])


@pytest.mark.parametrize("num_bits", [2, 4, 8, 16])
@pytest.mark.parametrize("scale", [1e-6, 0.37, 5e4])
def test_quantize_stays_in_range_and_within_half_a_step(num_bits, scale):
    weights = np.random.default_rng(num_bits).normal(size=(7, 5)) * scale
    integers, power = quantize(weights, num_bits)

    assert integers.min() >= -(2 ** (num_bits - 1))
    assert integers.max() <= 2 ** (num_bits - 1) - 1
    assert np.abs(integers * 2.0**power - weights).max() <= 2.0**power / 2


def test_power_of_two_puts_weights_on_the_grid_and_keeps_zeros():
    inputs = keras.Input((3,))
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(2, name="first")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="last")(hidden))
    model.get_layer("first").set_weights([np.array([[0.3, 0.0], [-1.0, 0.5], [0.0, 0.1]]), np.array([3.3, 0.0])])
    model.get_layer("norm").set_weights([np.full(2, value) for value in (0.9, 0.1, 0.2, 1.3)])
    found = power_of_two(model, 4)

    kernel, bias = found.get_layer("first").get_weights()
    np.testing.assert_array_equal(kernel, [[0.25, 0.0], [-1.0, 0.5], [0.0, 0.125]])
    np.testing.assert_array_equal(bias, [3.5, 0.0])  # [0, 3.3] * 2 = 6.6
    assert all(np.array_equal(*pair) for pair in zip(*(m.get_layer("norm").get_weights() for m in (found, model)), strict=True))
    np.testing.assert_allclose(model.get_layer("first").get_weights()[0][0, 0], 0.3)


@pytest.mark.parametrize("num_bits", [1, 17])
def test_exponent_refuses_other_bits(num_bits):
    with pytest.raises(ValueError, match="Expected 2 to 16"):
        exponent(np.ones(2), num_bits)


def test_exponent_refuses_numbers_that_are_not_finite():
    with pytest.raises(ValueError, match="NaN or infinity"):
        exponent(np.array([1.0, np.nan]), 8)
