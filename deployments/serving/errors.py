"""Refusals, in the shape of MLflow's scoring server: a status, and JSON with `error_code` and `message`."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from fastapi import Response


class RequestError(Exception):
    """The request can't be answered; the message says what was found, what was expected and where."""

    def __init__(self, status: int, error_code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.headers = headers

    def response(self) -> Response:
        """The answer to send."""
        body = orjson.dumps({"error_code": self.error_code, "message": self.message})
        return Response(body, self.status, self.headers, media_type="application/json")


def malformed(message: str) -> RequestError:
    """The body can't be read as what it claims to be."""
    return RequestError(400, "BAD_REQUEST", message)


def invalid(message: str) -> RequestError:
    """The body can be read, but it is not what this model takes."""
    return RequestError(400, "INVALID_PARAMETER_VALUE", message)


def too_large(message: str) -> RequestError:
    """More than the server accepts at once."""
    return RequestError(413, "PAYLOAD_TOO_LARGE", message)


def shown(value: Any, length: int = 60) -> str:
    """A client's value for a message, cut so that a hostile one can't blow the answer up."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."


def listed(names: Iterable[str], count: int = 12) -> str:
    """Names for a message, cut at `count`."""
    names = list(names)
    more = f", and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(shown(name) for name in names[:count]) + more


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was meant, or nothing."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {near[0]!r} by {name!r}?" if near else ""
