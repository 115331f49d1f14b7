"""Weights in 8 bits, arithmetic in float32."""

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.quantization.edge import weight_only
from tasks.methods.quantization.modes.base import modes
from tasks.methods.quantization.modes.float32 import float32


@modes.register("weight_only_int8", reference="ai-edge-quantizer, weight_only_wi8_afp32")
def weight_only_int8(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """Weights in 8 bits (a scale for each channel), widened to float32 before every operation; see `Mode`."""
    return weight_only(float32(model, calibration), 8)
