"""k-means on the line, with a centroid that may be held at zero (Lloyd, 1982; Han et al., arXiv:1510.00149, section 3.1)."""

import numpy as np

from tasks.methods.clustering.initial import initials

_ROUNDS = 100


def kmeans(weights: np.ndarray, k: int, init: str, seed: int, *, hold_zero: bool) -> np.ndarray:
    """Centroids that minimise the sum of squared distances of weights to the nearest one, from a start.

    Args:
        weights: Float, any shape, at least one.
        k: Centroids, at least 2 where one of them is held at zero, else at least 1.
        init: A name of `initials`.
        seed: Of initialisations that draw.
        hold_zero: One of the k stays exactly 0. Zeros take no part in what the others become.

    Returns:
        float32 [k], sorted; fewer different ones where there are fewer different weights.

    Raises:
        ValueError: k is too small, or an unknown initialisation.
    """
    least = 2 if hold_zero else 1
    if k < least:
        raise ValueError(f"Invalid `k`. Expected at least {least}. Received: k={k}.")
    points = np.sort(np.ravel(weights).astype(np.float64))
    if hold_zero:
        points = points[points != 0]
    if len(points) == 0:
        return np.zeros(k, np.float32)
    start = initials.get(init)(points.astype(np.float32), k - 1 if hold_zero else k, np.random.default_rng(seed))
    centroids = np.sort(start).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(points)])
    for _ in range(_ROUNDS):
        if hold_zero:
            centroids = np.sort(np.append(centroids, 0.0))
        # On a line, the points of a centroid are those between the middles of it and its neighbours.
        edges = np.searchsorted(points, (centroids[1:] + centroids[:-1]) / 2)
        bounds = np.concatenate([[0], edges, [len(points)]])
        counts = np.diff(bounds)
        means = np.where(counts > 0, np.diff(sums[bounds]) / np.maximum(counts, 1), centroids)
        if hold_zero:
            zero = int(np.flatnonzero(centroids == 0)[0])
            means, centroids = np.delete(means, zero), np.delete(centroids, zero)
        if np.array_equal(means, centroids):
            break
        centroids = means
    if hold_zero:
        centroids = np.sort(np.append(centroids, 0.0))
    return centroids.astype(np.float32)
