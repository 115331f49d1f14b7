"""Magnitude: small weights go first (Han et al., 2015)."""

import numpy as np

from tasks.methods.pruning.criteria.base import Kernel, criteria


@criteria.register("magnitude", reference="Han et al., 2015, arXiv:1506.02626")
def magnitude(kernel: Kernel) -> np.ndarray:
    """Scores each weight by its absolute value.

    Args:
        kernel: Its weights, any shape, are read.

    Returns:
        |w|, shape of the weights, in their unit; comparable between kernels of like scale.
    """
    return np.asarray(np.abs(kernel.weights))
