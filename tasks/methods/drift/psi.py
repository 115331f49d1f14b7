"""Population stability index: by how much the shares of bins or categories have shifted."""

import numpy as np

from tasks.methods.drift.base import DriftScore, detectors, suits
from tasks.methods.drift.permutation import divergence_p_value


def _shares(counts: np.ndarray) -> np.ndarray:
    """Shares with half a row added to each bin: an empty one would make the logarithm infinite."""
    return np.asarray((counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 0.5 * counts.shape[1]))


def _index(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    p, q = _shares(reference), _shares(current)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=1))


@detectors.register("psi", reference="Siddiqi, Credit Risk Scorecards, 2006; symmetrised divergence of Jeffreys, 1946")
@suits("numeric", "categorical", takes="counts")
def psi(reference: np.ndarray, current: np.ndarray) -> DriftScore:
    """PSI = sum over bins of (q - p) ln(q / p), with a p-value by permutation, or by chi-square where every bin is well filled.

    By rule of thumb, 0.1 is a small and 0.25 a large shift; on few rows chance alone gives more, hence the p-value.

    Args:
        reference: Rows by bin or category, int64 [k]; shares p.
        current: The same for the other window, int64 [k]; shares q.

    Returns:
        PSI in nats, >= 0.
    """
    return DriftScore(
        float(_index(reference[None], current[None])[0]), divergence_p_value(reference, current, _index, as_chi2=1.0)
    )
