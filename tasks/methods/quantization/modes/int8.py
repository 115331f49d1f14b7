"""Full integer arithmetic in 8 bits."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.quantization.lite import calibrate, calibration_rows, to_flatbuffer
from tasks.methods.quantization.modes.base import modes


@modes.register("int8", reference="Jacob et al., 2018, arXiv:1712.05877, section 2")
def int8(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """Weights (a scale for each channel) and activations (a scale for each tensor) in 8 bits; see `Mode`."""
    rows = calibration_rows(model, "int8", calibration)

    def configure(converter: Any) -> None:
        calibrate(converter, rows)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]

    return to_flatbuffer(model, "int8", configure)
