"""Integer weights; activations are quantized row by row as they come, so no calibration is needed."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.quantization.lite import to_flatbuffer
from tasks.methods.quantization.modes.base import modes


@modes.register("dynamic", reference="LiteRT, post-training dynamic range quantization; Krishnamoorthi, arXiv:1806.08342")
def dynamic(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """Weights in 8 bits (a scale for each channel), activations float32 between operations; see `Mode`.

    The converter leaves kernels of fewer than 1,024 weights in float32: they are not worth a scale.
    """
    return to_flatbuffer(model, "dynamic", _configure)


def _configure(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
