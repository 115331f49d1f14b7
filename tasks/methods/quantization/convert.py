"""Conversion to the LiteRT flatbuffer that is served (Jacob et al., arXiv:1712.05877, for the integer form)."""

import warnings
from collections.abc import Iterator
from typing import Literal

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.quiet import quiet

Mode = Literal["int8", "float16", "float32"]
MODES = ("int8", "float16", "float32")


def convert(model: keras.Model, mode: Mode, calibration: np.ndarray | None = None) -> bytes:
    """The network as a flatbuffer with a free batch dimension.

    Input and output stay float32 in every mode: the flatbuffer quantizes and dequantizes by itself, so callers, drift
    checks and gates see the same numbers whatever the mode, at a cost of about a microsecond a row.

    Args:
        model: A network with one input and one output.
        mode: `float32`: as it is. `float16`: weights of half the size, computed in float32. `int8`: weights (a scale for
            each channel) and activations (a scale for each tensor) in 8 bits, integer arithmetic throughout.
        calibration: float32 [n, ...], n >= 1: typical rows, from which `int8` takes the range of every activation.

    Returns:
        The flatbuffer.

    Raises:
        ValueError: An unknown mode, no calibration rows for `int8`, or a layer the mode has no operation for.
    """
    if mode not in MODES:
        raise ValueError(f"Invalid `mode`. Expected one of {list(MODES)}. Received: mode={mode!r}.")
    spec = tf.TensorSpec([None, *model.inputs[0].shape[1:]], model.inputs[0].dtype)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
        # Handed a Keras model, the converter saves a trace of every layer first: twenty times as slow for a MobileNet.
        variables = tf.Module()
        variables.held = model.variables
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], variables)
        if mode != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if mode == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if mode == "int8":
            rows = _calibration_rows(model, calibration)
            converter.representative_dataset = lambda: _one_by_one(rows)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        try:
            flatbuffer: bytes = converter.convert()
        except Exception as error:  # the converter raises types of its own, RuntimeError and ValueError alike
            raise ValueError(
                f"Invalid `mode`. Expected layers that LiteRT can run as {mode}; try another mode. "
                f"Received: mode={mode!r}, and {model.name!r} cannot be converted: {_first_line(error)}"
            ) from error
    return flatbuffer


def _calibration_rows(model: keras.Model, calibration: np.ndarray | None) -> np.ndarray:
    expected = model.inputs[0].shape[1:]
    if calibration is None or len(calibration) == 0:
        raise ValueError("Invalid `calibration`. Expected at least one row of training data for mode 'int8'. Received: none.")
    if not expected.is_compatible_with(calibration.shape[1:]):
        raise ValueError(
            f"Invalid `calibration`. Expected rows of shape {list(expected)}. "
            f"Received: rows of shape {list(calibration.shape[1:])}."
        )
    return calibration.astype(np.float32, copy=False)


def _one_by_one(rows: np.ndarray) -> Iterator[list[np.ndarray]]:
    return ([row[np.newaxis]] for row in rows)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
