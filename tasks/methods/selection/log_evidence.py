"""How likely targets are under a Bayesian linear model, its two precisions set to make them so (MacKay, 1992)."""

import numpy as np

MAX_ITERATIONS = 100
TOLERANCE = 1e-4
SMALLEST = 1e-10  # a residual, or weights, of exactly 0 would make a precision infinite


def log_evidence(s: np.ndarray, z: np.ndarray, beyond: np.ndarray, n: int) -> np.ndarray:
    """Maximal log evidence a row of y = F w + noise, w ~ N(0, I / alpha), noise ~ N(0, I / beta), for several y at once.

    With F = U S V', s the squared singular values and z = (U' y)^2, the maximum is a fixed point (arXiv:2102.11005, Eq. 2
    and Alg. 1; that it converges: arXiv:2110.10545):

        gamma = sum_i beta s_i / (alpha + beta s_i),  alpha = gamma / (m' m),  beta = (n - gamma) / |F m - y|^2
        log p(y|F) = n/2 log beta + r/2 log alpha - n/2 log 2 pi - beta/2 |F m - y|^2 - alpha/2 m' m
                     - 1/2 sum_i log(alpha + beta s_i)

    Args:
        s: Squared singular values, float64 [r].
        z: Squared projections of the targets on the left singular vectors, float64 [r, k].
        beyond: Squared length of each target that no weights can explain, float64 [k].
        n: Rows.

    Returns:
        Nats a row, float64 [k].
    """
    s, k = s[:, np.newaxis], z.shape[1]
    beyond = np.maximum(beyond, 0)
    alpha, beta = np.ones(k), np.ones(k)
    for _ in range(MAX_ITERATIONS):
        before = alpha / beta
        gamma, weights, residual = _moments(s, z, beyond, alpha, beta)
        alpha, beta = np.maximum(gamma, SMALLEST) / weights, np.maximum(n - gamma, SMALLEST) / residual
        if np.all(np.abs(alpha / beta - before) <= TOLERANCE * before):
            break
    _, weights, residual = _moments(s, z, beyond, alpha, beta)
    found = n * np.log(beta) + len(s) * np.log(alpha) - n * np.log(2 * np.pi) - beta * residual - alpha * weights
    return np.asarray((found - np.log(alpha + beta * s).sum(axis=0)) / (2 * n), np.float64)


def _moments(
    s: np.ndarray, z: np.ndarray, beyond: np.ndarray, alpha: np.ndarray, beta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effective parameters, squared length of the mean weights, squared residual; each [k]."""
    precision = alpha + beta * s
    gamma = (beta * s / precision).sum(axis=0)
    weights = (beta**2 * s * z / precision**2).sum(axis=0)
    residual = beyond + (z * (alpha / precision) ** 2).sum(axis=0)
    return gamma, np.maximum(weights, SMALLEST), np.maximum(residual, SMALLEST)
