"""A contract from data: what the rows look like today is what is expected of them tomorrow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tasks.data.columns import Kind
from tasks.data.contract_gx import Config, suite_json
from tasks.data.facts import FACTS, SHAPE
from tasks.data.pixels import head_of, shape_of
from tasks.data.rawtable import Modality
from tasks.data.transform import SCALE_SLACK

NUMBERS = ["float", "int", "float64", "int64", "float32", "int32"]
MAX_CATEGORIES = 1000  # more are free text or identifiers: no set of values to hold on to
SLACK = 0.5  # ranges are widened by this fraction of their span on both sides


@dataclass(frozen=True)
class Form:
    """What a contract must know besides the values.

    Attributes:
        modality: Kind of rows; pictures are seen through their facts.
        target: Name of the label column.
        classes: Label names.
        kinds: Feature column to kind, in order.
        pixel_max: Largest pixel value; images alone.
    """

    modality: Modality
    target: str
    classes: list[str]
    kinds: Mapping[str, Kind] = field(default_factory=lambda: dict.fromkeys(FACTS, "numeric"))
    pixel_max: float = 1.0


def profile(frame: pd.DataFrame, form: Form) -> dict[str, Any]:
    """A suite that these rows meet, but for cells that are broken in any case.

    Severity `critical` marks what makes a row unusable: a text where numbers are, no label. `warning` marks what is usable
    but unlike the rows profiled: a value out of range, a category never seen, a gap where there was none.

    Args:
        frame: Features as numbers or text, and the labels.
        form: What the columns are.

    Returns:
        The suite in GX's JSON form.
    """
    expectations = [_config("table_columns_to_match_set", column_set=[*form.kinds, form.target], exact_match=False)]
    for name, kind in form.kinds.items():
        expectations += column_expectations(frame[name], str(name), kind, form)
    return assembled(expectations + label_expectations(form), form)


def column_expectations(values: pd.Series, name: str, kind: Kind, form: Form) -> list[Config]:
    """Existence, type, gaps, and the range or the set of values of one feature."""
    missing = float(values.isna().mean())
    configs = [
        _config("column_to_exist", column=name),
        _config("column_values_to_be_in_type_list", column=name, type_list=NUMBERS if kind == "numeric" else ["str"]),
        _config("column_values_to_not_be_null", "warning", column=name, mostly=mostly_present(missing)),
    ]
    if form.modality == "image":
        return [*configs, _fact(values, name, form)]
    if kind == "picture":
        size = next((shape for value in values if isinstance(value, str) and (shape := shape_of(value))), (1, 1, 1))
        return [
            *configs[:2],
            _config("column_values_to_not_be_null", column=name),
            _config("column_values_to_match_regex", column=name, regex=f"^{head_of(size)}"),
        ]
    if kind == "categorical":
        categories = sorted({value for value in values if isinstance(value, str)})
        if 0 < len(categories) <= MAX_CATEGORIES:
            configs.append(_config("column_values_to_be_in_set", "warning", column=name, value_set=categories))
        return configs
    low, high = widened(values)
    return [*configs, _config("column_values_to_be_between", "warning", column=name, min_value=low, max_value=high)]


def label_expectations(form: Form) -> list[Config]:
    """Every row has a label, one of the classes."""
    return [
        _config("column_to_exist", column=form.target),
        _config("column_values_to_not_be_null", column=form.target),
        _config("column_values_to_be_in_set", column=form.target, value_set=list(form.classes)),
    ]


def assembled(expectations: list[Config], form: Form) -> dict[str, Any]:
    """A suite of these expectations that knows the form of its table."""
    return suite_json(
        "contract", expectations, {"bequest": {"modality": form.modality, "target": form.target, "kinds": dict(form.kinds)}}
    )


def mostly_present(missing: float) -> float:
    """Fraction of values to expect where this fraction is missing: up to twice as many gaps and some more may come."""
    return round(1.0 - min(1.0, 2 * missing + 0.05 * (missing > 0)), 4)


def widened(values: pd.Series) -> tuple[float, float]:
    """The range of the finite numbers, with room on both sides; from 0 up where no number is negative.

    A column of one value v gets the room max(|v|, 1), so that it may start to move.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return -float(np.finfo(np.float64).max), float(np.finfo(np.float64).max)
    low, high = float(numbers.min()), float(numbers.max())
    room = SLACK * (high - low) if high > low else max(abs(low), 1.0)
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def _fact(values: pd.Series, name: str, form: Form) -> Config:
    """What is expected of one fact of the pictures."""
    if name in (*SHAPE, "finite"):
        allowed = [1.0] if name == "finite" else sorted({float(value) for value in values})
        return _config("column_values_to_be_in_set", column=name, value_set=allowed)
    if name == "mean":
        low, high = widened(values)
        return _config("column_values_to_be_between", "warning", column=name, min_value=low, max_value=high)
    return _config("column_values_to_be_between", column=name, min_value=0.0, max_value=form.pixel_max * SCALE_SLACK)


def _config(kind: str, severity: str = "critical", **kwargs: Any) -> Config:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {}, "severity": severity}
