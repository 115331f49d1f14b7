"""Who a member votes for, written so that a network can count it."""

from typing import Any

import numpy as np
from scipy.special import softmax

SHARPNESS = 2.0**15  # a power of two, so that products are exact; larger numbers than 65,504 do not survive float16


def votes(probabilities: np.ndarray) -> np.ndarray:
    """softmax(2^15 p): 1 for the most probable class, 0 for the others.

    Two classes whose probabilities are equal share the vote. Closer than 0.00035 they share it in part: at a difference d the
    second has 1 / (1 + exp(32768 d)) of it, a hundred-thousandth at 0.00035.

    Args:
        probabilities: float64 [..., k].

    Returns:
        float64, same shape; sums to 1 over classes.
    """
    return np.asarray(softmax(SHARPNESS * probabilities, axis=-1))


def vote_layers(output: Any, index: int) -> Any:
    """The same as Keras layers.

    Args:
        output: A member's probabilities, Keras tensor [batch, k].
        index: The member's number, for the layers' names.
    """
    from tasks.methods.backend import keras

    sharp = keras.layers.Rescaling(SHARPNESS, name=f"m{index}_sharp")(output)
    return keras.layers.Softmax(name=f"m{index}_vote")(sharp)
