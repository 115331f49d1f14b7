"""What stands before every request: the token, and the limit on the body's size."""

import hmac
from collections.abc import Mapping

from starlette.types import Receive

from deployments.serving.errors import RequestError, too_large

# Probes of an orchestrator carry no token, and learn nothing but that the server is up.
OPEN_PATHS = frozenset(["/ping", "/health", "/v2/health/live", "/v2/health/ready"])
# How far past the limit an oversized body is still read (and dropped), so that the client gets to read the refusal.
DRAIN_FACTOR = 4


class ClientGone(Exception):
    """The client went before its request was whole."""


def unauthenticated() -> RequestError:
    """The request has no token, or another."""
    message = "Authorization: expected `Bearer TOKEN` with this server's token. Received: none, or another."
    return RequestError(401, "UNAUTHENTICATED", message, {"WWW-Authenticate": "Bearer"})


def admits(token: str, authorization: bytes) -> bool:
    """Whether a header carries the token; takes as long whichever character is wrong."""
    scheme, _, given = authorization.partition(b" ")
    return hmac.compare_digest(scheme.lower() + b" " + given.strip(), b"bearer " + token.encode())


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], max_body_bytes: int) -> bytes:
    """The request's body.

    Raises:
        RequestError: 413, larger than `max_body_bytes`.
        ClientGone: It will never be whole.
    """
    refusal = too_large(f"body: expected at most {max_body_bytes} bytes. Received: more. Send the rows in parts.")
    declared = headers.get(b"content-length", b"")
    # A client that asks before it sends (Expect: 100-continue) is told at once.
    if b"expect" in headers and declared.isdigit() and int(declared[:20]) > max_body_bytes:
        raise refusal
    body, received, more = bytearray(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part, more = message.get("body", b""), message.get("more_body", False)
        received += len(part)
        if received <= max_body_bytes:
            body += part
        elif received > max_body_bytes * DRAIN_FACTOR:
            break
    if received > max_body_bytes:
        raise refusal
    return bytes(body)
