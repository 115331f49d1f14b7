"""How confidence compares with accuracy: the bins behind the calibration error and the reliability diagram."""

from dataclasses import dataclass

import numpy as np

from tasks.methods.metrics.base import checked

BINS = 15


@dataclass(frozen=True)
class ReliabilityCurve:
    """Rows grouped by confidence into equal-width bins (m/b, (m+1)/b].

    Attributes:
        edges: Bin edges from 0 to 1, float64 [b + 1].
        confidence: Mean confidence in each bin, float64 [b]; NaN in an empty one.
        accuracy: Share of right predictions in each bin, float64 [b]; NaN in an empty one.
        rows: Rows in each bin, int64 [b].
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray


def bin_of_rows(probabilities: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row's bin.

    Args:
        probabilities: Class probabilities, float64 [n, k].
        bins: How many equal-width bins [0, 1] is cut into.

    Returns:
        The bin's index, int64 [n], and the confidence (largest probability), float64 [n].
    """
    confidence = probabilities.max(axis=1)
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1), confidence


def reliability_curve(probabilities: np.ndarray, y: np.ndarray, bins: int = BINS) -> ReliabilityCurve:
    """Accuracy against confidence (Guo et al., 2017, arXiv:1706.04599, section 2).

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].
        bins: How many equal-width bins.

    Raises:
        ValueError: As for every metric, or `bins` is not positive.
    """
    if bins < 1:
        raise ValueError(f"Invalid `bins`. Expected at least 1. Received: bins={bins}.")
    probabilities, y = checked(probabilities, y)
    index, confidence = bin_of_rows(probabilities, bins)
    rows = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin is NaN, by contract
        return ReliabilityCurve(
            edges=np.linspace(0.0, 1.0, bins + 1),
            confidence=np.bincount(index, weights=confidence, minlength=bins) / rows,
            accuracy=np.bincount(index, weights=probabilities.argmax(axis=1) == y, minlength=bins) / rows,
            rows=rows,
        )
