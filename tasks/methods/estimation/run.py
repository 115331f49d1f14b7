"""Accuracy without labels, with an interval: calibrate on the reference, estimate on the current rows, resample."""

import math

import numpy as np

from tasks.methods.estimation.base import Estimate, estimators
from tasks.methods.estimation.calibration import calibrators
from tasks.methods.metrics.base import checked

RESAMPLES = 50


def estimate(
    reference: np.ndarray,
    y: np.ndarray,
    current: np.ndarray,
    *,
    method: str = "cbpe",
    calibration: str = "temperature",
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Estimates the accuracy of predictions whose labels are not known.

    Calibration reads reference rows alone. The interval's variance is that of the estimate over bootstrap resamples of the
    reference rows, each calibrated anew, plus a(1 - a) / m for the chance in which m rows the batch happens to have.

    Args:
        reference: Class probabilities of labelled rows that the network was not fitted to, float [n, k].
        y: Their class indices, int64 [n].
        current: Class probabilities of the rows in question, float [m, k].
        method: An estimator.
        calibration: A calibrator.
        confidence: Coverage of the interval, in (0, 1).
        seed: Of the resampling.

    Raises:
        ValueError: No such method, shapes do not fit, or there is no row.
    """
    from scipy import stats

    if not 0 < confidence < 1:
        raise ValueError(f"Invalid `confidence`. Expected a fraction in (0, 1). Received: confidence={confidence}.")
    known, y = checked(reference, y)
    asked = np.asarray(current, np.float64)
    if asked.ndim != 2 or not len(asked) or asked.shape[1] != known.shape[1] or not np.isfinite(asked).all():
        raise ValueError(
            f"Invalid `current`. Expected finite class probabilities, shape [m, {known.shape[1]}], m >= 1. "
            f"Received: shape {asked.shape}."
        )
    found = _estimated(known, y, asked, method, calibration)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(y), len(y)) for _ in range(RESAMPLES)]
    resampled = [_estimated(known[rows], y[rows], asked, method, calibration) for rows in draws]
    deviation = math.sqrt(float(np.var(resampled)) + _variance(found, len(asked)))
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * deviation
    low, high = max(0.0, found - reach), min(1.0, found + reach)
    return Estimate(found, low, high, deviation, len(asked), method, calibration)


def drop_p_value(found: Estimate, right: int, rows: int) -> float:
    """The chance of an estimate at most this high if accuracy were what it is on the reference (one-sided z-test).

    Args:
        found: The estimate.
        right: Right predictions on labelled rows to compare with, those of the test split.
        rows: How many such rows there are.

    Returns:
        The p-value; 1 where there is no row.
    """
    from scipy import stats

    if rows == 0:
        return 1.0
    deviation = math.sqrt(found.deviation**2 + _variance(right / rows, rows))
    return float(stats.norm.sf((right / rows - found.accuracy) / deviation))


def _variance(share: float, rows: int) -> float:
    """Of a share of rows; of one that is 0 or 1, as with one row more of each kind (Agresti & Coull, 1998)."""
    smoothed = (share * rows + 1) / (rows + 2)
    return smoothed * (1 - smoothed) / rows


def _estimated(known: np.ndarray, y: np.ndarray, asked: np.ndarray, method: str, calibration: str) -> float:
    chance = calibrators.get(calibration)(known, y)
    return estimators.get(method)(chance(known), known.argmax(axis=1) == y, chance(asked))
