"""What every budget looks like: the scores of all kernels and one sparsity in, a sparsity for each layer out."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from tasks.methods.registry import Methods


class Budget(Protocol):
    """Shares a sparsity among layers."""

    def __call__(self, scores: Mapping[str, np.ndarray], sparsity: float) -> dict[str, float]:
        """Shares it.

        Args:
            scores: Layer name -> scores of its kernel, any shape, at least one weight; lowest are pruned first.
            sparsity: Fraction of zeros over all kernels together, [0, 1).

        Returns:
            Layer name -> sparsity, [0, 1), for every layer; weighted by size they make `sparsity`, to one weight a layer.
        """


budgets: Methods[Budget] = Methods("budget")
