"""Cells of the split column: groups, times, or the split a row is meant for."""

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.values import as_number, as_text

TRAIN, VALIDATION, TEST, NEW = 0, 1, 2, -1
NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
EXPECTED = {"group": "a group", "time": "a number or a time stamp", "predefined": "train, validation or test"}


def parsed(marks: np.ndarray, strategy: str) -> tuple[np.ndarray, np.ndarray]:
    """Marks as the strategy needs them.

    Args:
        marks: object [n]: cells of the split column.
        strategy: group, time or predefined.

    Returns:
        Groups (object [n], text), times (float64 [n], numbers as given or seconds) or splits (int8 [n]); and bool [n], True
        where a cell cannot be used.

    Raises:
        InputError: No cell can be used.
    """
    if strategy == "group":
        values = as_text(marks)
        broken = np.array([value is None for value in values], dtype=bool)
    elif strategy == "time":
        values = _times(marks)
        broken = np.isnan(values)
    else:
        names = [None if text is None else text.strip().lower() for text in as_text(marks)]
        values = np.array([NAMES.get(name or "", NEW) for name in names], dtype=np.int8)
        broken = values == NEW
    if len(broken) and broken.all():
        raise InputError(
            f"preprocess.split.column: expected {EXPECTED[strategy]} in its cells. Received: {str(marks[0])!r} and the like."
        )
    return values, broken


def _times(marks: np.ndarray) -> np.ndarray:
    """Numbers as they are; else time stamps, as seconds since 1970."""
    numbers, bad = as_number(marks)
    if not bad.any() and np.isfinite(numbers).any():
        return np.where(np.isfinite(numbers), numbers, np.nan)
    stamps = pd.to_datetime(pd.Series(marks, dtype=object), errors="coerce", utc=True, format="mixed")
    seconds = (stamps - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds.to_numpy(dtype=np.float64)
