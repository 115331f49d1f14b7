"""H-score: how far apart the classes' means lie, in units of the features' spread (Bao et al., 2019)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.folds import prepared, standardised


@selectors.register("h_score", reference="arXiv:1907.13345 (ICIP 2019); shrinkage: arXiv:2110.06893")
@asks_for("features")
def h_score(evidence: Evidence) -> float:
    """tr(S_a^-1 (1 - a) S_z), S_z the covariance of the class means, S_a that of the features, shrunk.

    The plain H-score, tr(cov(f)^-1 cov(E[f|y])) (Bao et al., Def. 2), grows with the number of features where rows are few.
    Ibrahim et al. (Eq. 4) take S_a = (1 - a) S + a tr(S)/d I, with the weight a of Ledoit & Wolf (2004). Features are
    standardised, so that the shrinkage does not depend on their units.

    Args:
        evidence: Features and labels are used.

    Returns:
        A number in [0, classes - 1].
    """
    from sklearn.covariance import ledoit_wolf

    features, y = prepared(evidence)
    features = standardised(features)
    _, members, counts = np.unique(y, return_inverse=True, return_counts=True)
    if not features.any():
        return 0.0
    shrunk, weight = ledoit_wolf(features, assume_centered=True)
    means = np.eye(len(counts))[members].T @ features / counts[:, np.newaxis]
    between = (means * (counts / len(y))[:, np.newaxis]).T @ means
    return float((1 - weight) * np.trace(np.linalg.lstsq(shrunk, between, rcond=None)[0]))
