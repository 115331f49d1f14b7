"""Every member's word counts the same."""

import numpy as np

from tasks.methods.fusion.base import checked, fusers


@fusers.register("mean", reference="Lakshminarayanan et al., 2017, arXiv:1612.01474, section 2.4")
def mean(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Equal weights: nothing is fitted, so nothing overfits few validation rows.

    Args:
        probabilities: Each member's class probabilities, float [m, n, k].
        y: Class indices, int64 [n].

    Returns:
        1/m each, float64 [m].
    """
    members, _ = checked(probabilities, y)
    return np.full(len(members), 1 / len(members))
