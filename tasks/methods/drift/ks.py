"""Kolmogorov-Smirnov: the largest gap between the two windows' distribution functions."""

import warnings

import numpy as np

from tasks.methods.drift.base import DriftScore, detectors, suits
from tasks.methods.drift.grid import grid_of, largest_rise

EXACT_ROWS = 10_000  # as in scipy


@detectors.register("ks", reference="Smirnov, 1948, doi:10.1214/aoms/1177730256")
@suits("numeric", takes="values")
def ks(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """D = max over x of |F_reference(x) - F_current(x)|, with its two-sided p-value.

    The p-value is exact up to 10,000 rows a window and asymptotic above. Equal values make it too large, never too small.
    D is exact on any number of rows: in large windows, the gap is only looked at where it can be the largest.

    Args:
        reference: Finite numbers, float64 [n].
        current: Finite numbers, float64 [m].

    Returns:
        D in [0, 1].
    """
    from scipy import stats

    n, m = len(reference), len(current)
    if max(n, m) > EXACT_ROWS:
        distance = _distance(reference, current)
        rows = n * m / (n + m)
        # Kolmogorov's limit where rows are many: the exact distribution says the same, and takes as long as all the rest.
        p_value = stats.kstwo.sf(distance, round(rows)) if rows <= EXACT_ROWS else stats.kstwobign.sf(distance * np.sqrt(rows))
        return DriftScore(distance, float(np.clip(p_value, 0, 1)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="ks_2samp: Exact calculation unsuccessful")  # it then is asymptotic
        result = stats.ks_2samp(reference, current)
    return DriftScore(float(result.statistic), float(result.pvalue))


def _distance(reference: np.ndarray, current: np.ndarray) -> float:
    """D of large windows."""
    from scipy import stats

    grid = grid_of(reference, current)
    if grid is None:
        return float(stats.ks_2samp(reference, current, method="asymp").statistic)
    return max(largest_rise(grid, grid.first, grid.second), largest_rise(grid, grid.second, grid.first))
