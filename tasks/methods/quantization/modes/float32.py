"""No quantization: the network as it was trained."""

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.quantization.lite import to_flatbuffer
from tasks.methods.quantization.modes.base import modes


@modes.register("float32", reference="IEEE 754")
def float32(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """Weights and activations in 32 bits; see `Mode`."""
    return to_flatbuffer(model, "float32", lambda converter: None)
