"""Pearson's chi-square: do the two windows draw from the same shares of categories?"""

import numpy as np

from tasks.methods.drift.base import DriftScore, detectors, suits
from tasks.methods.drift.permutation import permutation_p_value


def _statistic(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    pooled = reference + current
    total = pooled.sum(axis=1, keepdims=True)
    parts = []
    for counts in (reference, current):
        expected = pooled * counts.sum(axis=1, keepdims=True) / total
        parts.append(((counts - expected) ** 2 / expected).sum(axis=1))
    return np.asarray(parts[0] + parts[1])


@detectors.register("chi2", reference="Pearson, 1900, doi:10.1080/14786440009463897; Cochran, 1954, doi:10.2307/3001666")
@suits("categorical", takes="counts")
def chi2(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """The sum over cells of (count - expected)^2 / expected of the 2 x k table.

    The p-value is that of chi-square with k - 1 degrees of freedom where every expected count is at least 5 (Cochran's
    rule), else a permutation test of the same statistic: a rare or unseen category must not raise false alarms.

    Args:
        reference: Rows by category, int64 [k], at least one row a category in the two windows together.
        current: The same for the other window, int64 [k].

    Returns:
        The statistic, >= 0.
    """
    from scipy import stats

    statistic = float(_statistic(reference[None], current[None])[0])
    if len(reference) == 1:
        return DriftScore(statistic, 1.0)
    pooled = reference + current
    if pooled.min() * min(reference.sum(), current.sum()) / pooled.sum() >= 5:
        return DriftScore(statistic, float(stats.chi2.sf(statistic, len(reference) - 1)))
    return DriftScore(statistic, permutation_p_value(reference, current, _statistic))
