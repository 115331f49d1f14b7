"""From two windows of values to two rows of counts, by bin or by category."""

import math
from collections import Counter
from typing import Any

import numpy as np

from tasks.methods.drift.grid import Grid, counts_below, grid_of

BINS = 10
MAX_CATEGORIES = 100
MISSING = "(missing)"


def finite_numbers(values: np.ndarray) -> np.ndarray:
    """The finite numbers of one feature, float64; None, NaN and infinities are left out.

    Raises:
        ValueError: A value is not a number, or there is more than one feature.
    """
    numbers = as_floats(values)
    finite = np.isfinite(numbers)
    return numbers if finite.all() else numbers[finite]


def as_floats(values: np.ndarray) -> np.ndarray:
    """The values of one numeric feature, float64; None and what else is missing is NaN.

    Raises:
        ValueError: A value is not a number, or there is more than one feature.
    """
    if np.ndim(values) != 1:
        raise ValueError(f"Invalid values. Expected one feature, shape [n]. Received: shape {np.shape(values)}.")
    values = np.asarray(values)
    if values.dtype == object:
        values = np.array([math.nan if is_missing(value) else value for value in values], object)
    try:
        return values.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Invalid values. Expected numbers for a numeric detector. Received: {error}.") from error


def is_missing(value: Any) -> bool:
    """Whether a value stands for nothing: None, NaN, NaT, or pandas' NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))


def _category(value: Any) -> str:
    """A category's name. 1, 1.0 and "1" are one: a column of integers turns into floats where a value is missing."""
    if is_missing(value):
        return MISSING
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def category_names(values: np.ndarray) -> list[str]:
    """Each value's name; a missing one is a category of its own."""
    names = {value: _category(value) for value in set(values.tolist())}
    return [names[value] for value in values.tolist()]


def _named(values: np.ndarray) -> Counter[str]:
    counts: Counter[str] = Counter()
    for value, rows in Counter(values.tolist()).items():
        counts[_category(value)] += rows
    return counts


def category_counts(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by category, over the categories of both windows.

    Past MAX_CATEGORIES, the rarest in the two windows together are counted as one, so that a column of names stays
    cheap to test. Which ones those are does not depend on the window a row is in, so a permutation test stays exact.

    Args:
        reference: Values of any type, [n]; a missing one is a category of its own.
        current: Values of any type, [m].

    Returns:
        Counts in the same order, int64 [k] each.
    """
    first, second = _named(reference), _named(current)
    pooled = first + second
    kept = sorted(pooled, key=lambda name: (-pooled[name], name))
    kept, rare = (kept, []) if len(kept) <= MAX_CATEGORIES else (kept[: MAX_CATEGORIES - 1], kept[MAX_CATEGORIES - 1 :])
    tables = []
    for counts in (first, second):
        row = [counts[name] for name in kept]
        if rare:
            row.append(sum(counts[name] for name in rare))
        tables.append(np.array(row, np.int64))
    return tables[0], tables[1]


def bin_counts(reference: np.ndarray, current: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Rows by bin; the edges are the quantiles of both windows together.

    Edges from the pooled values are the same however rows are dealt to the two windows, so a permutation test on the
    counts is exact, and a value outside the reference's range still falls into a bin of its own. At most `bins` distinct
    values are a bin each.

    Args:
        reference: Finite numbers, float64 [n].
        current: Finite numbers, float64 [m].
        bins: Largest number of bins.

    Returns:
        Counts in the same order, int64 [k] each, k <= bins.
    """
    grid = grid_of(reference, current)
    if grid is not None:
        return _counts_on(grid, bins)
    pooled = np.sort(np.concatenate([reference, current]))
    distinct = pooled[np.flatnonzero(np.diff(pooled, prepend=-np.inf))]
    if len(distinct) > bins:
        # The i-th edge is the smallest value with at least i/bins of the rows at or below it.
        distinct = np.unique(pooled[-(-np.arange(1, bins) * len(pooled) // bins) - 1])
    edges = distinct[distinct < pooled[-1]]  # an edge at the maximum would leave the last bin empty
    k = len(edges) + 1
    tables = [np.bincount(np.searchsorted(edges, values, side="left"), minlength=k) for values in (reference, current)]
    return tables[0], tables[1]


def _counts_on(grid: Grid, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """`bin_counts` of large windows."""
    filled = np.flatnonzero(grid.counts)
    if grid.single and len(filled) <= bins:
        below = [window.before[1:][filled[:-1]] for window in (grid.first, grid.second)]
    else:
        below = counts_below(grid, bins)
    highest = [len(window.values) for window in (grid.first, grid.second)]
    first, second = (np.diff(rows, prepend=0, append=most) for rows, most in zip(below, highest, strict=True))
    kept = first + second > 0  # where the largest number is a quantile, nothing is above it
    return first[kept], second[kept]
