"""The outermost layer: every request gets an id, shows its token, is counted and, where asked for, logged."""

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.serving import access_log, request_id
from deployments.serving.endpoint import MLFLOW, Endpoint
from deployments.serving.guards import OPEN_PATHS, admits, unauthenticated
from deployments.serving.metrics import Metrics
from deployments.serving.settings import Settings

KNOWN = frozenset([*OPEN_PATHS, MLFLOW, "/version", "/metrics", "/openapi.json", "/feedback", "/v2"])


class Front:
    """ASGI application around all others. Predictions go straight to their endpoint, all else to `app`.

    Args:
        app: Everything but the predictions.
        endpoint: The predictions.
        settings: Token and access log.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, endpoint: Endpoint, settings: Settings, metrics: Metrics) -> None:
        self._app, self._endpoint, self._settings, self._metrics = app, endpoint, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        state: dict[str, Any] = {"request_id": "", "status": 500}
        scope["state"] = {**scope.get("state", {}), **state}
        state = scope["state"]
        given = authorization = None
        for name, value in scope["headers"]:
            if name == request_id.HEADER:
                given = value
            elif name == b"authorization":
                authorization = value
        state["request_id"] = request_id.of(given)
        path = scope["path"]
        template = Endpoint.match(path)
        try:
            token = self._settings.token
            if token is not None and path not in OPEN_PATHS and not admits(token, authorization or b""):
                refusal = unauthenticated().response("open_inference" if path.startswith("/v2") else "mlflow")
                await refusal(scope, receive, _marked(send, state))
            elif template is not None and scope["method"] == "POST":
                await self._endpoint(scope, receive, send)
            else:
                await self._app(scope, receive, _marked(send, state))
        finally:
            seconds = time.perf_counter() - begun
            self._metrics.ended(template or _template(path), state["status"], seconds)
            if self._settings.access_log:
                client = scope.get("client")
                access_log.request(
                    request_id=state["request_id"],
                    method=scope["method"],
                    path=path,
                    status=state["status"],
                    seconds=seconds,
                    client=client[0] if client else None,
                    version=state.get("version"),
                    rows=state.get("rows"),
                )


def _marked(send: Send, state: dict[str, Any]) -> Send:
    """Adds the request's id to an answer, and notes its status."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            state["status"] = message["status"]
            message = {**message, "headers": [*message.get("headers", []), (request_id.HEADER, state["request_id"].encode())]}
        await send(message)

    return marked


def _template(path: str) -> str:
    """What a request is counted under: never a client's own words, which could fill the memory."""
    if path in KNOWN:
        return path
    return "/v2/models/{name}" if path.startswith("/v2/models/") else "other"
