"""Average thresholded confidence: as many rows are right as are surer than a threshold learned on the reference."""

import numpy as np

from tasks.methods.estimation.base import estimators


@estimators.register("atc", reference="Garg et al., 2022, arXiv:2201.04234, equations 1 and 2")
def atc(reference: np.ndarray, right: np.ndarray, current: np.ndarray) -> float:
    """Share of current rows above the threshold t at which E[s < t] on the reference is the reference's error.

    Where several reference rows stand at t, as many of them count as it takes to meet the error, and the same share of the
    current rows that stand there.

    Args:
        reference: Score s of each reference row, its chance of being right, float64 [n].
        right: Whether each reference row is right, bool [n].
        current: Score of each current row, float64 [m].

    Returns:
        Accuracy in [0, 1].
    """
    wrong = int((~right).sum())
    if wrong == 0:
        return 1.0
    ordered = np.sort(reference)
    threshold = ordered[wrong - 1]  # the surest of as many rows as are wrong
    below, at = int((ordered < threshold).sum()), int((ordered == threshold).sum())
    counted = 1 - (wrong - below) / at
    return float((current > threshold).mean() + counted * (current == threshold).mean())
