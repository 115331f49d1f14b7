"""Conversion to the LiteRT flatbuffer that is served, in any registered mode."""

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.quantization.modes import modes

MODES = tuple(modes.names())


def convert(model: keras.Model, mode: str, calibration: np.ndarray | None = None) -> bytes:
    """The network as a flatbuffer with a free batch dimension.

    Input and output stay float32 in every mode: the flatbuffer quantizes and dequantizes by itself, so callers, drift
    checks and gates see the same numbers whatever the mode, at a cost of about a microsecond a row.

    Args:
        model: A network with one input and one output.
        mode: One of `MODES`; each file of `modes` says what it does.
        calibration: float32 [n, ...], n >= 1: typical rows, from which the integer modes take the range of every
            activation.

    Returns:
        The flatbuffer.

    Raises:
        ValueError: An unknown mode, no calibration rows where the mode needs them, or a layer it has no operation for.
    """
    try:
        method = modes.get(mode)
    except ValueError as error:
        raise ValueError(f"Invalid `mode`. {str(error)[0].upper()}{str(error)[1:]}") from None
    return method(model, calibration)
