"""What every metric looks like: one number for a model's probabilities, and the same number for many resamples at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.methods.registry import Methods

Direction = Literal["maximize", "minimize"]
Compute = Callable[[np.ndarray, np.ndarray], float]
Resampled = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        compute: The definition: probabilities float64 [n, k] and y int64 [n] to the value.
        direction: Which way is better.
        resampled: The same for s resamples at once: probabilities, y and how often each row is drawn, float64 [s, n],
            to values float64 [s]. Where None, `compute` is called once a resample, which is slower.
    """

    compute: Compute
    direction: Direction
    resampled: Resampled | None = None

    def __call__(self, probabilities: np.ndarray, y: np.ndarray) -> float:
        """The metric's value.

        Args:
            probabilities: Class probabilities, float [n, k] with k >= 2.
            y: Class indices, int [n].

        Raises:
            ValueError: Shapes do not fit, a class index is out of range, or a probability is not finite.
        """
        return float(self.compute(*checked(probabilities, y)))

    def of_resamples(self, probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The metric's value on each resample.

        Args:
            probabilities: Class probabilities, float64 [n, k].
            y: Class indices, int64 [n].
            draws: How often each resample draws each row, float64 [s, n] of whole numbers.

        Returns:
            Values, float64 [s]; NaN where a resample leaves the metric undefined.
        """
        if self.resampled is not None:
            with np.errstate(divide="ignore", invalid="ignore"):  # undefined on a resample is NaN, by contract
                return self.resampled(probabilities, y, draws)
        rows = (np.repeat(np.arange(len(y)), row.astype(np.int64)) for row in draws)
        return np.array([self.compute(probabilities[drawn], y[drawn]) for drawn in rows])


def metric(direction: Direction, resampled: Resampled | None = None) -> Callable[[Compute], Metric]:
    """Makes the decorated definition a `Metric`; stands under `metrics.register`."""

    def make(compute: Compute) -> Metric:
        made = Metric(compute, direction, resampled)
        object.__setattr__(made, "__doc__", compute.__doc__)  # the definition's words, not the class's
        return made

    return make


metrics: Methods[Metric] = Methods("metric")


def mean_over_draws(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The mean of a number a row, for many resamples at once.

    Args:
        values: A number a row, [n].
        draws: How often each resample draws each row, float64 [s, n].

    Returns:
        Means, float64 [s].
    """
    return np.asarray(draws @ values / draws.sum(axis=1))


def direction(name: str) -> Direction:
    """Which way the metric called `name` is better.

    Raises:
        ValueError: No such metric.
    """
    return metrics.get(name).direction


def checked(probabilities: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The arguments as float64 [n, k] and int64 [n].

    Raises:
        ValueError: Shapes do not fit, a class index is out of range, or a probability is not finite.
    """
    probabilities, y = np.asarray(probabilities, np.float64), np.asarray(y)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2 or len(probabilities) == 0:
        raise ValueError(
            "Invalid `probabilities`. Expected shape [n, k] with n >= 1 rows and k >= 2 classes. "
            f"Received: probabilities.shape={probabilities.shape}."
        )
    if y.shape != (len(probabilities),) or y.dtype.kind not in "iu":
        raise ValueError(
            f"Invalid `y`. Expected {len(probabilities)} class indices, one a row of `probabilities`. "
            f"Received: y.shape={y.shape}, y.dtype={y.dtype}."
        )
    if y.min() < 0 or y.max() >= probabilities.shape[1]:
        raise ValueError(
            f"Invalid `y`. Expected class indices in [0, {probabilities.shape[1]}). Received: {y.min()} to {y.max()}."
        )
    bad = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad):
        raise ValueError(
            "Invalid `probabilities`. Expected finite numbers: a model that gives NaN has diverged and must not be judged. "
            f"Received: {len(bad)} of {len(y)} rows with NaN or infinity, the first is row {bad[0]}."
        )
    return probabilities, y.astype(np.int64)
