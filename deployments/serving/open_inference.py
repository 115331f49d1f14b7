"""The Open Inference Protocol, version 2, in JSON: request bodies to raw rows, probabilities to an answer.

Each column is an input tensor of shape [n] or [n, 1]; a picture model takes one of [n, height, width, channels]. Answers
have the tensors `label` and `probabilities`. Source: https://github.com/kserve/open-inference-protocol, inference_rest.md.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from deployments.serving import columns
from deployments.serving.errors import invalid, listed, malformed, nearest, shown, too_large
from deployments.serving.served import Raw, Served

_INTEGERS = frozenset(sign + size for sign in ("INT", "UINT") for size in ("8", "16", "32", "64"))
DATATYPES = ("BOOL", *sorted(_INTEGERS), "FP16", "FP32", "FP64", "BYTES")
OUTPUTS = ("label", "probabilities")
_MOST_DEPTH = 5  # of nested data: a batch of pictures has four


def metadata(served: Served, versions: Sequence[str]) -> dict[str, Any]:
    """What a client must know to ask: names, types and shapes of the tensors.

    Args:
        served: The version.
        versions: All versions that can be asked for.
    """
    if served.takes_pictures:
        inputs = [{"name": served.inputs[0]["name"], "datatype": "FP32", "shape": list(served.inputs[0]["shape"])}]
    else:
        types = {"double": "FP64", "string": "BYTES"}
        inputs = [{"name": name, "datatype": types[kind], "shape": [-1]} for name, kind in served.types.items()]
    classes = len(served.labels)
    outputs = [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, classes], "parameters": {"labels": served.labels}},
    ]
    return {
        "name": served.name,
        "versions": list(versions),
        "platform": "litert_flatbuffer",
        "inputs": inputs,
        "outputs": outputs,
    }


def read(served: Served, body: bytes, max_rows: int) -> tuple[Raw, str | None, list[str]]:
    """Raw rows as `served.encode` takes them, the request's own id, and the outputs asked for.

    Args:
        served: Whose inputs the request must have.
        body: The request's body.
        max_rows: Most rows to accept.

    Raises:
        RequestError: 400 or 413, naming the input at fault.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"body: expected JSON (missing values are null, not NaN). Received: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), list) or not document["inputs"]:
        found = f"the keys {listed(document) or 'none'}" if isinstance(document, dict) else shown(document)
        raise malformed(f"body: expected an object with `inputs`, a list of at least one tensor. Received: {found}.")
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        raise invalid(f"id: expected text. Received: {shown(identity)}.")
    tensors = dict(_tensors(document["inputs"], max_rows))
    outputs = _outputs(document.get("outputs"))
    if served.takes_pictures:
        return _picture(served.inputs[0], tensors), identity, outputs
    return (
        columns.from_columns(served.types, {name: _column(name, *tensor) for name, tensor in tensors.items()}),
        identity,
        outputs,
    )


def answer(served: Served, probabilities: np.ndarray, identity: str, outputs: Sequence[str]) -> bytes:
    """The body of the answer.

    Args:
        served: The version that made it.
        probabilities: float32 [n, classes].
        identity: The request's id.
        outputs: Names of the tensors to give.
    """
    count = len(probabilities)
    tensors: dict[str, dict[str, Any]] = {}
    if "label" in outputs:
        labels = [served.labels[place] for place in probabilities.argmax(axis=1).tolist()]
        tensors["label"] = {"name": "label", "datatype": "BYTES", "shape": [count], "data": labels}
    if "probabilities" in outputs:
        tensors["probabilities"] = {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": list(probabilities.shape),
            "data": probabilities.ravel().tolist(),
            "parameters": {"labels": served.labels},
        }
    return orjson.dumps(
        {
            "model_name": served.name,
            "model_version": served.version,
            "id": identity,
            "outputs": [tensors[name] for name in outputs],
        }
    )


def _tensors(inputs: list[Any], max_rows: int) -> Iterator[tuple[str, tuple[list[int], str, list[Any]]]]:
    """Name, then shape, datatype and flat data of each input, held to one another."""
    seen = set()
    for place, tensor in enumerate(inputs):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise invalid(
                f"inputs[{place}]: expected an object with `name`, `shape`, `datatype`, `data`. Received: {shown(tensor)}."
            )
        name = tensor["name"]
        where = f"input {shown(name)}"
        if name in seen:
            raise invalid(f"{where}: expected each name once. Received: it twice.")
        seen.add(name)
        shape, datatype, data = tensor.get("shape"), tensor.get("datatype"), tensor.get("data")
        if not isinstance(shape, list) or not shape or any(type(size) is not int or size < 0 for size in shape):
            raise invalid(f"{where}: shape: expected a list of whole numbers. Received: {shown(shape)}.")
        if datatype not in DATATYPES:
            raise invalid(f"{where}: datatype: expected one of {', '.join(DATATYPES)}. Received: {shown(datatype)}.")
        if shape[0] < 1:
            raise invalid(f"{where}: expected at least one row. Received: shape {shape}.")
        if shape[0] > max_rows:
            raise too_large(f"body: expected at most {max_rows} rows in a request. Received: {shape[0]}. Send them in parts.")
        if not isinstance(data, list):
            raise invalid(f"{where}: data: expected a list. Received: {shown(data)}.")
        flat = _flat(data, where)
        if len(flat) != math.prod(shape):
            raise invalid(
                f"{where}: expected {math.prod(shape)} values, as its shape {shown(shape)} has. Received: {len(flat)}."
            )
        yield name, (shape, datatype, flat)


def _flat(data: list[Any], where: str) -> list[Any]:
    """Data may be flat or nested, in row-major order."""
    for _ in range(_MOST_DEPTH):
        if not any(isinstance(each, list) for each in data):
            return data
        if not all(isinstance(each, list) for each in data):
            raise invalid(f"{where}: data: expected values alone, or lists alone, at each depth. Received: both.")
        data = [value for each in data for value in each]
    raise invalid(f"{where}: data: expected lists nested at most {_MOST_DEPTH} deep. Received: deeper ones.")


def _column(name: str, shape: list[int], datatype: str, flat: list[Any]) -> list[Any]:
    """One value a row; of the stated type, or null where it is missing."""
    if len(shape) > 2 or math.prod(shape[1:]) != 1:
        raise invalid(f"column {shown(name)}: expected shape [n] or [n, 1]. Received: {shown(shape)}.")
    wanted: tuple[type, ...] = (str,) if datatype == "BYTES" else (bool,) if datatype == "BOOL" else (int, float)
    for row, value in enumerate(flat):
        if value is not None and type(value) not in wanted:
            raise invalid(f"row {row}, column {shown(name)}: expected {datatype} or null. Received: {shown(value)}.")
    return flat


def _picture(expected: Mapping[str, Any], tensors: Mapping[str, tuple[list[int], str, list[Any]]]) -> np.ndarray:
    name, (_, height, width, channels) = expected["name"], expected["shape"]
    if name not in tensors:
        raise invalid(f"inputs: expected {name!r}. Received: {listed(tensors)}.{nearest(name, tensors)}")
    shape, datatype, flat = tensors[name]
    right = shape[1:] == [height, width, channels] or (channels == 1 and shape[1:] == [height, width])
    if not right or datatype in ("BYTES", "BOOL") or not set(map(type, flat)) <= {int, float}:
        form = f"[n, {height}, {width}, {channels}]" + (f" or [n, {height}, {width}]" if channels == 1 else "")
        found = f"shape {shown(shape)}, {datatype}" + ("" if not right else ", values that are not all numbers")
        raise invalid(f"input {name!r}: expected numbers of shape {form}. Received: {found}.")
    return np.array(flat, np.float64).reshape(shape)


def _outputs(asked: Any) -> list[str]:
    if asked is None or asked == []:
        return list(OUTPUTS)
    names = [each.get("name") if isinstance(each, dict) else None for each in asked] if isinstance(asked, list) else [None]
    if any(name not in OUTPUTS for name in names) or len(set(map(str, names))) != len(names):
        raise invalid(
            f"outputs: expected a list of tensors out of {', '.join(OUTPUTS)}, each by its `name`. Received: {shown(asked)}."
        )
    return [str(name) for name in names]
