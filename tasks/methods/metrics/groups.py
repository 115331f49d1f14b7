"""The groups that a column's values fall into: categories as they are, numbers by the quartiles of the training rows."""

import numpy as np

MISSING = "<missing>"


def groups_of(column: str, values: np.ndarray, training: np.ndarray) -> dict[str, np.ndarray]:
    """Which rows are in which group of a column.

    Numbers are cut at the quartiles of the training rows, each cut belonging to the group below it. Equal quartiles make
    one cut, so that a column of few different numbers has fewer groups: 0 and 1 give `x <= 0` and `0 < x <= 1`.

    Args:
        column: The column's name, for the groups' names.
        values: float64 with NaN where missing, or object of text with None; [n].
        training: The same column on the training rows, [m].

    Returns:
        Group's name to bool [n], in order; groups without a row are left out. Each row is in exactly one.
    """
    if values.dtype.kind != "f":
        cells = [MISSING if value is None else str(value) for value in values]
        names = np.array(cells, dtype=object)
        return {f"{column}={name}": names == name for name in sorted(set(cells), key=lambda each: (each == MISSING, each))}
    known = training[np.isfinite(training)]
    cuts = np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if len(known) else np.empty(0)
    missing = np.isnan(values)
    place = np.searchsorted(cuts, values, side="left")
    found = {_name(column, cuts, cut): ~missing & (place == cut) for cut in range(len(cuts) + 1)}
    found[f"{column}={MISSING}"] = missing
    return {name: rows for name, rows in found.items() if rows.any()}


def _name(column: str, cuts: np.ndarray, place: int) -> str:
    """The group between two cuts, as an interval."""
    low = f"{cuts[place - 1]:g}" if place else ""
    high = f"{cuts[place]:g}" if place < len(cuts) else ""
    if low and high:
        return f"{low} < {column} <= {high}"
    return f"{column} > {low}" if low else f"{column} <= {high}" if high else column
