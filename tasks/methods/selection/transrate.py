"""TransRate: mutual information of features and labels, by coding rates (Huang et al., 2022)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.folds import prepared

DISTORTION = 1e-4


@selectors.register("transrate", reference="arXiv:2106.09362")
@asks_for("features")
def transrate(evidence: Evidence) -> float:
    """R(Z) - sum_c n_c/n R(Z_c), with the rate R(Z) = 1/2 log det(I + Z'Z / (n e)) at distortion e.

    Features are centred, and scaled so that tr(Z'Z / n) is 1: rates of different ancestors mean the same. Each class is
    coded about the common mean, as in the paper's Eq. 5 and 6.

    Args:
        evidence: Features and labels are used.

    Returns:
        Nats a row, up to rounding at least 0.
    """
    features, y = prepared(evidence)
    features = features - features.mean(axis=0)
    length = np.sqrt((features**2).sum() / len(y))
    if length == 0:
        return 0.0
    features = features / length
    inside = sum((y == label).mean() * _rate(features[y == label]) for label in np.unique(y))
    return _rate(features) - float(inside)


def _rate(features: np.ndarray) -> float:
    n, d = features.shape
    gram = features.T @ features if d <= n else features @ features.T  # the same determinant
    return float(np.linalg.slogdet(np.eye(len(gram)) + gram / (n * DISTORTION))[1]) / 2
