"""Flatbuffers: as right as the network they come from, at any number of rows, and silent about it."""

import subprocess
import sys

import numpy as np
import pytest

from tasks.methods.backend import keras, tf
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.litert import LiteRunner, latency_ms
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.surgery import adapt_input
from tasks.methods.quantization.convert import MODES, convert


@pytest.fixture(scope="module")
def networks(all_digits):
    x, y = all_digits
    made = {}
    for architecture in ("mlp", "cnn"):
        made[architecture] = build(architecture, (8, 8, 1), 10, [24], [8, 12], 0.1, seed=0)
        fit(made[architecture], (x[:600], y[:600]), (x[600:900], y[600:900]), FitSettings(epochs=12, learning_rate=5e-3))
    made["fused"] = fuse_models(
        [made["mlp"], adapt_input(adapt_input(made["cnn"], (12, 12, 3)), (8, 8, 1))], LinearPool([1, 2])
    )
    return made


@pytest.mark.parametrize("name", ["mlp", "cnn", "fused"])
@pytest.mark.parametrize("mode", MODES)
def test_convert_gives_the_networks_answers(networks, all_digits, name, mode):
    x, y = all_digits[0][900:], all_digits[1][900:]
    flatbuffer = convert(networks[name], mode, all_digits[0][:100])
    expected, found = predict(networks[name], x), LiteRunner(flatbuffer).run(x)

    four_bits = mode == "weight_only_int4"
    assert np.abs(found - expected).max() < {"float32": 1e-5, "float16": 5e-3}.get(mode, 1.0 if four_bits else 0.5)
    assert abs((found.argmax(axis=1) == y).mean() - (expected.argmax(axis=1) == y).mean()) <= (0.06 if four_bits else 0.03)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= (0.85 if four_bits else 0.97)


def test_convert_makes_smaller_flatbuffers_from_fewer_bits(all_digits):
    model = build("mlp", (64,), 10, [64], [], 0.0, seed=0)
    sizes = {mode: len(convert(model, mode, all_digits[0][:50].reshape(50, 64))) for mode in MODES}

    assert sizes["int8"] < sizes["float16"] < sizes["float32"]


def test_convert_gives_equal_bytes_when_called_twice(networks, all_digits):
    assert convert(networks["cnn"], "int8", all_digits[0][:50]) == convert(networks["cnn"], "int8", all_digits[0][:50])


@pytest.mark.parametrize(
    ("mode", "calibration", "why"),
    [
        ("int4", None, "Invalid `mode`"),
        ("int8", None, "Invalid `calibration`"),
        ("int8", np.zeros((0, 8, 8, 1), np.float32), "at least one row"),
        ("int8", np.zeros((3, 4), np.float32), "rows of shape"),
    ],
)
def test_convert_refuses_what_it_cannot_use(networks, mode, calibration, why):
    with pytest.raises(ValueError, match=why):
        convert(networks["mlp"], mode, calibration)


def test_convert_names_the_mode_when_a_layer_has_no_such_operation():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, tf.math.erfinv(inputs))

    with pytest.raises(ValueError, match=r"Received: mode='float32', and '.*' cannot be converted"):
        convert(model, "float32")


@pytest.mark.parametrize("rows", [0, 1, 2, 255, 256, 257, 600])
def test_run_takes_any_number_of_rows(networks, all_digits, rows):
    runner = LiteRunner(convert(networks["mlp"], "float32"))
    x = all_digits[0][:rows]

    np.testing.assert_allclose(runner.run(x), predict(networks["mlp"], x), atol=1e-5)
    np.testing.assert_allclose(runner.run(all_digits[0][:1]), predict(networks["mlp"], all_digits[0][:1]), atol=1e-5)


def fixed(model, batch, integer):
    """A flatbuffer of a fixed batch size, as another project may have made it."""
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec([batch, *model.input_shape[1:]], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    if integer:
        data = np.random.default_rng(0).uniform(size=(50, batch, *model.input_shape[1:])).astype(np.float32)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([rows] for rows in data)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def test_run_fills_up_a_fixed_batch(networks, all_digits):
    runner = LiteRunner(fixed(networks["mlp"], 4, integer=False))

    np.testing.assert_allclose(runner.run(all_digits[0][:6]), predict(networks["mlp"], all_digits[0][:6]), atol=1e-5)


def test_run_quantizes_for_a_flatbuffer_of_integer_input(networks, all_digits):
    runner = LiteRunner(fixed(networks["cnn"], 1, integer=True))
    found, expected = runner.run(all_digits[0][900:1000]), predict(networks["cnn"], all_digits[0][900:1000])

    assert runner.input_dtype == np.int8
    assert found.dtype == np.float32
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.95


def test_run_says_which_shape_it_takes(networks):
    runner = LiteRunner(convert(networks["mlp"], "float32"))

    assert runner.input_shape == (8, 8, 1)
    assert runner.input_dtype == np.float32
    with pytest.raises(ValueError, match=r"shape \[n, 8, 8, 1\]. Received: shape=\[2, 64\]"):
        runner.run(np.zeros((2, 64), np.float32))


def test_runner_refuses_bytes_that_are_no_model():
    with pytest.raises(ValueError, match=r"flatbuffer|model"):
        LiteRunner(b"not a flatbuffer at all")


def test_latency_is_a_time(networks, all_digits):
    assert latency_ms(convert(networks["mlp"], "float32"), all_digits[0][:1], runs=5) > 0
    with pytest.raises(ValueError, match="runs"):
        latency_ms(b"", all_digits[0][:1], runs=0)


QUIET = """
import sys
import numpy as np
from tasks.methods.networks.architectures import build
from tasks.methods.quantization.convert import convert
flatbuffer = convert(build("mlp", (4,), 2, [3], [], 0.0, seed=0), "int8", np.eye(4, dtype=np.float32))
from tasks.methods.litert import LiteRunner
LiteRunner(flatbuffer).run(np.eye(4, dtype=np.float32))
"""


def test_convert_and_run_say_nothing():
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, timeout=120, check=True)

    assert (done.stdout, done.stderr) == ("", "")


LIGHT = """
import sys
import tasks.methods.litert
print(sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "tf_keras", "scipy", "pandas", "mlflow"}))
"""


def test_litert_imports_no_tensorflow():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"
