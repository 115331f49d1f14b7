"""Balanced accuracy: the mean of the classes' recalls, so that a rare class weighs as much as a common one."""

import warnings

import numpy as np

from tasks.methods.metrics.base import metric, metrics
from tasks.methods.metrics.class_counts import class_counts, mean_over_present


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    hits, _, support = class_counts(probabilities, y, draws)
    return mean_over_present(hits / support, support)


@metrics.register("balanced_accuracy", reference="Brodersen et al., 2010, doi:10.1109/ICPR.2010.764")
@metric("maximize", _resampled)
def balanced_accuracy(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean over the classes that occur in `y` of the share of their rows predicted as them.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        A fraction in [0, 1]; 1/k for a constant prediction when all k classes occur.
    """
    from sklearn.metrics import balanced_accuracy_score

    with warnings.catch_warnings():
        # A predicted class that `y` lacks is no fault: it costs recall of the true class.
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        return float(balanced_accuracy_score(y, probabilities.argmax(axis=1)))
