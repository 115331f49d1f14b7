"""Accuracy along a labelled stream: in windows with intervals, and since the last change that a test has found."""

import math
from dataclasses import dataclass

import numpy as np

from tasks.methods.sequential.base import sequential

MOST_WINDOWS, LEAST_WINDOW = 20, 25


@dataclass(frozen=True)
class Window:
    """Accuracy on rows [start, end) of the stream, with its 95 % interval."""

    start: int
    end: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Track:
    """How accuracy went along the stream.

    Attributes:
        windows: In the order of time; none without rows.
        alarms: Positions at which the test noticed a rise of the error.
        since: Right predictions and rows from the last alarm on; those of the whole stream without an alarm.
        method: The test.
    """

    windows: list[Window]
    alarms: list[int]
    since: tuple[int, int]
    method: str


def track(right: np.ndarray, *, method: str = "page_hinkley", alpha: float = 0.01) -> Track:
    """Follows a stream of labelled rows.

    Args:
        right: Whether each prediction is right, in the order of time, bool [n].
        method: A sequential test.
        alpha: Chance of an alarm where nothing changes, in (0, 1).

    Raises:
        ValueError: No such test, or `right` is not one flag a row.
    """
    right = np.asarray(right)
    if right.ndim != 1 or right.dtype != bool:
        raise ValueError(f"Invalid `right`. Expected bool [n]. Received: {right.dtype} {list(right.shape)}.")
    alarms = sequential.get(method)(1.0 - right, alpha)
    after = right[alarms[-1] :] if alarms else right
    count = max(1, min(MOST_WINDOWS, len(right) // LEAST_WINDOW))
    edges = np.linspace(0, len(right), count + 1).round().astype(int)
    windows = []
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if end > start:
            hits = int(right[start:end].sum())
            windows.append(Window(start, end, hits / (end - start), *wilson(hits, end - start)))
    return Track(windows, alarms, (int(after.sum()), len(after)), method)


def wilson(right: int, rows: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share (Wilson, 1927, doi:10.2307/2276774); (0, 1) without rows."""
    if rows == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share, wide = right / rows, 1 + z**2 / rows
    middle = (share + z**2 / (2 * rows)) / wide
    reach = z * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / wide
    return max(0.0, middle - reach), min(1.0, middle + reach)
