"""Kolmogorov-Smirnov: the largest gap between the two windows' distribution functions."""

import warnings

import numpy as np

from tasks.methods.drift.base import DriftScore, detectors, suits


@detectors.register("ks", reference="Smirnov, 1948, doi:10.1214/aoms/1177730256")
@suits("numeric", takes="values")
def ks(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """D = max over x of |F_reference(x) - F_current(x)|, with its two-sided p-value.

    The p-value is exact up to 10,000 rows a window and asymptotic above. Equal values make it too large, never too small.

    Args:
        reference: Finite numbers, float64 [n].
        current: Finite numbers, float64 [m].

    Returns:
        D in [0, 1].
    """
    from scipy import stats

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="ks_2samp: Exact calculation unsuccessful")  # it then is asymptotic
        result = stats.ks_2samp(reference, current)
    return DriftScore(float(result.statistic), float(result.pvalue))
