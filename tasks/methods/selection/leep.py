"""LEEP: the ancestor's classifier as a predictor of the target's labels (Nguyen et al., 2020)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.source_classes import joint


@selectors.register("leep", reference="arXiv:2002.12462")
@asks_for("probabilities")
def leep(evidence: Evidence) -> float:
    """Mean log likelihood of the labels under the expected empirical predictor (Eq. 1 and 2).

        P(y, z) = 1/n sum_{i: y_i = y} theta(x_i)_z,  LEEP = 1/n sum_i log sum_z P(y_i | z) theta(x_i)_z

    Args:
        evidence: Probabilities (theta) and labels are used.

    Returns:
        Nats a row, at most 0.
    """
    together, shares, members = joint(evidence, hard=False)
    given = together / np.maximum(together.sum(axis=0), np.finfo(np.float64).tiny)  # P(y | z)
    return float(np.log((given[members] * shares).sum(axis=1)).mean())
