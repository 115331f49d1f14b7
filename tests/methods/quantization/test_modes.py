"""Modes: the integers that a kernel becomes, and what every mode promises."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tasks.methods.backend import keras
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.architectures import build
from tasks.methods.networks.predict import predict
from tasks.methods.quantization.convert import MODES, convert
from tasks.methods.quantization.edge import weight_only
from tasks.methods.quantization.modes import modes
from tasks.methods.quantization.weights_of import flatbuffer_weights, layer_weights, weight_types

ROWS = np.random.default_rng(0).uniform(size=(40, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def dense():
    """y = x @ [[7, -7], [-3, 2]]: the greatest weight of each unit is 7, so a scale of 1 holds all in 4 bits."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2, use_bias=False, name="only")(inputs))
    model.set_weights([np.array([[7.0, -7.0], [-3.0, 2.0]])])
    return model


@pytest.fixture(scope="module")
def network():
    return build("mlp", (6,), 3, [40, 32], [], 0.0, seed=0)


def test_weight_only_int4_holds_the_integers_worked_by_hand(dense):
    flatbuffer = convert(dense, "weight_only_int4")

    np.testing.assert_array_equal(layer_weights(flatbuffer, ["only"])["only"], [[7, -3], [-7, 2]])
    assert set(weight_types(flatbuffer).values()) == {"int4"}
    np.testing.assert_allclose(LiteRunner(flatbuffer).run(np.array([[1, 1], [0, 2]], np.float32)), [[4, -5], [-6, 4]])


def test_weight_only_int8_holds_the_integers_worked_by_hand(dense):
    found = layer_weights(convert(dense, "weight_only_int8"), ["only"])["only"]

    np.testing.assert_array_equal(found, [[127, -54], [-127, 36]])  # 127 / 7 a unit: -54.4, 36.3


def test_flatbuffer_weights_are_the_kernels_where_nothing_is_quantized(network):
    found = layer_weights(convert(network, "float32"), ["dense_1", "dense_2", "head", "absent"])

    assert set(found) == {"dense_1", "dense_2", "head"}
    for name, values in found.items():
        np.testing.assert_array_equal(values, network.get_layer(name).get_weights()[0].T)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_takes_and_gives_float32_rows_of_any_number(network, mode):
    flatbuffer = convert(network, mode, ROWS)
    runner, interpreter = LiteRunner(flatbuffer), Interpreter(model_content=flatbuffer)

    for tensor in (interpreter.get_input_details()[0], interpreter.get_output_details()[0]):
        assert tensor["dtype"] == np.float32
        assert tensor["shape_signature"][0] == -1
    for count in (1, 3, 40):
        assert np.abs(runner.run(ROWS[:count]) - predict(network, ROWS[:count])).max() < 0.15


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("float16", {"float16"}),
        ("dynamic", {"int8", "float32"}),  # the kernel of 1,280 weights, and the two smaller ones
        ("int8", {"int8"}),
        ("int16x8", {"int8"}),
        ("weight_only_int8", {"int8"}),
        ("weight_only_int4", {"int4"}),
    ],
)
def test_modes_hold_weights_in_the_type_they_are_named_for(network, mode, kinds):
    assert set(weight_types(convert(network, mode, ROWS)).values()) == kinds


@pytest.mark.parametrize("mode", ["int8", "int16x8"])
@pytest.mark.parametrize("calibration", [None, ROWS[:0]])
def test_integer_modes_refuse_an_empty_calibration_set(network, mode, calibration):
    with pytest.raises(ValueError, match=f"at least one row of training data for mode '{mode}'. Received: none"):
        convert(network, mode, calibration)


def test_convert_suggests_the_nearest_mode(network):
    with pytest.raises(ValueError, match=r"Invalid `mode`. Expected one of .* Did you mean 'weight_only_int4'\?"):
        convert(network, "weight_onlyint4")


def test_convert_refuses_two_inputs():
    inputs = [keras.Input((2,)), keras.Input((2,))]
    with pytest.raises(ValueError, match="2 inputs and 1 outputs"):
        convert(keras.Model(inputs, keras.layers.Add()(inputs)), "float32")


def test_weight_only_int4_refuses_a_network_without_a_layer_that_takes_it():
    inputs = keras.Input((6, 6, 1))
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.DepthwiseConv2D(3)(inputs)))
    with pytest.raises(ValueError, match=r"hold in 4 bits.*stay \['float32'\]"):
        convert(model, "weight_only_int4")


def test_weight_only_says_why_the_quantizer_ended(network):
    with pytest.raises(ValueError, match=r"ended with code [1-9-]"):
        weight_only(b"\x1c\0\0\0TFL3 and no more", 8)


def test_weight_only_refuses_other_bits(network):
    with pytest.raises(ValueError, match=r"Expected one of \[8, 4\]. Received: num_bits=3"):
        weight_only(convert(network, "float32"), 3)


def test_flatbuffer_weights_refuse_bytes_that_are_no_model():
    with pytest.raises(ValueError, match="Received: 21 bytes of another kind"):
        flatbuffer_weights(b"not a model, not one!")


def test_every_mode_names_its_source():
    assert all(modes.references[name] for name in MODES)
