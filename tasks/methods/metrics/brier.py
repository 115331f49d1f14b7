"""Brier score: the squared distance of the probabilities from the truth (Brier, 1950)."""

import numpy as np

from tasks.methods.metrics.base import mean_over_draws, metric, metrics


def _row_scores(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(((probabilities - np.eye(probabilities.shape[1])[y]) ** 2).sum(axis=1))


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    return mean_over_draws(_row_scores(probabilities, y), draws)


@metrics.register("brier", reference="Brier, 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2, eq. 2")
@metric("minimize", _resampled)
def brier(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean over rows of the sum over classes of (probability - one-hot truth)^2.

    This is Brier's own definition, in [0, 2] for any number of classes. For two classes some libraries report half of it.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        The score, unitless; 0 is perfect.
    """
    return float(_row_scores(probabilities, y).mean())
