"""Importance: the share of its kernel's energy that a weight holds."""

import numpy as np

from tasks.methods.pruning.criteria.base import Kernel, criteria


@criteria.register("importance", reference="beta_i = w_i^2 / sum_j w_j^2; compare LAMP, Lee et al., 2021, arXiv:2010.07611")
def importance(kernel: Kernel) -> np.ndarray:
    """Scores each weight by beta_i = w_i^2 / sum_j w_j^2.

    Inside a kernel it ranks as magnitude does; under a global budget it takes the scale of each kernel out.

    Args:
        kernel: Its weights, any shape, are read.

    Returns:
        beta, float64, shape of the weights, unitless, of sum 1; all 0 for a kernel of zeros.
    """
    energy = np.square(kernel.weights, dtype=np.float64)
    return np.asarray(energy / (energy.sum() or 1.0))
