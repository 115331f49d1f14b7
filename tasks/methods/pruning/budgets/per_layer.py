"""Per layer: the same sparsity everywhere."""

from collections.abc import Mapping

import numpy as np

from tasks.methods.pruning.budgets.base import budgets


@budgets.register("per_layer", reference="Zhu & Gupta, 2017, arXiv:1710.01878")
def per_layer(scores: Mapping[str, np.ndarray], sparsity: float) -> dict[str, float]:
    """Every layer gets `sparsity`; scores are compared inside a layer alone.

    Args:
        scores: Layer name -> scores of its kernel.
        sparsity: Fraction of zeros, [0, 1).

    Returns:
        Layer name -> `sparsity`.
    """
    return dict.fromkeys(scores, sparsity)
