"""Tables as clients write them, to columns as the preprocessing takes them."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deployments.serving.errors import invalid, listed, malformed, nearest, shown

# What `pandas.read_csv` reads as missing, so that a file served and the same file trained on agree.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
# Cells that `pandas.read_csv` reads as booleans: 1 and 0 to a column of numbers, as the preprocessing takes JSON's.
_BOOLEANS = {"true": 1.0, "false": 0.0}
Types = Mapping[str, str]  # column -> "double" | "string", in the bundle's order


def from_columns(types: Types, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """{"a": [1, 2], "b": ["x", "y"]}: columns by name; bare values are one row."""
    if given and not any(isinstance(values, list) for values in given.values()):
        given = {name: [value] for name, value in given.items()}
    _check_names(types, given)
    count = None
    for name in types:
        values = given[name]
        if not isinstance(values, list):
            raise invalid(f"column {name!r}: expected a list with one value a row. Received: {shown(values)}.")
        count = len(values) if count is None else count
        if len(values) != count:
            raise invalid(
                f"column {name!r}: expected {count} values, as many as {next(iter(types))!r} has. Received: {len(values)}."
            )
    return {name: _column(name, kind, given[name]) for name, kind in types.items()}


def from_records(types: Types, records: Sequence[Any]) -> dict[str, np.ndarray]:
    """[{"a": 1, "b": "x"}, ...]: one object a row; a key that only some rows lack is a missing value."""
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise invalid(f"row {row}: expected an object, column to value. Received: {shown(record)}.")
    _check_names(types, {name: None for record in records for name in record})
    return {name: _column(name, kind, [record.get(name) for record in records]) for name, kind in types.items()}


def from_rows(types: Types, names: Sequence[str] | None, rows: Sequence[Any]) -> dict[str, np.ndarray]:
    """[[1, "x"], ...]: one list a row, its values in the order of `names`, else of the bundle's columns."""
    names = list(types) if names is None else names
    if len(set(names)) != len(names):
        raise invalid(f"columns: expected each name once. Received: {listed(names)}.")
    _check_names(types, dict.fromkeys(names))
    for row, values in enumerate(rows):
        if not isinstance(values, list) or len(values) != len(names):
            found = f"{len(values)} values" if isinstance(values, list) else shown(values)
            raise invalid(f"row {row}: expected a list of {len(names)} values: {listed(names)}. Received: {found}.")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return {name: _column(name, kind, columns[name]) for name, kind in types.items()}


def csv_rows(body: bytes) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV body; blank lines are left out."""
    try:
        lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if line]
    except UnicodeDecodeError as error:
        raise malformed(f"body: expected UTF-8. Received: {error}.") from error
    except csv.Error as error:
        raise malformed(f"body: expected CSV. Received: {error}.") from error
    if not lines:
        raise malformed("body: expected CSV with a header line. Received: nothing.")
    return lines[0], lines[1:]


def from_csv(types: Types, names: list[str], rows: list[list[str]]) -> dict[str, np.ndarray]:
    """CSV cells: text that the preprocessing reads as numbers where it needs them; empty, NA and the like are missing.

    True and False in a column of numbers are 1 and 0; in a column of text they stay text.
    """
    numeric = {place for place, name in enumerate(names) if types.get(name) == "double"}
    return from_rows(types, names, [[_cell(cell, place in numeric) for place, cell in enumerate(row)] for row in rows])


def _cell(text: str, numeric: bool) -> str | float | None:
    if text in MISSING:
        return None
    return _BOOLEANS.get(text.lower(), text) if numeric else text


def _check_names(types: Types, given: Mapping[str, Any]) -> None:
    missing = [name for name in types if name not in given]
    if missing:
        extra = [name for name in given if name not in types]
        raise invalid(
            f"missing column{'s' * (len(missing) > 1)} {listed(missing)}. Expected: {listed(types)}. "
            f"Received: {listed(given) or 'none'}.{nearest(missing[0], extra)}"
        )


def _column(name: str, kind: str, values: Sequence[Any]) -> np.ndarray:
    """One column [n]: float64, or objects where there is text or null; the preprocessing judges what it may hold."""
    if kind == "double" and set(map(type, values)) <= {float, int}:
        return np.array(values, np.float64)
    for row, value in enumerate(values):
        if isinstance(value, list | dict):
            raise invalid(f"row {row}, column {name!r}: expected one value. Received: {shown(value)}.")
    return np.array(values, object)
