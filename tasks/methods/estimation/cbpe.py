"""Confidence-based performance estimation: rows that are 90 % sure are right nine times in ten."""

import numpy as np

from tasks.methods.estimation.base import estimators


@estimators.register("cbpe", reference="NannyML, How it works: Confidence-based Performance Estimation")
def cbpe(reference: np.ndarray, right: np.ndarray, current: np.ndarray) -> float:
    """The mean calibrated chance of being right: accuracy = sum over rows of P(right | confidence) / m.

    It holds where the inputs moved but a confidence still means what it meant (covariate shift); where the label's
    dependence on the inputs changed, only labels can show it.

    Args:
        reference: Calibrated chance that each reference row is right, float64 [n]; not used, calibration has read it.
        right: Whether each reference row is right, bool [n]; not used.
        current: Calibrated chance that each current row is right, float64 [m].

    Returns:
        Accuracy in [0, 1].
    """
    return float(current.mean())
