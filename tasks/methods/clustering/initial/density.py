"""Centroids at equal steps of the distribution: as many weights to each."""

import numpy as np

from tasks.methods.clustering.initial.base import initials


@initials.register("density", reference="Han et al., 2016, arXiv:1510.00149, section 3.2")
def density(weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The middles of k equal parts of the sorted weights: their (i + 1/2) / k quantiles; see `Initial`."""
    centroids: np.ndarray = np.quantile(weights, (np.arange(k) + 0.5) / k).astype(np.float32)
    return centroids
