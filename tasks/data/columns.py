"""Feature columns: which are numbers, which are categories, and every cell as one of the two.

Inside this package a numeric column is float64 with NaN where missing, and a categorical one is object with str and None, as is
one of pictures (see `tasks.data.pixels`).
A numeric column that holds some text is object, floats beside the text, until the contract has taken those rows out.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.pixels import holds_picture
from tasks.data.values import as_number, as_text, is_missing
from tasks.data.wording import listed

Kind = Literal["numeric", "categorical", "picture"]
CODES = 20  # so few different numbers beside text are codes of categories, such as 0, 1, 2, 3+
NUMERIC_SHARE = 0.5  # text columns with at least this share of numbers are numbers with broken cells


def kinds_of(frame: pd.DataFrame, known: Mapping[str, Kind], where: str) -> dict[str, Kind]:
    """Kind of each column.

    Args:
        frame: Features as read.
        known: Kinds that stand already, from an inherited contract; they win.
        where: File, for the message.

    Raises:
        InputError: A column holds neither numbers nor text, such as time stamps, bytes or lists.
    """
    return {str(name): known.get(str(name)) or _kind(frame[name], f"{where}: column {name!r}") for name in frame.columns}


def normalised(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Every cell as a number or as text; see the top of this file. Row positions are kept."""
    columns = {}
    for name, kind in kinds.items():
        if name in frame.columns:
            cells = _plain(frame[name])
            columns[name] = pd.Series(_numbers(cells) if kind == "numeric" else as_text(cells), index=frame.index)
    return pd.DataFrame(columns, index=frame.index)


def carries_pixels(column: pd.Series) -> bool:
    """Whether a column's first cell that is there holds a picture (see `tasks.data.pixels`); the others are not read."""
    if pd.api.types.is_numeric_dtype(column):
        return False
    return holds_picture(next((cell for cell in column if not is_missing(cell)), None))


def arrays_of(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Column name to values: float64 with NaN, or object with str and None."""
    return {str(name): _plain(frame[name]) for name in frame.columns}


def _kind(column: pd.Series, where: str) -> Kind:
    cells = _plain(column)
    if cells.dtype.kind in "biuf":
        return "numeric"
    present = [cell for cell in cells if not is_missing(cell)]
    if not present:
        return "numeric"
    strange = next((cell for cell in present if not isinstance(cell, str | bool | int | float | np.number | np.bool_)), None)
    if strange is not None:
        raise InputError(
            f"{where}: expected numbers or text. Received: {type(strange).__name__}, e.g. {str(strange)[:40]!r}. "
            "Leave the column out with data.drop, or turn it into numbers or text."
        )
    if holds_picture(present[0]):
        return "picture"
    numbers, _ = as_number(np.array(present, dtype=object))
    read = numbers[~np.isnan(numbers)]
    if all(not isinstance(cell, str) for cell in present):
        return "numeric"
    return "numeric" if len(read) >= NUMERIC_SHARE * len(present) and len(np.unique(read)) > CODES else "categorical"


def _numbers(cells: np.ndarray) -> np.ndarray:
    """float64, or object where some cells are text."""
    numbers, bad = as_number(cells)
    if not bad.any():
        return numbers
    mixed = numbers.astype(object)
    mixed[bad] = [str(cell) for cell in cells[bad]]
    return mixed


def _plain(column: pd.Series) -> np.ndarray:
    """A column without pandas' own types: numpy numbers, or object with None where missing."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)  # pandas' nullable numbers
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)


def show(values: np.ndarray) -> str:
    """Some values, for a message."""
    return listed([value if isinstance(value, str) else f"{value:g}" for value in values], limit=5)
