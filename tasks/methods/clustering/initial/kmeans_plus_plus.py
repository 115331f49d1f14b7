"""Weights drawn as centroids, those far from the ones drawn before with greater chance."""

import numpy as np

from tasks.methods.clustering.initial.base import initials


@initials.register("kmeans++", reference="Arthur & Vassilvitskii, 2007, k-means++: the advantages of careful seeding")
def kmeans_plus_plus(weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The first centroid is any weight; each further one w has the chance D(w)^2 / sum D^2, D the distance to the nearest.

    Where there are fewer different weights than k, some are repeated; see `Initial`.
    """
    centroids = [rng.choice(weights)]
    distance = np.square(weights.astype(np.float64) - centroids[0])
    while len(centroids) < k:
        total = distance.sum()
        centroids.append(rng.choice(weights, p=distance / total) if total > 0 else centroids[-1])
        distance = np.minimum(distance, np.square(weights.astype(np.float64) - centroids[-1]))
    return np.array(centroids, np.float32)
