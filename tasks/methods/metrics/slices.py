"""Floors on parts of the rows: each class, each group. A part with few rows says little, so it is told and not judged."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tasks.methods.metrics.base import metrics
from tasks.methods.metrics.confusion import per_class
from tasks.methods.metrics.gate import Rule, not_judged

RULE = "slice"


def class_floors(
    probabilities: np.ndarray, y: np.ndarray, classes: Sequence[str], floors: Mapping[str, float], min_rows: int
) -> list[Rule]:
    """Judges each class.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].
        classes: Label names, k of them.
        floors: Smallest value that passes, of precision, recall or f1.
        min_rows: A class with fewer rows is not judged.

    Returns:
        One line a floor and class, such as `recall[malignant]`.
    """
    scores = per_class(probabilities, y)
    return [
        _line(f"{metric}[{name}]", getattr(score, metric), floor, score.support, min_rows)
        for metric, floor in floors.items()
        for name, score in zip(classes, scores, strict=True)
    ]


def group_floors(
    probabilities: np.ndarray, y: np.ndarray, groups: Mapping[str, np.ndarray], floors: Mapping[str, float], min_rows: int
) -> list[Rule]:
    """Judges each group of a column.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].
        groups: Group's name to its rows, bool [n].
        floors: Smallest value that passes, by the metric's name.
        min_rows: A group with fewer rows is not judged; nor one that leaves a metric undefined, such as the area under the
            curve where all rows are of one class.

    Returns:
        One line a floor and group, such as `accuracy[sex=f]`.
    """
    return [
        _line(f"{metric}[{name}]", metrics.get(metric)(probabilities[rows], y[rows]), floor, int(rows.sum()), min_rows)
        for metric, floor in floors.items()
        for name, rows in groups.items()
    ]


def _line(metric: str, value: float, floor: float, rows: int, min_rows: int) -> Rule:
    if rows < min_rows:
        return not_judged(RULE, metric, floor, f"{rows} rows, fewer than min_rows {min_rows}", value)
    if not math.isfinite(value):
        return not_judged(RULE, metric, floor, f"undefined on its {rows} rows", value)
    return Rule(RULE, metric, value, floor, value >= floor, f"{rows} rows")
