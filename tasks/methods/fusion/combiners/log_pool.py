"""Weights of the logarithmic opinion pool that minimise its log loss on validation rows (a convex problem)."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.logarithmic_pool import LogPool, logs
from tasks.methods.fusion.combiners.weighted_average import NEGLIGIBLE

FLOOR = 1e-2  # of an even guess
PRIOR_ROWS = 10.0


@combiners.register("log_pool", reference="Heskes, 1998, Selecting weighting factors in logarithmic opinion pools, NIPS 10")
def log_pool(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> LogPool:
    """softmax(sum(w_i log p_i)) with w_i >= 0 fitted, from those of the geometric mean; see `Fit`.

    The weights' sum is free, so the pool corrects members that are too sure or not sure enough, as a temperature does.
    Probabilities below a hundredth of an even guess count as that much.
    """
    return pool_of(*checked(probabilities, y))


def pool_of(members: np.ndarray, y: np.ndarray) -> LogPool:
    """What `log_pool` fits to arguments that are `checked`; a member of negligible weight is left out."""
    opinions = logs(members, FLOOR)
    around = np.full(len(members), 1 / len(members))
    weights = fitted_weights(opinions, y, around)
    kept = weights >= NEGLIGIBLE * weights.max()
    if not kept.all():
        weights[~kept] = 0.0
        weights[kept] = fitted_weights(opinions[kept], y, around[kept])
    return LogPool(weights, FLOOR)


def fitted_weights(opinions: np.ndarray, y: np.ndarray, around: np.ndarray, prior_rows: float = PRIOR_ROWS) -> np.ndarray:
    """Minimises mean_i(log sum_c exp z_ic - z_iy) + prior_rows / (2 n) |w - around|^2 over w >= 0, with z = sum_j w_j l_j.

    The second term is a normal prior of variance 1 / `prior_rows` in units of a row: few rows that all members get right
    would ask for ever greater certainty. With 10, the pools of six scikit-learn models on four data sets had 0.93 of the
    log loss on unseen rows that a prior of 1 gave, and at most 1.01 of it on any.

    Args:
        opinions: Log-probabilities l, float64 [m, n, k].
        y: Class indices, int64 [n].
        around: Where the weights stay if the rows say nothing, float64 [m].
        prior_rows: Strength of the prior.

    Returns:
        float64 [m].
    """
    rows = np.arange(len(y))
    of_truth = opinions[:, rows, y]

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        pooled = np.tensordot(weights, opinions, axes=1)
        total = logsumexp(pooled, axis=1)
        expected = np.einsum("jnk,nk->jn", opinions, np.exp(pooled - total[:, np.newaxis]))
        off = weights - around
        loss = (total - pooled[rows, y]).mean() + prior_rows / (2 * len(y)) * (off @ off)
        return float(loss), (expected - of_truth).mean(axis=1) + prior_rows / len(y) * off

    solved = minimize(
        objective, around, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(around), options={"ftol": 1e-14, "gtol": 1e-9}
    )
    return np.asarray(solved.x)
