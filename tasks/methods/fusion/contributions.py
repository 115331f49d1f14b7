"""What each member contributes: how much worse the others do without it."""

import numpy as np

from tasks.methods.fusion.combiners.base import Fit, checked
from tasks.methods.fusion.out_of_fold import out_of_fold
from tasks.methods.metrics.log_loss import row_losses


def contributions(fit: Fit, probabilities: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Validation log loss without a member, less that with all; the others are fitted anew, on rows they are not judged by.

    Members that say the same contribute nothing each, as either can stand for the other. One below 0 does harm.

    Args:
        fit: A registered combiner.
        probabilities: Each member's class probabilities on validation rows, float [m, n, k].
        y: Class indices, int64 [n], n >= 2.
        seed: Draws the folds.

    Returns:
        Nats, float64 [m]. Of a single member: what it gains over an even guess, ln k less its loss.

    Raises:
        ValueError: As for `out_of_fold`.
    """
    members, y = checked(probabilities, y)

    def loss(of: np.ndarray) -> float:
        return float(row_losses(out_of_fold(fit, of, y, seed), y).mean())

    everyone = loss(members)
    if len(members) == 1:
        return np.array([np.log(members.shape[2]) - everyone])
    return np.array([loss(np.delete(members, index, axis=0)) for index in range(len(members))]) - everyone
