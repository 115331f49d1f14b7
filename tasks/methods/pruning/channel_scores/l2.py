"""The Euclidean norm of each filter."""

import numpy as np

from tasks.methods.pruning.channel_scores.base import scores


@scores.register("l2", reference="arXiv:1608.08710, section 4.4")
def l2(kernel: np.ndarray) -> np.ndarray:
    """The root of the sum of squares, in the unit of the weights; see `Score`."""
    norms: np.ndarray = np.sqrt(np.square(kernel).sum(axis=0))
    return norms
