"""Refusals: a status, and JSON in the shape of the protocol that the client speaks."""

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

    def body(self, protocol: str = "mlflow") -> bytes:
        """The refusal in the shape of a protocol: MLflow's, or `error` alone in the Open Inference Protocol."""
        if protocol == "mlflow":
            return orjson.dumps({"error_code": self.error_code, "message": self.message})
        return orjson.dumps({"error": self.message})

    def response(self, protocol: str = "mlflow") -> Response:
        """The answer to send."""
        return Response(self.body(protocol), self.status, self.headers, media_type="application/json")


def malformed(message: str) -> RequestError:
    """The body can't be read as what it claims to be."""
    return RequestError(400, "BAD_REQUEST", message)


def invalid(message: str) -> RequestError:
    """The body can be read, but it is not what this model takes."""
    return RequestError(400, "INVALID_PARAMETER_VALUE", message)


def too_large(message: str) -> RequestError:
    """More than the server accepts at once."""
    return RequestError(413, "PAYLOAD_TOO_LARGE", message)


def not_found(message: str) -> RequestError:
    """Nothing of that name stands here."""
    return RequestError(404, "RESOURCE_DOES_NOT_EXIST", message)


def overloaded(message: str) -> RequestError:
    """More requests than can be answered; the client may try again."""
    return RequestError(429, "RESOURCE_EXHAUSTED", message, {"Retry-After": "1"})


def timed_out(message: str) -> RequestError:
    """The answer would have come too late; the client may try again."""
    return RequestError(503, "TEMPORARILY_UNAVAILABLE", message, {"Retry-After": "1"})


def failed() -> RequestError:
    """The server's own fault. The cause goes to its log, never to a client."""
    return RequestError(500, "INTERNAL_ERROR", "The server failed to answer; its log says why.")


def slow_body(seconds: float) -> RequestError:
    """The client sends its body too slowly."""
    return RequestError(408, "REQUEST_TIMEOUT", f"body: expected it whole within {seconds:g} s. Received: a part of it.")


def shown(value: Any, length: int = 60) -> str:
    """A client's value for a message, cut so that a hostile one can't blow the answer up."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."


def cut(message: str, length: int = 1000) -> str:
    """A message that repeats a client's value whole, cut in the middle: what is wrong stands before it, where behind it."""
    return message if len(message) <= length else f"{message[: length - 100]}...{message[-97:]}"


def listed(names: Iterable[str], count: int = 12) -> str:
    """Names for a message, cut at `count`."""
    names = list(names)
    more = f", and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(shown(name) for name in names[:count]) + more


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was meant, or nothing."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {near[0]!r} by {name!r}?" if near else ""
