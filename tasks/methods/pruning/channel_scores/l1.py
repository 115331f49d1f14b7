"""The sum of each filter's absolute weights."""

import numpy as np

from tasks.methods.pruning.channel_scores.base import scores


@scores.register("l1", reference="arXiv:1608.08710, section 3.1")
def l1(kernel: np.ndarray) -> np.ndarray:
    """The sum of absolute values, in the unit of the weights; see `Score`."""
    norms: np.ndarray = np.abs(kernel).sum(axis=0)
    return norms
