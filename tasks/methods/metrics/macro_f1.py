"""Macro F1: the harmonic mean of a class's precision and recall; mean over the classes."""

import numpy as np

from tasks.methods.metrics.base import metric, metrics
from tasks.methods.metrics.class_counts import class_counts, mean_over_present


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    hits, predicted, support = class_counts(probabilities, y, draws)
    return mean_over_present(2 * hits / (predicted + support), support)


@metrics.register("macro_f1", reference="scikit-learn: f1_score")
@metric("maximize", _resampled)
def macro_f1(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean over the classes that occur in `y` of F1 = 2 hits / (predicted + support).

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        A fraction in [0, 1].
    """
    from sklearn.metrics import f1_score

    predicted = probabilities.argmax(axis=1)
    return float(f1_score(y, predicted, labels=np.unique(y), average="macro", zero_division=0))
