"""Accuracy: the share of rows whose likeliest class is the true one."""

import numpy as np

from tasks.methods.metrics.base import mean_over_draws, metric, metrics


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    return mean_over_draws(probabilities.argmax(axis=1) == y, draws)


@metrics.register("accuracy", reference="scikit-learn: accuracy_score")
@metric("maximize", _resampled)
def accuracy(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The share of rows whose likeliest class is the true one; of equal probabilities the first class counts.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        A fraction in [0, 1].
    """
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(y, probabilities.argmax(axis=1)))
