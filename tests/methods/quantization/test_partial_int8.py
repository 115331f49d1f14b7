"""Partial int8: chosen layers stay float, and the scan finds the one that loses most."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.predict import predict
from tasks.methods.quantization.partial import layer_errors, partial_int8, worst_layers
from tasks.methods.quantization.weights_of import layer_weights

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def fragile():
    """`wide` spreads its activations over 1 : 1,000, so 8 bits a tensor lose the small half; `even` and `head` do not."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, name="even")(inputs)
    hidden = keras.layers.Dense(8, name="wide")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(3, name="head")(hidden))
    rng = np.random.default_rng(1)
    spread = np.array([1000.0] * 4 + [1.0] * 4)
    model.get_layer("even").set_weights([rng.normal(size=(4, 8)), np.zeros(8)])
    model.get_layer("wide").set_weights([rng.normal(size=(8, 8)) * spread, np.zeros(8)])
    model.get_layer("head").set_weights([rng.normal(size=(8, 3)) / spread[:, np.newaxis], np.zeros(3)])
    return model


def error(model, flatbuffer):
    return float(np.sqrt(np.mean((LiteRunner(flatbuffer).run(ROWS) - predict(model, ROWS)) ** 2)))


def types(flatbuffer):
    return {name: str(values.dtype) for name, values in layer_weights(flatbuffer, ["even", "wide", "head"]).items()}


def test_layer_errors_find_the_fragile_layer(fragile):
    errors = layer_errors(fragile, ROWS)

    assert list(errors) == ["even", "wide", "head"]
    assert all(value > 0 for value in errors.values())
    assert worst_layers(errors, 1) == ["wide"]


def test_worst_layers_are_sorted_by_error():
    errors = {"a": 0.1, "b": 0.3, "c": 0.2}

    assert [worst_layers(errors, k) for k in range(4)] == [[], ["b"], ["b", "c"], ["b", "c", "a"]]
    with pytest.raises(ValueError, match="Expected 0 to 3"):
        worst_layers(errors, 4)


def test_partial_keeps_the_chosen_layers_float_and_loses_less(fragile):
    whole, partly = partial_int8(fragile, ROWS, []), partial_int8(fragile, ROWS, ["wide", "head"])

    assert types(whole) == {"even": "int8", "wide": "int8", "head": "int8"}
    assert types(partly) == {"even": "int8", "wide": "float32", "head": "float32"}
    assert error(fragile, partly) < error(fragile, whole) / 2


def test_partial_without_integers_is_the_network(fragile):
    flatbuffer = partial_int8(fragile, ROWS, ["even", "wide", "head"])

    assert set(types(flatbuffer).values()) == {"float32"}
    np.testing.assert_allclose(LiteRunner(flatbuffer).run(ROWS[:7]), predict(fragile, ROWS[:7]), rtol=1e-4, atol=1e-2)


def test_a_fused_normalization_goes_with_its_convolution():
    inputs = keras.Input((5, 5, 1))
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(2, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(keras.layers.Flatten()(hidden)))
    rows = np.random.default_rng(0).normal(size=(5, 5, 5, 1)).astype(np.float32)

    assert list(layer_errors(model, rows)) == ["conv", "head"]
    with pytest.raises(ValueError, match=r"Expected names out of \['conv', 'head'\]"):
        partial_int8(model, rows, ["norm"])


@pytest.mark.parametrize(
    ("calibration", "keep", "why"),
    [(ROWS, ["wdie"], "Did you mean 'wide'"), (ROWS[:0], [], "at least one row"), (None, [], "at least one row")],
)
def test_partial_refuses_what_cannot_be(fragile, calibration, keep, why):
    with pytest.raises(ValueError, match=why):
        partial_int8(fragile, calibration, keep)
