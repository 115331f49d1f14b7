"""Isotonic calibration: the surer a row, the likelier it is right, in steps read off the reference."""

import numpy as np

from tasks.methods.estimation.calibration.base import Calibrated, calibrators


@calibrators.register(
    "isotonic", reference="Zadrozny & Elkan, 2002, doi:10.1145/775047.775151; Gupta & Ramdas, 2022, arXiv:2107.08353"
)
def isotonic(probabilities: np.ndarray, y: np.ndarray) -> Calibrated:
    """Least squares of right (1) or wrong (0) on the largest probability among functions that never fall.

    It takes any form that confidence has, and about a thousand reference rows to be steady.

    Args:
        probabilities: Class probabilities of the reference, float64 [n, k].
        y: Its class indices, int64 [n].
    """
    from sklearn.isotonic import IsotonicRegression

    right = (probabilities.argmax(axis=1) == y).astype(np.float64)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(probabilities.max(axis=1), right)
    return lambda current: np.asarray(fitted.predict(current.max(axis=1)), np.float64)
