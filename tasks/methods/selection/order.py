"""From several scores to one order."""

from collections.abc import Mapping, Sequence

import numpy as np


def mean_ranks(scores: Mapping[str, Sequence[float | None]]) -> np.ndarray:
    """Mean rank of every candidate over several selectors, whose scores have different units.

    Args:
        scores: Selector to one score a candidate, higher is better; None where the selector could not judge it, which
            ranks last with it.

    Returns:
        float64 [candidates]; 1 is the best, ties share the mean of their ranks.

    Raises:
        ValueError: No selectors, or lists of different lengths.
    """
    from scipy.stats import rankdata

    columns = [np.array([-np.inf if value is None else value for value in each], np.float64) for each in scores.values()]
    if not columns or len({len(column) for column in columns}) > 1:
        raise ValueError(
            "Invalid `scores`. Expected at least one selector, and as many scores from each. "
            f"Received: { ({name: len(each) for name, each in scores.items()}) }."
        )
    return np.asarray(np.mean([rankdata(-column) for column in columns], axis=0), np.float64)
