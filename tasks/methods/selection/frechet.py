"""Fréchet distance of two Gaussians, one fitted to the source's features and one to the target's (Dowson & Landau, 1982)."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.domains import MAX_ROWS, domains


@selectors.register(
    "frechet", reference="Dowson & Landau (1982), J. Multivariate Analysis 12(3); on features: arXiv:1706.08500"
)
@asks_for("source_features", rows=MAX_ROWS)
def frechet(evidence: Evidence) -> float:
    """Minus |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), a feature on average.

    Covariances are shrunk towards a multiple of the identity by the weight of Ledoit & Wolf (2004), without which few rows
    of many features would make any two sets look far apart.

    Args:
        evidence: Features and source features are used.

    Returns:
        A number of at most 0 (up to rounding), in squared standard deviations of a feature.
    """
    from sklearn.covariance import ledoit_wolf

    source, target = domains(evidence)
    (first, _), (second, _) = ledoit_wolf(source), ledoit_wolf(target)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    apart = ((source.mean(axis=0) - target.mean(axis=0)) ** 2).sum()
    return float((2 * cross - apart - np.trace(first) - np.trace(second)) / source.shape[1])
