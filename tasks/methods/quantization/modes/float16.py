"""Weights of half the size."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.quantization.lite import to_flatbuffer
from tasks.methods.quantization.modes.base import modes


@modes.register("float16", reference="Micikevicius et al., 2018, arXiv:1710.03740")
def float16(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """Weights in 16 bits, widened once when the model is loaded and computed in float32; see `Mode`."""
    return to_flatbuffer(model, "float16", _configure)


def _configure(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
