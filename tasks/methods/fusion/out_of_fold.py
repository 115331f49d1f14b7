"""Methods that fit validation rows, judged as fairly as those that fit nothing: each row by a fit that never saw it."""

import numpy as np

from tasks.methods.folds import MAX_FOLDS, stratified
from tasks.methods.fusion.combiners.base import Fit, as_given, checked


def out_of_fold(fit: Fit, probabilities: np.ndarray, y: np.ndarray, seed: int, folds: int = MAX_FOLDS) -> np.ndarray:
    """Cross-fitted predictions (Stone, 1974, doi:10.1111/j.2517-6161.1974.tb00994.x).

    Args:
        fit: A registered combiner.
        probabilities: Each member's class probabilities on validation rows, float [m, n, k].
        y: Class indices, int64 [n], n >= 2.
        seed: Draws the stratified folds, and is handed to `fit`.
        folds: How many.

    Returns:
        What a combiner says of each row that was fitted without it, float [n, k], of the same dtype.

    Raises:
        ValueError: Fewer than two rows or folds; else as for `fit`.
    """
    members, y = checked(probabilities, y)
    found = np.empty(members.shape[1:])
    for learn, judge in stratified(y, seed, folds):
        found[judge] = fit(members[:, learn], y[learn], seed)(members[:, judge])
    return as_given(found, probabilities)
