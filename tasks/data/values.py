"""Cells to numbers and to text, the same way when preparing and when serving (numpy alone)."""

from typing import Any

import numpy as np


def is_missing(value: Any) -> bool:
    """True for None, NaN, NaT and pandas.NA."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas is not imported here


def text_of(value: Any) -> str | None:
    """A cell as text: a whole number loses its `.0`, so that 3, 3.0 and '3' are one name; missing is None."""
    if isinstance(value, str):
        return str(value)
    if is_missing(value):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def as_text(values: Any) -> np.ndarray:
    """Text of each cell.

    Args:
        values: One column, [n], any dtype.

    Returns:
        object [n]: str, or None where missing.
    """
    cells = np.asarray(values, dtype=object)
    texts = np.empty(len(cells), dtype=object)
    texts[:] = [cell if type(cell) is str else text_of(cell) for cell in cells]
    return texts


def as_number(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Number in each cell.

    Args:
        values: One column, [n], any dtype; text that reads as a number counts as one.

    Returns:
        float64 [n] with NaN where missing or not a number; bool [n], True where a cell is there but is not a number.
    """
    cells = np.asarray(values)
    if cells.dtype.kind in "biuf":
        return cells.astype(np.float64), np.zeros(len(cells), dtype=bool)
    cells = cells.astype(object)
    try:
        return cells.astype(np.float64), np.zeros(len(cells), dtype=bool)
    except (TypeError, ValueError):
        pass
    numbers = np.full(len(cells), np.nan)
    bad = np.zeros(len(cells), dtype=bool)
    for i, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            numbers[i] = float(cell)
        except (TypeError, ValueError):
            bad[i] = True
    return numbers, bad
