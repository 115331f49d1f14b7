"""Jensen-Shannon distance: how well one can tell from a value which window it comes from."""

import numpy as np

from tasks.methods.drift.base import DriftScore, detectors, suits
from tasks.methods.drift.permutation import divergence_p_value


def _divergence_from(mean: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergence of `shares` from `mean`, bits; a bin without rows adds nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(shares > 0, shares * np.log2(shares / mean), 0.0).sum(axis=1))


def _divergence(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    p, q = (counts / counts.sum(axis=1, keepdims=True) for counts in (reference, current))
    mean = (p + q) / 2
    return np.asarray(np.maximum(0.0, (_divergence_from(mean, p) + _divergence_from(mean, q)) / 2))  # rounding may leave -1e-17


@detectors.register("js", reference="Lin, 1991, doi:10.1109/18.61115; Endres & Schindelin, 2003, doi:10.1109/TIT.2003.813506")
@suits("numeric", "categorical", takes="counts")
def js(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """The square root of (KL(p || m) + KL(q || m)) / 2 in bits, m = (p + q) / 2, with a p-value by permutation, or by
    chi-square where every bin is well filled.

    Args:
        reference: Rows by bin or category, int64 [k]; shares p.
        current: The same for the other window, int64 [k]; shares q.

    Returns:
        The distance in [0, 1]; 1 where the windows share no bin.
    """
    distance = float(np.sqrt(_divergence(reference[None], current[None])[0]))
    return DriftScore(distance, divergence_p_value(reference, current, _divergence, as_chi2=8 * np.log(2)))
