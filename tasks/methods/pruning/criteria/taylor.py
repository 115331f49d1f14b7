"""First-order Taylor: the weights go first whose removal changes the training loss least (Molchanov et al., 2017, 2019)."""

import numpy as np

from tasks.methods.pruning.criteria.base import Kernel, criteria


@criteria.register("taylor", reference="Molchanov et al., 2019, arXiv:1906.10771; 2017, arXiv:1611.06440")
def taylor(kernel: Kernel) -> np.ndarray:
    """Scores each weight by |g w|, the first-order change of the loss when it becomes zero.

    The paper's score is its square, (g w)^2, averaged over batches: the same order, but it underflows.

    Args:
        kernel: Its weights, any shape, and its gradient are read.

    Returns:
        sqrt(mean over batches of (g w)^2), float64, shape of the weights, in the loss's unit; comparable between kernels.
    """
    return np.asarray(np.abs(kernel.weights.astype(np.float64)) * kernel.gradient())
