"""MLflow's scoring protocol: request bodies to raw rows, probabilities to an answer.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally and mlflow.pyfunc.scoring_server.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from deployments.serving import columns
from deployments.serving.errors import RequestError, invalid, listed, malformed, shown, too_large
from deployments.serving.served import Raw, Rows, Served

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
TYPES = ("application/json", "text/csv")


def read(served: Served, body: bytes, content_type: str | None, max_rows: int) -> Raw:
    """Raw rows as `served.encode` takes them.

    Args:
        served: Whose columns or picture size the rows must have.
        body: The request's body.
        content_type: The request's header.
        max_rows: Most rows to accept.

    Raises:
        RequestError: 400, 413 or 415, naming the column, row or shape at fault.
    """
    mime = _mime(content_type)
    if served.takes_pictures:
        return _pictures(served.inputs[0], mime, body, max_rows)
    types = served.types
    if mime == "text/csv":
        names, rows = columns.csv_rows(body)
        _check_count(rows, max_rows)
        return columns.from_csv(types, names, rows)
    form, value = _document(body)
    if form == "dataframe_split":
        split_names, split_rows = _split(value, max_rows)
        if split_names is None or split_names == list(types):
            return _rows(split_rows, types)
        return columns.from_rows(types, split_names, split_rows)
    if form == "dataframe_records" and not isinstance(value, list):
        raise invalid(f"dataframe_records: expected a list of objects, one a row. Received: {shown(value)}.")
    if isinstance(value, dict):
        for values in value.values():
            if isinstance(values, list):
                _check_count(values, max_rows)
        return columns.from_columns(types, value)
    _check_rows(form, value, max_rows)
    if form == "dataframe_records" or isinstance(value[0], dict):
        return columns.from_records(types, value)
    return _rows(value, types)


def answer(labels: Sequence[str], probabilities: np.ndarray) -> bytes:
    """The body of the answer: for each row its label and every label's probability.

    Args:
        labels: Class labels, in the order of the columns.
        probabilities: float32 [n, classes].
    """
    best = probabilities.argmax(axis=1).tolist()
    rows = probabilities.tolist()
    records = [
        {"label": labels[place], "probabilities": dict(zip(labels, row, strict=True))}
        for place, row in zip(best, rows, strict=True)
    ]
    return orjson.dumps({"predictions": records})


def _rows(rows: list[Any], types: Mapping[str, str]) -> Rows:
    """Rows that are lists of as many values as there are columns."""
    width = len(types)
    for number, row in enumerate(rows):
        if type(row) is not list or len(row) != width:
            found = f"{len(row)} values" if isinstance(row, list) else shown(row)
            raise invalid(f"row {number}: expected a list of {width} values: {listed(types)}. Received: {found}.")
    return Rows(rows)


def _mime(content_type: str | None) -> str:
    mime, *parameters = [part.strip() for part in (content_type or "").lower().split(";")]
    unsupported = [part for part in parameters if part not in ("", "charset=utf-8", 'charset="utf-8"')]
    if mime not in TYPES or unsupported:
        raise RequestError(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type: expected {' or '.join(TYPES)}, in UTF-8. Received: {shown(content_type or 'none')}.",
        )
    return mime


def _document(body: bytes) -> tuple[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"body: expected JSON (missing values are null, not NaN). Received: {error}.") from error
    given = [form for form in FORMATS if form in document] if isinstance(document, dict) else []
    if len(given) != 1:
        found = f"the keys {listed(document) or 'none'}" if isinstance(document, dict) else shown(document)
        raise malformed(f"body: expected an object with exactly one of {', '.join(FORMATS)}. Received: {found}.")
    return given[0], document[given[0]]


def _split(value: Any, max_rows: int) -> tuple[list[str] | None, list[Any]]:
    if not isinstance(value, dict) or "data" not in value or not set(value) <= {"columns", "data", "index"}:
        found = f"the keys {listed(value)}" if isinstance(value, dict) else shown(value)
        raise invalid(f"dataframe_split: expected an object with `columns` and `data`, perhaps `index`. Received: {found}.")
    _check_rows("dataframe_split: data", value["data"], max_rows)
    names = value.get("columns")
    if names is not None and not isinstance(names, list):
        raise invalid(f"dataframe_split: columns: expected a list of names. Received: {shown(names)}.")
    return None if names is None else [str(name) for name in names], value["data"]


def _pictures(expected: dict[str, Any], mime: str, body: bytes, max_rows: int) -> np.ndarray:
    height, width, channels = expected["shape"][1:]
    form, value = (mime, []) if mime == "text/csv" else _document(body)
    if form not in ("inputs", "instances"):
        raise invalid(f"{form}: expected `inputs` or `instances`, because this model takes pictures. Received: {form}.")
    name = expected["name"]
    if isinstance(value, dict):
        if name not in value:
            raise invalid(
                f"{form}: expected pictures, or an object with the key {name!r}. Received: {listed(value) or 'none'}."
            )
        value = value[name]
    _check_rows(form, value, max_rows)
    if isinstance(value[0], dict):
        value = [picture.get(name) if isinstance(picture, dict) else picture for picture in value]
    shape = f"[n, {height}, {width}, {channels}]" + (f" or [n, {height}, {width}]" if channels == 1 else "")
    try:
        pictures = np.asarray(value)
    except ValueError:
        raise invalid(
            f"{form}: expected numbers of shape {shape}. Received: nested lists of unequal length or depth."
        ) from None
    if pictures.dtype.kind not in "iuf":
        raise invalid(f"{form}: expected numbers of shape {shape}. Received: values that are not numbers.")
    if pictures.shape[1:] != (height, width, channels) and not (channels == 1 and pictures.shape[1:] == (height, width)):
        raise invalid(f"{form}: expected numbers of shape {shape}. Received: shape {list(pictures.shape)}.")
    return pictures


def _check_rows(form: str, rows: Any, max_rows: int) -> None:
    if not isinstance(rows, list) or not rows:
        raise invalid(f"{form}: expected a list of at least one row. Received: {shown(rows)}.")
    _check_count(rows, max_rows)


def _check_count(rows: Sequence[Any], max_rows: int) -> None:
    if not rows:
        raise invalid("body: expected at least one row. Received: none.")
    if len(rows) > max_rows:
        raise too_large(f"body: expected at most {max_rows} rows in a request. Received: {len(rows)}. Send them in parts.")
