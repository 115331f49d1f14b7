"""Expected calibration error: by how much confidence and accuracy differ (Guo et al., 2017)."""

import numpy as np

from tasks.methods.metrics.base import metric, metrics
from tasks.methods.metrics.calibration import BINS, bin_of_rows


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    index, confidence = bin_of_rows(probabilities, BINS)
    # |acc(B) - conf(B)| |B| / n is |sum over the bin of (right - confidence)| / n.
    gap = (probabilities.argmax(axis=1) == y) - confidence
    return np.asarray(np.abs(draws @ (np.eye(BINS)[index] * gap[:, None])).sum(axis=1) / draws.sum(axis=1))


@metrics.register("expected_calibration_error", reference="arXiv:1706.04599, eq. 3")
@metric("minimize", _resampled)
def expected_calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean over rows of |accuracy - confidence| in the row's bin, with 15 equal-width bins of confidence.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        The error in [0, 1]. It is biased upwards on few rows: a perfectly calibrated model does not reach 0.
    """
    return float(_resampled(probabilities, y, np.ones((1, len(y))))[0])
