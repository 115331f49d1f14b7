"""What every mode looks like: a network in, a flatbuffer out."""

from typing import Protocol

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.registry import Methods


class Mode(Protocol):
    """Chooses the types of weights and activations."""

    def __call__(self, model: keras.Model, calibration: np.ndarray | None) -> bytes:
        """Converts a network.

        Args:
            model: One input, one output.
            calibration: float32 [n, ...], typical rows; modes with float activations do not look at it.

        Returns:
            A LiteRT flatbuffer with a free batch dimension, float32 in and out.

        Raises:
            ValueError: A layer the mode has no operation for, or no calibration rows where the mode needs them.
        """


modes: Methods[Mode] = Methods("mode")
