"""The LiteRT converter, called one way for every mode."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.quiet import quiet


def to_flatbuffer(model: keras.Model, mode: str, configure: Callable[[Any], None]) -> bytes:
    """The network as a flatbuffer with a free batch dimension, float32 in and out.

    Args:
        model: A network with one input and one output.
        mode: Named in errors.
        configure: Sets the converter's options, in place.

    Raises:
        ValueError: Several inputs or outputs, or a layer the mode has no operation for.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "Invalid `model`. Expected one input and one output. "
            f"Received: {model.name!r} with {len(model.inputs)} inputs and {len(model.outputs)} outputs."
        )
    spec = tf.TensorSpec([None, *model.inputs[0].shape[1:]], model.inputs[0].dtype)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
        # Handed a Keras model, the converter saves a trace of every layer first: twenty times as slow for a MobileNet.
        variables = tf.Module()
        variables.held = model.variables
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], variables)
        configure(converter)
        try:
            flatbuffer: bytes = converter.convert()
        except Exception as error:  # the converter raises types of its own, RuntimeError and ValueError alike
            raise ValueError(
                f"Invalid `mode`. Expected layers that LiteRT can run as {mode}; try another mode. "
                f"Received: mode={mode!r}, and {model.name!r} cannot be converted: {_first_line(error)}"
            ) from error
    return flatbuffer


def calibration_rows(model: keras.Model, mode: str, calibration: np.ndarray | None) -> np.ndarray:
    """The rows from which a mode takes the ranges of activations, as float32 [n, ...], known to fit `model`.

    Raises:
        ValueError: There are none, or they have another shape.
    """
    expected = model.inputs[0].shape[1:]
    if calibration is None or len(calibration) == 0:
        raise ValueError(
            f"Invalid `calibration`. Expected at least one row of training data for mode {mode!r}. Received: none."
        )
    if not expected.is_compatible_with(calibration.shape[1:]):
        raise ValueError(
            f"Invalid `calibration`. Expected rows of shape {list(expected)}. "
            f"Received: rows of shape {list(calibration.shape[1:])}."
        )
    return calibration.astype(np.float32, copy=False)


def calibrate(converter: Any, rows: np.ndarray) -> None:
    """Lets `converter` quantize, with the ranges that activations take on `rows`, float32 [n, ...]."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(rows)


def _one_by_one(rows: np.ndarray) -> Iterator[list[np.ndarray]]:
    return ([row[np.newaxis]] for row in rows)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
