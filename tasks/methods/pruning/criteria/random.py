"""Random: the control that a criterion has to beat."""

import numpy as np

from tasks.methods.pruning.criteria.base import Kernel, criteria


@criteria.register("random", reference="control; Blalock et al., 2020, arXiv:2003.03033")
def random(kernel: Kernel) -> np.ndarray:
    """Scores each weight by a number drawn from [0, 1), whatever it is.

    Args:
        kernel: The shape of its weights and its generator are read.

    Returns:
        Scores, float64, shape of the weights, unitless.
    """
    return kernel.rng.random(kernel.weights.shape)
