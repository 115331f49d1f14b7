"""The description of the predicting addresses for `/openapi.json`, with the columns of the version that is served.

They are plain ASGI, so FastAPI knows nothing of them.
"""

from typing import Any

from deployments.serving import open_inference
from deployments.serving.served import Served

JSON = "application/json"
_TEXT = {"type": "string"}
_REFUSED = {"type": "object", "required": ["error_code", "message"], "properties": {"error_code": _TEXT, "message": _TEXT}}
_OPEN_REFUSED = {"type": "object", "required": ["error"], "properties": {"error": _TEXT}}
_STATUSES = {
    400: "The body is not what this model takes; the message names the column, row or shape.",
    401: "The server has a token, and the request another or none.",
    404: "Nothing of that name is served here.",
    405: "The address takes another method.",
    408: "The body came too slowly.",
    409: "Labels are of no use here: this server keeps no predictions.",
    413: "More rows or bytes than the server accepts at once.",
    415: "A content type that the server does not read.",
    429: "As many requests are under way as the server takes; Retry-After says when to come again.",
    500: "The server failed; its log says why.",
    503: "Not in time, or not ready; Retry-After says when to come again.",
}
_HEADERS = {
    "X-Request-ID": {"description": "The request's id: the client's own, or a new one.", "schema": _TEXT},
    "X-Model-Name": {"description": "The model that made the answer.", "schema": _TEXT},
    "X-Model-Version": {"description": "The version that made the answer.", "schema": _TEXT},
}

_LABELLED = {
    "type": "object",
    "required": ["request_id", "labels"],
    "properties": {
        "request_id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"},
        "labels": {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "null"]}},
    },
}
FEEDBACK = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"anyOf": [_LABELLED, {"type": "array", "minItems": 1, "items": _LABELLED}]}}},
    }
}


def refusals(*statuses: int, protocol: str = "mlflow") -> dict[int | str, dict[str, Any]]:
    """Responses other than 200, as OpenAPI writes them."""
    schema = _REFUSED if protocol == "mlflow" else _OPEN_REFUSED
    return {status: {"description": _STATUSES[status], "content": {JSON: {"schema": schema}}} for status in statuses}


def predictions(served: Served, max_rows: int) -> dict[str, dict[str, Any]]:
    """The paths that predict.

    Args:
        served: Whose columns to describe.
        max_rows: Most rows of a request.
    """
    by_name = [{"name": "name", "in": "path", "required": True, "schema": {"const": served.name}}]
    by_version = [*by_name, {"name": "version", "in": "path", "required": True, "schema": _TEXT}]
    return {
        "/invocations": {"post": _invocations(served, max_rows)},
        "/v2/models/{name}/infer": {"post": _infer(served, max_rows, "infer", by_name)},
        "/v2/models/{name}/versions/{version}/infer": {"post": _infer(served, max_rows, "infer_version", by_version)},
    }


def _row(served: Served) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row as a list and as an object."""
    if served.takes_pictures:
        picture: dict[str, Any] = {"type": "number"}
        for size in reversed(served.inputs[0]["shape"][1:]):
            picture = {"type": "array", "minItems": size, "maxItems": size, "items": picture}
        return picture, {"type": "object", "required": ["image"], "properties": {"image": picture}}
    kinds = {"double": ["number", "null"], "string": ["string", "number", "null"]}
    cells: dict[str, Any] = {name: {"type": kinds[kind]} for name, kind in served.types.items()}
    if served.pictures is not None:
        name, head = served.pictures
        told = f"A picture: {head} and the base64 of its bytes, row by row, the channels of a pixel side by side."
        cells[name] = {"type": "string", "pattern": f"^{head}", "description": told}
    listed = {"type": "array", "minItems": len(cells), "maxItems": len(cells), "prefixItems": list(cells.values())}
    return listed, {"type": "object", "required": list(cells), "properties": cells}


def _invocations(served: Served, max_rows: int) -> dict[str, Any]:
    listed, named = _row(served)
    many = {"type": "array", "minItems": 1, "maxItems": max_rows}
    lists, objects = {**many, "items": listed}, {**many, "items": named}
    split = {
        "type": "object",
        "required": ["data"],
        "properties": {"columns": {"type": "array", "items": _TEXT}, "index": {"type": "array"}, "data": lists},
        "additionalProperties": False,
    }
    by_column = {"type": "object", "additionalProperties": {"type": "array"}}
    forms: dict[str, Any] = {"instances": {"anyOf": [lists, objects]}, "inputs": {"anyOf": [lists, by_column]}}
    if not served.takes_pictures:
        forms |= {"dataframe_split": split, "dataframe_records": objects}
    body = {"oneOf": [{"type": "object", "required": [form], "properties": {form: schema}} for form, schema in forms.items()]}
    content: dict[str, Any] = {JSON: {"schema": body}}
    if not served.takes_pictures:
        content["text/csv"] = {"schema": {"type": "string", "description": "A header line with the columns, then the rows."}}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    record = {
        "type": "object",
        "required": ["label", "probabilities"],
        "properties": {
            "label": {"enum": served.labels},
            "probabilities": {"type": "object", "properties": dict.fromkeys(served.labels, share), "required": served.labels},
        },
    }
    schema = {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array", "items": record}},
    }
    return {
        "summary": "Labels and probabilities of raw rows, in MLflow's scoring protocol.",
        "operationId": "invocations",
        "requestBody": {"required": True, "content": content},
        "responses": _responses(schema, refusals(400, 401, 408, 413, 415, 429, 500, 503)),
    }


def _infer(served: Served, max_rows: int, identity: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    names = [each["name"] for each in served.inputs]
    size = {"type": "integer", "minimum": 1}
    tensor: dict[str, Any] = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"enum": names},
            "shape": {"type": "array", "minItems": 1, "maxItems": 4, "items": size},
            "datatype": {"enum": list(open_inference.DATATYPES)},
            "data": {"type": "array"},
            "parameters": {"type": "object"},
        },
    }
    wanted = {"type": "object", "required": ["name"], "properties": {"name": {"enum": list(open_inference.OUTPUTS)}}}
    request = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": _TEXT,
            "inputs": {"type": "array", "minItems": len(names), "items": tensor, "description": f"At most {max_rows} rows."},
            "outputs": {"type": "array", "items": wanted},
        },
    }
    given = {**tensor, "properties": {**tensor["properties"], "name": {"enum": list(open_inference.OUTPUTS)}}}
    response = {
        "type": "object",
        "required": ["model_name", "model_version", "id", "outputs"],
        "properties": {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "outputs": {"type": "array", "items": given}},
    }
    return {
        "summary": "Labels and probabilities of raw rows, in the Open Inference Protocol.",
        "operationId": identity,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": request}}},
        "responses": _responses(response, refusals(400, 401, 404, 408, 413, 429, 500, 503, protocol="open_inference")),
    }


def _responses(schema: dict[str, Any], others: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    well = {"description": "The answer.", "headers": _HEADERS, "content": {JSON: {"schema": schema}}}
    return {"200": well} | {str(status): each for status, each in others.items()}
