"""Hits, predictions and rows of each class, for many resamples at once: what the per-class metrics are made of."""

import numpy as np


def class_counts(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts by class.

    Args:
        probabilities: Class probabilities, float64 [n, k].
        y: Class indices, int64 [n].
        draws: How often each resample draws each row, float64 [s, n].

    Returns:
        Rows rightly predicted as the class, rows predicted as it, and rows of it, float64 [s, k] each.
    """
    one_hot = np.eye(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    hit = one_hot[y] * (predicted == y)[:, None]
    return draws @ hit, draws @ one_hot[predicted], draws @ one_hot[y]


def mean_over_present(values: np.ndarray, support: np.ndarray) -> np.ndarray:
    """The mean over the classes that occur in a resample.

    Args:
        values: A number a class, float64 [s, k]; NaN (nothing predicted as the class) counts as 0.
        support: Rows of each class, float64 [s, k].

    Returns:
        Means, float64 [s].
    """
    present = support > 0
    return np.asarray(np.where(present, np.nan_to_num(values), 0.0).sum(axis=1) / present.sum(axis=1))
