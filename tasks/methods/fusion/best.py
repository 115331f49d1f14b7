"""The best member alone: as small and fast to serve as one model."""

import numpy as np

from tasks.methods.fusion.base import checked, fusers
from tasks.methods.metrics.log_loss import row_losses


@fusers.register("best", reference="selection by validation log loss")
def best(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All weight on the member with the lowest log loss; of equals, on the first.

    Args:
        probabilities: Each member's class probabilities, float [m, n, k].
        y: Class indices, int64 [n].

    Returns:
        One-hot weights, float64 [m].
    """
    members, y = checked(probabilities, y)
    losses = [row_losses(member, y).mean() for member in members]
    weights = np.zeros(len(members))
    weights[int(np.argmin(losses))] = 1.0
    return weights
