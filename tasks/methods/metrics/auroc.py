"""Area under the ROC curve: the chance that a row of the class scores above a row of another (Hanley & McNeil, 1982)."""

import numpy as np

from tasks.methods.metrics.base import metric, metrics


def _columns(probabilities: np.ndarray) -> range:
    """Two classes need one curve, that of class 1; more need one a class."""
    return range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])


def _area(scores: np.ndarray, positive: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The area for each resample, float64 [s]; ties count half. NaN where a side is empty."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # where each distinct score begins
    drawn, is_positive = draws[:, order], positive[order]
    positives = np.add.reduceat(drawn * is_positive, starts, axis=1)
    negatives = np.add.reduceat(drawn * ~is_positive, starts, axis=1)
    below = negatives.cumsum(axis=1) - negatives / 2
    return np.asarray((positives * below).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1)))


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    areas = np.stack([_area(probabilities[:, c], y == c, draws) for c in _columns(probabilities)])
    known = ~np.isnan(areas)
    return np.asarray(np.where(known, areas, 0.0).sum(axis=0) / known.sum(axis=0))


@metrics.register("auroc", reference="Hanley & McNeil, 1982, doi:10.1148/radiology.143.1.7063747")
@metric("maximize", _resampled)
def auroc(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The area under the ROC curve; with more than two classes the mean of one-vs-rest areas.

    A class that no row has, or every row has, has no curve and is left out of the mean. With no curve left (one class
    alone in `y`) the value is NaN, which no promotion gate lets pass.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        A fraction in [0, 1], 0.5 for scores that tell nothing; or NaN.
    """
    from sklearn.metrics import roc_auc_score

    told = [c for c in _columns(probabilities) if 0 < (y == c).sum() < len(y)]
    return float(np.mean([roc_auc_score(y == c, probabilities[:, c]) for c in told])) if told else float("nan")
