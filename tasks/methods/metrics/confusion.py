"""Which classes are taken for which, and how each class fares."""

from dataclasses import dataclass

import numpy as np

from tasks.methods.metrics.base import checked


@dataclass(frozen=True)
class ClassScore:
    """How one class fares.

    Attributes:
        precision: Of the rows predicted as the class, the share that is of it; 0 where none is predicted.
        recall: Of the rows of the class, the share predicted as it; NaN where there are none.
        f1: Harmonic mean of the two; NaN where the class has no rows.
        support: Rows of the class.
    """

    precision: float
    recall: float
    f1: float
    support: int


def confusion_matrix(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rows by true and predicted class.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        Counts, int64 [k, k]; row i, column j: rows of class i predicted as class j.

    Raises:
        ValueError: As for every metric.
    """
    probabilities, y = checked(probabilities, y)
    k = probabilities.shape[1]
    return np.bincount(y * k + probabilities.argmax(axis=1), minlength=k * k).reshape(k, k)


def per_class(probabilities: np.ndarray, y: np.ndarray) -> list[ClassScore]:
    """Precision, recall, F1 and support of each class, in class order.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Raises:
        ValueError: As for every metric.
    """
    matrix = confusion_matrix(probabilities, y)
    hits, predicted, support = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    nan = float("nan")
    return [
        ClassScore(
            precision=float(h / p) if p else 0.0,
            recall=float(h / s) if s else nan,
            f1=float(2 * h / (p + s)) if s else nan,
            support=int(s),
        )
        for h, p, s in zip(hits, predicted, support, strict=True)
    ]
