"""Weights that minimise the log loss of the members' average on validation rows (a convex problem)."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool, combine
from tasks.methods.metrics.log_loss import SMALLEST, row_losses

MAX_STEPS = 5000
TOLERANCE = 1e-6  # nats from the optimum
NEGLIGIBLE = 1e-3  # of the largest weight: a member with less costs a whole inference and changes nothing one can measure


@combiners.register(
    "weighted_average", reference="Smyth & Wolpert, 1999, doi:10.1023/A:1007511322260; EM: Dempster et al., 1977"
)
def weighted_average(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> LinearPool:
    """Fits mixture weights by expectation-maximisation, from equal weights; see `Fit`.

    With p[j, i] member j's probability of row i's true class, each step is
    w[j] <- w[j] g[j], where g[j] = mean over i of p[j, i] / sum over l of w[l] p[l, i].
    No step raises the log loss, and max g - 1 bounds how far it is from the optimum (the duality gap of the simplex),
    which is where it stops. Nothing is random. The result's log loss is never above that of equal weights.
    """
    members, y = checked(probabilities, y)
    of_truth = np.clip(members[:, np.arange(len(y)), y], SMALLEST, 1.0)
    equal = np.full(len(members), 1 / len(members))
    weights = equal
    for _ in range(MAX_STEPS):
        gain = (of_truth / (weights @ of_truth)).mean(axis=1)
        if gain.max() - 1 <= TOLERANCE:
            break
        weights = weights * gain
        weights /= weights.sum()

    kept = np.where(weights >= NEGLIGIBLE * weights.max(), weights, 0.0)
    kept /= kept.sum()

    def loss(of: np.ndarray) -> float:
        return float(row_losses(combine(members, of), y).mean())

    return LinearPool(kept if loss(kept) <= loss(equal) else equal)
