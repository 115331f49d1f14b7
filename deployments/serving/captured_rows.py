"""Predictions and labels as the columns of a Parquet file.

`_request_id`, `_row`, `_at`, `_role`, `_label`, and `_p_LABEL` for each label, then the model's own columns by their names;
a picture is one column of bytes, float32 in row-major order, its shape in the file's metadata. There `withheld` names the
columns that are not kept as they came.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deployments.serving.parquet import Kind
from deployments.serving.privacy import Policy
from deployments.serving.served import Raw, Rows, Served, count_rows
from tasks.data.values import as_number, as_text

if TYPE_CHECKING:
    from deployments.serving.capture import Label, Prediction

Columns = dict[str, tuple[Kind, Sequence[Any]]]


def of_predictions(items: Sequence["Prediction"], policy: Policy) -> tuple[Columns, dict[str, str]]:
    """Columns and metadata of predictions that one version made."""
    served = items[0].served
    counts = [count_rows(item.raw) for item in items]
    each = list(zip(items, counts, strict=True))
    probabilities = np.concatenate([item.probabilities for item in items]).astype(np.float64)
    columns: Columns = {
        "_request_id": ("string", [item.request_id for item, count in each for _ in range(count)]),
        "_row": ("int64", [row for count in counts for row in range(count)]),
        "_at": ("timestamp", [int(item.at * 1e6) for item, count in each for _ in range(count)]),
        "_role": ("string", [item.role for item, count in each for _ in range(count)]),
        "_label": ("string", [served.labels[place] for place in probabilities.argmax(axis=1).tolist()]),
    }
    columns |= {f"_p_{label}": ("double", probabilities[:, place].tolist()) for place, label in enumerate(served.labels)}
    metadata = {"name": served.name, "version": served.version, "sha256": served.sha256}
    metadata |= {"withheld": ",".join(sorted(policy.drop | policy.hashed))}
    if served.takes_pictures:
        shape = served.inputs[0]["shape"][1:]
        if "image" not in policy.drop:
            pictures = [np.asarray(picture, "<f4").tobytes() for item in items for picture in np.asarray(item.raw)]
            columns["image"] = ("bytes", pictures)
        return columns, metadata | {"image_shape": ",".join(map(str, shape))}
    tables = [_by_column(served, item.raw) for item in items]
    for name, kind in served.types.items():
        if name not in policy.drop:
            columns[name] = _column(name, kind, [table[name] for table in tables], policy)
    return columns, metadata


def of_labels(items: Sequence["Label"]) -> Columns:
    """Columns of labels."""
    return {
        "_request_id": ("string", [item.request_id for item in items]),
        "_row": ("int64", [item.row for item in items]),
        "_at": ("timestamp", [int(item.at * 1e6) for item in items]),
        "_truth": ("string", [item.label for item in items]),
    }


def _by_column(served: Served, raw: Raw) -> Mapping[str, np.ndarray]:
    if isinstance(raw, Rows):
        return served.by_column(raw)
    assert isinstance(raw, Mapping)
    return raw


def _column(name: str, kind: str, parts: Sequence[Any], policy: Policy) -> tuple[Kind, list[Any]]:
    if name in policy.hashed:
        return "string", [policy.mark(value) for part in parts for value in np.asarray(part, object)]
    if kind == "double":
        numbers = np.concatenate([as_number(part)[0] for part in parts]).tolist()
        return "double", [None if math.isnan(value) else value for value in numbers]
    return "string", [text for part in parts for text in as_text(part)]
