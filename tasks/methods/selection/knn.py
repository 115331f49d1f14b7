"""Nearest neighbours: do rows of one class lie together in the ancestor's feature space? (Renggli et al., 2020)."""

import numpy as np

from tasks.methods.selection.base import selectors
from tasks.methods.selection.folds import folds, prepared

NEIGHBOURS = 5


@selectors.register("knn", reference="arXiv:2010.06402")
def knn(features: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Cross-validated accuracy of a vote of the five nearest rows, by Euclidean distance of standardised features.

    Nothing is fitted, so it is cheap and sees structure that no line separates; a linear probe ranks better where the
    new head is trained alone.

    Args:
        features: Outputs of the ancestor's backbone, float [n, d].
        y: Class indices, int64 [n].
        seed: Seed of the folds.

    Returns:
        Accuracy in [0, 1].
    """
    from sklearn.neighbors import KNeighborsClassifier

    features, y = prepared(features, y, seed)
    right = 0.0
    for learn_x, learn_y, judge_x, judge_y in folds(features, y, seed):
        voters = KNeighborsClassifier(min(NEIGHBOURS, len(learn_y))).fit(learn_x, learn_y)
        right += (voters.predict(judge_x) == judge_y).sum()
    return float(right / len(y))
