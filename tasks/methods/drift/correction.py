"""Many tests at once: keep the chance of any false alarm at alpha (Holm, 1979)."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's step-down correction (Holm, 1979, www.jstor.org/stable/4615733).

    The i-th smallest of m p-values (i from 0) becomes max over j <= i of min(1, (m - j) p_j). Rejecting where the result
    is at most alpha keeps the chance of any false rejection at alpha, however the tests depend on each other.

    Args:
        p_values: One a test, float [m], in [0, 1].

    Returns:
        Adjusted p-values in the given order, float64 [m].

    Raises:
        ValueError: A p-value is not in [0, 1].
    """
    p = np.asarray(p_values, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"Invalid `p_values`. Expected numbers in [0, 1]. Received: p_values={p.tolist()}.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted
