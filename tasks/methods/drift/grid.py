"""Ranks in two large windows without sorting either: rows are counted by cell, and only cells that matter are looked into."""

from dataclasses import dataclass

import numpy as np

LEAST_ROWS = 20_000  # below, sorting is as fast
_CELLS = 2**16
_MOST_IN_CELL = 0.02  # of the rows: beyond, cells tell too little


@dataclass(frozen=True)
class Window:
    """One window on the grid.

    Attributes:
        values: The numbers, float64 [n], in any order.
        cells: The cell of each, uint16 [n]; a larger number never has a smaller cell.
        before: Rows in lower cells, int64 [cells + 1].
    """

    values: np.ndarray
    cells: np.ndarray
    before: np.ndarray

    def within(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numbers in wanted cells, ascending, and for each cell what turns a rank among them into one among all.

        Args:
            wanted: Which cells, bool [cells].
        """
        counts = np.diff(self.before)
        left_out = np.concatenate([[0], np.cumsum(np.where(wanted, 0, counts))])[:-1]
        return np.sort(self.values[wanted[self.cells]]), left_out


@dataclass(frozen=True)
class Grid:
    """Two windows on one grid of equal steps; every answer is exact.

    Attributes:
        first: One window.
        second: The other.
        low: The smallest number.
        scale: Cells in a unit.
        single: Whether no cell holds two different numbers.
    """

    first: Window
    second: Window
    low: float
    scale: float
    single: bool

    def cell_of(self, values: np.ndarray) -> np.ndarray:
        """The cell of each number, uint16."""
        return np.asarray(((values - self.low) * self.scale).astype(np.uint16))

    @property
    def counts(self) -> np.ndarray:
        """Rows of both windows in each cell."""
        return np.diff(self.first.before + self.second.before)


def grid_of(first: np.ndarray, second: np.ndarray) -> Grid | None:
    """Puts two windows on a grid; None where they are small, or bunched so that cells would tell little.

    Args:
        first: Finite numbers, float64 [n].
        second: Finite numbers, float64 [m].
    """
    if min(len(first), len(second)) < LEAST_ROWS:
        return None
    low, high = float(min(first.min(), second.min())), float(max(first.max(), second.max()))
    with np.errstate(over="ignore", divide="ignore"):
        scale = float((_CELLS - 1) / np.float64(high - low))
    if not 0 < scale < float("inf"):
        return None
    empty = Window(first, np.empty(0, np.uint16), np.zeros(1, np.int64))
    bare = Grid(empty, empty, low, scale, False)
    windows, bunched = [], False
    for values in (first, second):
        cells = bare.cell_of(values)
        counts = np.bincount(cells, minlength=_CELLS)
        bunched |= counts.max() > _MOST_IN_CELL * len(values)
        windows.append(Window(values, cells, np.concatenate([[0], np.cumsum(counts)])))
    single = bool(bunched) and _single(windows)
    return Grid(windows[0], windows[1], low, scale, single) if single or not bunched else None


def _single(windows: list[Window]) -> bool:
    """Whether no cell holds two different numbers, as where values are few."""
    one_of = np.zeros(_CELLS)
    for window in windows:
        one_of[window.cells] = window.values
    return all(bool((one_of[window.cells] == window.values).all()) for window in windows)


def largest_rise(grid: Grid, first: Window, second: Window) -> float:
    """The largest F_second(x) - F_first(x), F the share of a window's rows at or below x.

    Within a cell the gap is at most F_second at its end less F_first at its start. Cells whose bound is no larger than a gap
    found at some cell's end are left out; in the others, every value of the second window is tried.

    Args:
        grid: Both windows.
        first: One of them.
        second: The other.
    """
    n, m = len(first.values), len(second.values)
    at_start, at_end = first.before[:-1] / n, second.before[1:] / m
    largest = max(0.0, float((at_end - first.before[1:] / n).max()))
    if grid.single:
        return largest
    wanted = (at_end - at_start > largest) & (np.diff(second.before) > 0)
    tried, second_left_out = second.within(wanted)
    if not len(tried):
        return largest
    others, first_left_out = first.within(wanted)
    cells = grid.cell_of(tried)
    upto = np.searchsorted(tried, tried, side="right") + second_left_out[cells]
    below = np.searchsorted(others, tried, side="right") + first_left_out[cells]
    return max(largest, float((upto / m - below / n).max()))


def counts_below(grid: Grid, bins: int) -> list[np.ndarray]:
    """Rows of each window at or below the quantiles of both; the i-th has at least i / bins of all rows at or below it.

    Args:
        grid: Both windows, of more than `bins` distinct values.
        bins: How many parts the quantiles cut the rows into.

    Returns:
        One int64 [k] for each window, ascending, k < bins; equal quantiles are told once.
    """
    before = grid.first.before + grid.second.before
    ranks = -(-np.arange(1, bins) * before[-1] // bins)
    cells = np.searchsorted(before[1:], ranks)
    if grid.single:
        return [window.before[1:][np.unique(cells)] for window in (grid.first, grid.second)]
    wanted = np.zeros(len(before) - 1, bool)
    wanted[cells] = True
    inside = [window.within(wanted) for window in (grid.first, grid.second)]
    pooled = np.sort(np.concatenate([values for values, _ in inside]))
    left_out = inside[0][1] + inside[1][1]
    edges, place = np.unique(pooled[ranks - left_out[cells] - 1], return_index=True)
    return [np.searchsorted(values, edges, side="right") + skipped[cells[place]] for values, skipped in inside]
