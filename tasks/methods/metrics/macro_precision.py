"""Macro precision: of the rows predicted as a class, the share that is of it; mean over the classes."""

import numpy as np

from tasks.methods.metrics.base import metric, metrics
from tasks.methods.metrics.class_counts import class_counts, mean_over_present


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    hits, predicted, support = class_counts(probabilities, y, draws)
    return mean_over_present(hits / predicted, support)


@metrics.register("macro_precision", reference="scikit-learn: precision_score")
@metric("maximize", _resampled)
def macro_precision(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean precision of the classes that occur in `y`; a class never predicted has precision 0.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        A fraction in [0, 1].
    """
    from sklearn.metrics import precision_score

    predicted = probabilities.argmax(axis=1)
    return float(precision_score(y, predicted, labels=np.unique(y), average="macro", zero_division=0))
