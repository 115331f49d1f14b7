"""Macro recall: of the rows of a class, the share predicted as it; mean over the classes."""

import numpy as np

from tasks.methods.metrics.base import metric, metrics
from tasks.methods.metrics.class_counts import class_counts, mean_over_present


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    hits, _, support = class_counts(probabilities, y, draws)
    return mean_over_present(hits / support, support)


@metrics.register("macro_recall", reference="scikit-learn: recall_score")
@metric("maximize", _resampled)
def macro_recall(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean recall of the classes that occur in `y`; equal to balanced accuracy.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        A fraction in [0, 1].
    """
    from sklearn.metrics import recall_score

    predicted = probabilities.argmax(axis=1)
    return float(recall_score(y, predicted, labels=np.unique(y), average="macro", zero_division=0))
