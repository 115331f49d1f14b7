"""What every estimator of accuracy without labels looks like: how sure rows are in, how many of them are right out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.methods.registry import Methods


@dataclass(frozen=True)
class Estimate:
    """Accuracy on rows without labels.

    Attributes:
        accuracy: Share of the rows that are right, as estimated, in [0, 1].
        low: Lower end of the interval in which the accuracy lies that labels would show.
        high: Upper end of it.
        deviation: Standard deviation that the interval rests on.
        rows: Rows it is of.
        method: The estimator.
        calibration: The calibrator.
    """

    accuracy: float
    low: float
    high: float
    deviation: float
    rows: int
    method: str
    calibration: str


Estimator = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""Of the chance that each reference row is right, float64 [n], whether it is, bool [n], and the chance that each current row
is right, float64 [m], to the share of current rows that are right."""

estimators: Methods[Estimator] = Methods("estimator")
