"""Floors on parts of the rows: each class, each group. A part with few rows says little, so it is told and not judged."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tasks.methods.metrics.base import metrics
from tasks.methods.metrics.confusion import per_class
from tasks.methods.metrics.gate import Rule, not_judged

RULE = "slice"
MOST_SMALL = 10  # slices too small to judge that get a line each


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
    return _lines(
        {
            metric: {name: (getattr(score, metric), score.support) for name, score in zip(classes, scores, strict=True)}
            for metric in floors
        },
        floors,
        min_rows,
    )


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
    return _lines(
        {
            metric: {
                name: (metrics.get(metric)(probabilities[rows], y[rows]), int(rows.sum())) for name, rows in groups.items()
            }
            for metric in floors
        },
        floors,
        min_rows,
    )


def _lines(found: Mapping[str, Mapping[str, tuple[float, int]]], floors: Mapping[str, float], min_rows: int) -> list[Rule]:
    """The lines of every floor.

    Args:
        found: Metric to slice's name to value and rows.
        floors: Smallest value that passes, by metric.
        min_rows: A slice with fewer rows is not judged; where there are many such, one line tells of all.
    """
    rules = []
    for metric, floor in floors.items():
        small = [name for name, (_, rows) in found[metric].items() if rows < min_rows]
        untold = set(small) if len(small) > MOST_SMALL else set()
        rules += [
            _line(f"{metric}[{name}]", value, floor, rows, min_rows)
            for name, (value, rows) in found[metric].items()
            if name not in untold
        ]
        if untold:
            first = f"{', '.join(small[:3])}, ..."
            rules.append(not_judged(RULE, f"{metric}[{len(small)} slices]", floor, f"fewer than min_rows {min_rows}: {first}"))
    return rules


def _line(metric: str, value: float, floor: float, rows: int, min_rows: int) -> Rule:
    if rows < min_rows:
        return not_judged(RULE, metric, floor, f"{rows} rows, fewer than min_rows {min_rows}", value)
    if not math.isfinite(value):
        return not_judged(RULE, metric, floor, f"undefined on its {rows} rows", value)
    return Rule(RULE, metric, value, floor, value >= floor, f"{rows} rows")
