"""Multinomial logistic regression that corrects given scores."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp


def logistic(offset: np.ndarray, x: np.ndarray, y: np.ndarray, strength: float, start: np.ndarray | None = None) -> np.ndarray:
    """Minimises mean_i(log sum_c exp z_ic - z_iy) + strength / (2 n) |W|^2, with z = offset + x W.

    With an offset of 0 that is scikit-learn's LogisticRegression(C=1/strength, fit_intercept=False).

    Args:
        offset: Scores to correct, float64 [n, k].
        x: float64 [n, d].
        y: Class indices, int64 [n].
        strength: Of the penalty, > 0.
        start: Where to start from, float64 [d, k]; from 0 where None.

    Returns:
        W, float64 [d, k].
    """
    (n, k), d = offset.shape, x.shape[1]
    truth = np.eye(k)[y]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(d, k)
        scores = offset + x @ weights
        total = logsumexp(scores, axis=1, keepdims=True)
        loss = (total[:, 0] - scores[np.arange(n), y]).mean() + strength / (2 * n) * (flat @ flat)
        gradient = x.T @ (np.exp(scores - total) - truth) / n + strength / n * weights
        return float(loss), gradient.ravel()

    first = np.zeros(d * k) if start is None else start.ravel()
    solved = minimize(objective, first, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-7})
    return np.asarray(solved.x).reshape(d, k)
