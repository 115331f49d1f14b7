"""From named features to rows of numbers that distances and trees can read."""

from collections.abc import Mapping

import numpy as np

from tasks.methods.drift.tables import as_floats, category_names

MOST_CATEGORIES = 10  # a column for each; the rarer ones share one


def encode(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], kinds: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Features as numbers, fitted on both windows together.

    The code does not depend on which window a row is in, so tests that deal rows anew stay exact. Numbers are centred and
    scaled to unit variance; what is missing or infinite is 0 there, and 1 in a column of its own. Categories are 0 or 1 a
    column, over the square root of 2, so that two different ones are one apart.

    Args:
        reference: Name to values, [n].
        current: Name to values, [m].
        kinds: The features to use, each numeric or categorical.

    Returns:
        float64 [n, d] and [m, d]; d = 0 where nothing varies.
    """
    first = len(next(iter(reference.values()), ()))
    columns: list[np.ndarray] = []
    for name, kind in kinds.items():
        if kind == "numeric":
            columns += _numbers(np.concatenate([as_floats(reference[name]), as_floats(current[name])]))
        else:
            columns += _categories(category_names(reference[name]) + category_names(current[name]))
    varying = [column for column in columns if len(column) and np.ptp(column) > 0]
    rows = first + len(next(iter(current.values()), ()))
    table = np.stack(varying, axis=1) if varying else np.empty((rows, 0))
    return table[:first], table[first:]


def _numbers(values: np.ndarray) -> list[np.ndarray]:
    gaps = ~np.isfinite(values)
    if gaps.all():
        return [gaps.astype(np.float64)]
    known = values[~gaps]
    centred = np.where(gaps, 0.0, values - known.mean())
    return [centred / (known.std() or 1.0), gaps.astype(np.float64)]


def _categories(names: list[str]) -> list[np.ndarray]:
    if not names:
        return []
    _, codes, counts = np.unique(np.array(names), return_inverse=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    return [(codes == code) / np.sqrt(2) for code in kept]
