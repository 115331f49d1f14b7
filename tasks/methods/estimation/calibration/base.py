"""What every calibrator looks like: reference rows in, a map from probabilities to the chance of being right out."""

from collections.abc import Callable

import numpy as np

from tasks.methods.registry import Methods

Calibrated = Callable[[np.ndarray], np.ndarray]
"""From class probabilities, float64 [m, k], to the chance that the largest one's class is right, float64 [m]."""

Calibrator = Callable[[np.ndarray, np.ndarray], Calibrated]
"""Fits on class probabilities, float64 [n, k], and class indices, int64 [n]."""

calibrators: Methods[Calibrator] = Methods("calibrator")
