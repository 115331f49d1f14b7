"""LogME: how likely the labels are under a Bayesian linear model of the features (You et al., 2021)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.folds import prepared
from tasks.methods.selection.log_evidence import log_evidence


@selectors.register("logme", reference="arXiv:2102.11005")
@asks_for("features")
def logme(evidence: Evidence) -> float:
    """Log evidence a row, a class on average: each class is a target of 0 and 1 (see `log_evidence`).

    Args:
        evidence: Features and labels are used. Features are taken as they are, without an intercept, as the paper does.

    Returns:
        Nats a row; higher is better.
    """
    features, y = prepared(evidence)
    _, members = np.unique(y, return_inverse=True)
    targets = np.eye(members.max() + 1)[members]
    u, singular, _ = np.linalg.svd(features, full_matrices=False)
    z = (u.T @ targets) ** 2
    return float(log_evidence(singular**2, z, (targets**2).sum(axis=0) - z.sum(axis=0), len(y)).mean())
