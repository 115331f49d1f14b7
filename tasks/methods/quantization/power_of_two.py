"""Fixed-point weights: scales are powers of two, so hardware scales by a shift (Lin et al., 2016, arXiv:1511.06393)."""

from math import ceil, log2

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import layers_with_weights, to_functional

_BITS = (2, 16)


def exponent(weights: np.ndarray, num_bits: int) -> int:
    """n - m: the least for which the range [a, b] of `weights` becomes [a, b] * 2^-(n-m) inside num_bits.

    Args:
        weights: Any shape, finite.
        num_bits: Bits of a signed integer, 2 to 16.

    Returns:
        The exponent; negative where weights are small, 0 where all are zero.

    Raises:
        ValueError: Bits out of range, or weights that are not finite.
    """
    if not _BITS[0] <= num_bits <= _BITS[1]:
        raise ValueError(f"Invalid `num_bits`. Expected {_BITS[0]} to {_BITS[1]}. Received: num_bits={num_bits}.")
    if not np.isfinite(weights).all():
        raise ValueError("Invalid `weights`. Expected finite numbers. Received: NaN or infinity.")
    low, high = -(2.0 ** (num_bits - 1)), 2.0 ** (num_bits - 1) - 1
    needed = max(float(weights.min(initial=0)) / low, float(weights.max(initial=0)) / high)
    return ceil(log2(needed)) if needed > 0 else 0


def quantize(weights: np.ndarray, num_bits: int) -> tuple[np.ndarray, int]:
    """Q(x) = round(x * 2^-(n-m)), halves to even; the weights are about Q(x) * 2^(n-m).

    Args:
        weights: Float, any shape.
        num_bits: Bits of a signed integer, 2 to 16.

    Returns:
        Integers, int16 of the weights' shape, and the exponent n - m.

    Raises:
        ValueError: See `exponent`.
    """
    power = exponent(weights, num_bits)
    return np.rint(np.ldexp(weights.astype(np.float64), -power)).astype(np.int16), power


def power_of_two(model: keras.Model, num_bits: int) -> keras.Model:
    """A flat copy of `model` whose trained weights lie on a power-of-two grid, one exponent a tensor; zeros stay zero.

    BatchNormalization keeps its own numbers: they are folded into the layer before it, or are no weights at all.

    Args:
        model: Any network with a graph; it is not changed.
        num_bits: Bits of every weight, 2 to 16.

    Raises:
        ValueError: See `exponent`.
    """
    result = to_functional(model)
    for layer in layers_with_weights(result):
        if isinstance(layer, keras.layers.BatchNormalization):
            continue
        for variable in layer.trainable_weights:
            integers, power = quantize(variable.numpy(), num_bits)
            variable.assign(np.ldexp(integers.astype(np.float32), power))
    return result
