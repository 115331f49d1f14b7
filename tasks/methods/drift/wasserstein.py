"""Wasserstein distance: how far values have moved on average, in standard deviations of the reference."""

import numpy as np

from tasks.methods.drift.base import DriftScore, detectors, suits
from tasks.methods.drift.permutation import permutation_p_value
from tasks.methods.drift.tables import bin_counts

GROUPS = 32


@detectors.register("wasserstein", reference="Ramdas et al., 2017, arXiv:1509.02237, section 3")
@suits("numeric", takes="values")
def wasserstein(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """W1 = integral of |F_reference(x) - F_current(x)| dx, over the reference's standard deviation.

    A constant reference has none: that of both windows together is used. The p-value is a permutation test of W1 on at
    most 32 groups of neighbouring values, each at its mean, which keeps it exact and its cost independent of the rows.

    Args:
        reference: Finite numbers, float64 [n].
        current: Finite numbers, float64 [m].

    Returns:
        W1 in standard deviations, >= 0.
    """
    from scipy import stats

    pooled = np.concatenate([reference, current])
    spread = (reference if np.ptp(reference) > 0 else pooled).std()
    first, second = bin_counts(reference, current, GROUPS)
    ends = (first + second).cumsum()
    means = np.add.reduceat(np.sort(pooled), np.concatenate([[0], ends[:-1]])) / (first + second)
    widths = np.diff(means)

    def moved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        gaps = a.cumsum(axis=1) / a.sum(axis=1, keepdims=True) - b.cumsum(axis=1) / b.sum(axis=1, keepdims=True)
        return np.asarray(np.abs(gaps[:, :-1]) @ widths)

    distance = stats.wasserstein_distance(reference, current) / spread
    return DriftScore(float(distance), permutation_p_value(first, second, moved))
