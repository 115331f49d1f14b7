"""Nearest neighbours: do rows of one class lie together in the ancestor's feature space? (Renggli et al., 2020)."""

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.folds import folds, prepared

NEIGHBOURS = 5


@selectors.register("knn", reference="arXiv:2010.06402")
@asks_for("features")
def knn(evidence: Evidence) -> float:
    """Cross-validated accuracy of a vote of the five nearest rows, by Euclidean distance of standardised features.

    Nothing is fitted, so it is cheap and sees structure that no line separates; a linear probe ranks better where the
    new head is trained alone.

    Args:
        evidence: Features and labels are used.

    Returns:
        Accuracy in [0, 1].
    """
    from sklearn.neighbors import KNeighborsClassifier

    features, y = prepared(evidence)
    right = 0.0
    for learn_x, learn_y, judge_x, judge_y in folds(features, y, evidence.seed):
        voters = KNeighborsClassifier(min(NEIGHBOURS, len(learn_y))).fit(learn_x, learn_y)
        right += (voters.predict(judge_x) == judge_y).sum()
    return right / len(y)
