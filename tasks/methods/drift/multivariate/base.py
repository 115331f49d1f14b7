"""What every multivariate test looks like: two windows of rows in, a statistic and a p-value out."""

from collections.abc import Callable

import numpy as np

from tasks.methods.drift.base import DriftScore
from tasks.methods.registry import Methods

Multivariate = Callable[[np.ndarray, np.ndarray], DriftScore]
"""Of the rows of two windows, float64 [n, d] and [m, d] as `encode` makes them, n and m >= 1, to how far they are apart."""

multivariate: Methods[Multivariate] = Methods("multivariate test")


def sampled(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many rows of a window, drawn by a seed: tests that grow with the square of the rows stay cheap."""
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])])
