"""Integer arithmetic with activations in 16 bits, for networks whose activations span too much for 8."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.quantization.lite import calibrate, calibration_rows, to_flatbuffer
from tasks.methods.quantization.modes.base import modes


@modes.register("int16x8", reference="LiteRT, 16-bit activations with 8-bit weights; arXiv:1712.05877, section 2")
def int16x8(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """Weights in 8 bits (a scale for each channel), activations in 16 (a scale for each tensor, zero point 0); see `Mode`.

    As small as `int8` and nearly as right as float32, but slow: there are reference kernels alone.
    """
    rows = calibration_rows(model, "int16x8", calibration)

    def configure(converter: Any) -> None:
        calibrate(converter, rows)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]

    return to_flatbuffer(model, "int16x8", configure)
