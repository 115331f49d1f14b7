"""Soft voting: every member's word counts the same."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool


@combiners.register("mean", reference="Lakshminarayanan et al., 2017, arXiv:1612.01474, section 2.4")
def mean(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> LinearPool:
    """The average: nothing is fitted, so nothing overfits few validation rows. See `Fit`."""
    members, _ = checked(probabilities, y)
    return LinearPool(np.ones(len(members)))
