"""Columns of a table to features, labels and marks."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.data.labels import label_names
from tasks.data.rawtable import RawTable
from tasks.data.readers.request import Request
from tasks.data.wording import listed, nearest

RESERVED = "__"


def table_of(
    frame: pd.DataFrame, request: Request, class_order: list[str] | None = None, notes: Iterable[str] = ()
) -> RawTable:
    """Chooses the columns a recipe asks for.

    Args:
        frame: Every column of the source.
        request: What is asked for.
        class_order: Label names in the source's own order.
        notes: What was noticed while reading.

    Raises:
        InputError: A column is missing, there is no row, or no feature is left.
    """
    where, names = request.name, [str(name) for name in frame.columns]
    frame = frame.set_axis(names, axis=1)
    if not len(frame):
        raise InputError(f"{where}: expected rows. Received: only the columns {listed(names)}.")
    for name in names:
        if name.startswith(RESERVED):
            raise InputError(
                f"{where}: expected no column that begins with {RESERVED!r}; bequest uses those. Received: {name!r}."
            )
    target = _target(frame, names, request)
    mark = request.mark_column
    if mark is not None and request.marks == "optional" and mark not in names:
        mark = None
    if mark is not None:
        _has(names, mark, "preprocess.split.column", where)
    features = _features(names, target, request)
    return RawTable(
        modality="tabular",
        target=target or request.target or "label",
        labels=None if target is None else label_names(_cells(frame[target]), f"{where}: column {target!r}"),
        part=np.zeros(len(frame), dtype=np.int64),
        row=np.arange(len(frame)),
        parts=[where],
        frame=frame[features].reset_index(drop=True),
        marks=None if mark is None else _cells(frame[mark]),
        class_order=class_order,
        notes=list(notes),
    )


def _target(frame: pd.DataFrame, names: list[str], request: Request) -> str | None:
    """Name of the label column; None where labels may lack and do."""
    if request.target is None:
        if request.labels == "optional":
            return None
        raise InputError(
            f"data.target: expected the label column of {request.name}. Received: nothing. Columns: {listed(names, 40)}."
        )
    if request.labels == "optional" and request.target not in names:
        return None
    if request.labels == "optional" and frame[request.target].isna().all():
        return None  # the column is there, to be filled in
    _has(names, request.target, "data.target", request.name)
    return request.target


def _features(names: list[str], target: str | None, request: Request) -> list[str]:
    """Names of the features, in order."""
    for name in request.drop:
        _has(names, name, "data.drop", request.name)
    if request.features is None:
        excluded = {target, request.mark_column, *request.drop}
        features = [name for name in names if name not in excluded]
    else:
        for name in request.features:
            _has(names, name, "data.features", request.name)
        if target in request.features:
            raise InputError(f"data.features: expected columns other than the target. Received: {target!r}.")
        features = [name for name in request.features if name not in request.drop]
    if not features:
        raise InputError(f"data.features: expected at least one column of {request.name}. Received: none of {listed(names)}.")
    return features


def _has(names: list[str], name: str, field: str, where: str) -> None:
    if name not in names:
        raise InputError(
            f"{field}: expected a column of {where}. Received: {name!r}.{nearest(name, names)} Columns: {listed(names, 40)}."
        )


def _cells(column: pd.Series) -> np.ndarray:
    """Values as numpy has them: numbers stay numbers, all else is object with None where missing."""
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
