"""The best member alone: as small and fast to serve as one model."""

import numpy as np

from tasks.methods.fusion.combiners.base import checked, combiners
from tasks.methods.fusion.combiners.linear_pool import LinearPool
from tasks.methods.metrics.log_loss import row_losses


@combiners.register("best", reference="selection by validation log loss")
def best(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> LinearPool:
    """All on the member with the lowest log loss; of equals, on the first. See `Fit`."""
    members, y = checked(probabilities, y)
    losses = [row_losses(member, y).mean() for member in members]
    return LinearPool(np.eye(len(members))[int(np.argmin(losses))])
