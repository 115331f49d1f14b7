"""Evenly spaced centroids: large weights, few but important, get their own."""

import numpy as np

from tasks.methods.clustering.initial.base import initials


@initials.register("linear", reference="Han et al., 2016, arXiv:1510.00149, section 3.2")
def linear(weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """k centroids from the least weight to the greatest, at equal distances; see `Initial`."""
    return np.linspace(weights.min(), weights.max(), k, dtype=np.float32)
