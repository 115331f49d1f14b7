"""A table's preprocessing for few rows at once: the constants of all columns side by side, the same numbers to the last bit.

`tasks.data.transform` works column by column, which for one row of thirty columns costs three hundred calls of numpy and
most of a request's time. Here all numeric columns take one call together. What is not plain (text in a column of numbers,
an infinity, a missing value that may not be) is left to `transform`, which also says what is wrong with it.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

_NUMBERS = frozenset((float, int))
_TEXTS = frozenset((str, type(None)))
Places = tuple[int, dict[str | None, int]]  # position of a column in a row, and of each of its categories in the input


class QuickTable:
    """The preprocessing of one bundle, ready for rows given as lists.

    Args:
        state: Fitted preprocessing of a table, see `tasks.data.transform`.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        columns = state["columns"]
        self.width = len(columns)
        self._numeric = [place for place, column in enumerate(columns) if column["kind"] == "numeric"]
        numeric = [columns[place] for place in self._numeric]
        fences = [column["fences"] or (-np.inf, np.inf) for column in numeric]
        self._low, self._high = (np.array([pair[side] for pair in fences], np.float64) for side in (0, 1))
        self._clips = any(column["fences"] for column in numeric)
        self._offset = np.array([column["offset"] for column in numeric], np.float64)
        self._scale = np.array([column["scale"] for column in numeric], np.float64)
        self._fills = [column["fill"] for column in numeric]
        self._pick = _picker(self._numeric)
        self._categorical: list[Places] = []
        self._targets = np.empty(len(numeric), np.intp)
        self._features = self._place(columns)
        self._all_numeric = not self._categorical

    def encode(self, rows: Sequence[Sequence[Any]]) -> np.ndarray | None:
        """The network's input.

        Args:
            rows: One list a row, values in the order of the columns.

        Returns:
            float32 [n, features], as `transform` gives it; None where the rows are for `transform` to judge.
        """
        numbers = self._numbers(rows)
        if numbers is None:
            return None
        with np.errstate(over="ignore"):
            scaled = self._scaled(numbers)
        if not np.isfinite(scaled).all():
            return None
        if self._all_numeric:
            return scaled
        x = np.zeros((len(rows), self._features), np.float32)
        x[:, self._targets] = scaled
        return x if self._mark(x, rows) else None

    def _place(self, columns: Sequence[Mapping[str, Any]]) -> int:
        """Where each column's features stand in the network's input; returns how many there are."""
        start = number = 0
        for position, column in enumerate(columns):
            if column["kind"] == "numeric":
                self._targets[number] = start
                start, number = start + 1, number + 1
                continue
            places: dict[str | None, int] = {category: start + place for place, category in enumerate(column["categories"])}
            width = len(places) + (column["missing"] == "category")
            if column["missing"] == "fill":
                places[None] = places.get(column["fill"], -1)
            elif column["missing"] == "category":
                places[None] = start + width - 1
            elif column["missing"] == "zeros":
                places[None] = -1
            self._categorical.append((position, places))
            start += width
        return start

    def _numbers(self, rows: Sequence[Sequence[Any]]) -> np.ndarray | None:
        picked = []
        for row in rows:
            if len(row) != self.width:
                return None
            values = self._pick(row)
            if not _NUMBERS.issuperset(map(type, values)):
                values = [fill if value is None else value for value, fill in zip(values, self._fills, strict=True)]
                if not _NUMBERS.issuperset(map(type, values)):
                    return None
            picked.append(values)
        return np.array(picked, np.float64).reshape(len(rows), len(self._numeric))

    def _scaled(self, numbers: np.ndarray) -> np.ndarray:
        if self._clips:
            if not np.isfinite(numbers).all():  # an infinity is refused, not clipped
                return numbers
            numbers = np.clip(numbers, self._low, self._high)
        return ((numbers - self._offset) / self._scale).astype(np.float32)

    def _mark(self, x: np.ndarray, rows: Sequence[Sequence[Any]]) -> bool:
        """Sets the place of each category to 1; False where a value is for `transform` to judge."""
        for position, places in self._categorical:
            for number, row in enumerate(rows):
                value = row[position]
                if type(value) not in _TEXTS or (value is None and None not in places):
                    return False
                place = places.get(value, -1)
                if place >= 0:
                    x[number, place] = 1.0
        return True


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Takes the values at some places of a row, always as a sequence."""
    if not places:
        return lambda row: ()
    if list(places) == list(range(len(places))):
        return lambda row: row[: len(places)]
    if len(places) == 1:
        return lambda row: (row[places[0]],)
    return itemgetter(*places)
