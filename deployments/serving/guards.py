"""What stands before every request: the token, and the limit on the body's size."""

import hmac

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.serving.errors import RequestError, too_large

# Probes of an orchestrator carry no token, and learn nothing but that the server is up.
OPEN_PATHS = frozenset(["/ping", "/health"])
# How far past the limit an oversized body is still read (and dropped), so that the client gets to read the refusal.
DRAIN_FACTOR = 4


class TokenGuard:
    """ASGI middleware: every address but the probes asks for `Authorization: Bearer TOKEN`."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.expected = b"bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 401."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS and not self._admits(scope):
            message = "Authorization: expected `Bearer TOKEN` with this server's token. Received: none, or another."
            refusal = RequestError(401, "UNAUTHENTICATED", message, {"WWW-Authenticate": "Bearer"})
            await refusal.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = given.partition(b" ")
        return hmac.compare_digest(scheme.lower() + b" " + token.strip(), self.expected)


async def read_body(request: Request, max_body_bytes: int) -> bytes:
    """The request's body.

    Raises:
        RequestError: 413, larger than `max_body_bytes`.
    """
    refusal = too_large(f"body: expected at most {max_body_bytes} bytes. Received: more. Send the rows in parts.")
    declared = request.headers.get("content-length", "")
    # A client that asks before it sends (Expect: 100-continue) is told at once.
    if declared.isdecimal() and int(declared) > max_body_bytes and "expect" in request.headers:
        raise refusal
    body = bytearray()
    received = 0
    async for part in request.stream():
        received += len(part)
        if received <= max_body_bytes:
            body += part
        elif received > max_body_bytes * DRAIN_FACTOR:
            break
    if received > max_body_bytes:
        raise refusal
    return bytes(body)
