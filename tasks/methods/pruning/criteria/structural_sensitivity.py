"""Structural sensitivity: the output units with the least weight go first, whole."""

import numpy as np

from tasks.methods.pruning.criteria.base import Kernel, criteria


@criteria.register(
    "structural_sensitivity",
    reference="alpha_i = ||w_i||_2 / sum_j ||w_j||_2; norms of filters: Li et al., 2017, arXiv:1608.08710",
)
def structural_sensitivity(kernel: Kernel) -> np.ndarray:
    """Scores every weight of output unit (or filter) i by alpha_i = ||w_i||_2 / sum_j ||w_j||_2.

    All weights of a unit score alike, so units empty one after another, and at most one is left half empty. In the final
    classifier the units are classes, which are lost with their weights: name the layers to prune, and leave it out.

    Args:
        kernel: Its weights, w_i being those of output i along `output_axis`, are read.

    Returns:
        alpha, float64, shape of the weights, unitless; the units' values sum to 1, and are 0 for a kernel of zeros.
    """
    axes = tuple(axis for axis in range(kernel.weights.ndim) if axis != kernel.output_axis % kernel.weights.ndim)
    norms = np.sqrt(np.square(kernel.weights, dtype=np.float64).sum(axis=axes, keepdims=True))
    return np.broadcast_to(norms / (norms.sum() or 1.0), kernel.weights.shape)
