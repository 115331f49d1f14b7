"""All metrics at once, with intervals."""

import warnings
from collections.abc import Sequence

import numpy as np

from tasks.methods.metrics.base import checked, metrics

_CELLS = 2_000_000  # draws held at once (16 MB), so that memory does not grow with the number of resamples


def evaluate(probabilities: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Every registered metric's value, by name.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Raises:
        ValueError: Shapes do not fit, a class index is out of range, or a probability is not finite.
    """
    return {name: metrics.get(name)(probabilities, y) for name in metrics}


def bootstrap_intervals(
    probabilities: np.ndarray,
    y: np.ndarray,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    *,
    names: Sequence[str] | None = None,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of metrics (Efron & Tibshirani, 1993, section 13.3).

    Rows are resampled with replacement; all metrics are read on the same resamples. A resample on which a metric is
    undefined (a class is missing) is left out of that metric's interval; where all are, the interval is (NaN, NaN).

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].
        samples: Number of resamples.
        confidence: Coverage of the intervals, in (0, 1).
        seed: Seed of the resampling.
        names: Of which metrics; None: of every one.

    Returns:
        (low, high) by metric name.

    Raises:
        ValueError: As for every metric, there is none of a name, or `samples` or `confidence` is out of range.
    """
    if samples < 1:
        raise ValueError(f"Invalid `samples`. Expected at least 1. Received: samples={samples}.")
    if not 0 < confidence < 1:
        raise ValueError(
            f"Invalid `confidence`. Expected a fraction in (0, 1), not a percentage. Received: confidence={confidence}."
        )
    probabilities, y = checked(probabilities, y)
    n, rng = len(y), np.random.default_rng(seed)
    values: dict[str, list[np.ndarray]] = {name: [] for name in names or metrics}
    step = max(1, _CELLS // n)
    for start in range(0, samples, step):
        size = min(step, samples - start)
        drawn = rng.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        draws = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        for name, found in values.items():
            found.append(metrics.get(name).of_resamples(probabilities, y, draws))
    tail = (1 - confidence) / 2
    intervals = {}
    for name, found in values.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="All-NaN slice encountered")
            low, high = np.nanquantile(np.concatenate(found), [tail, 1 - tail])
        intervals[name] = (float(low), float(high))
    return intervals
