"""The addresses that predict, without a framework in between: it would take most of the time of a small network's answer."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive, Scope, Send

from deployments.serving import request_id
from deployments.serving.asked import Asked, Protocol
from deployments.serving.errors import RequestError, failed, slow_body
from deployments.serving.guards import ClientGone, read_body
from deployments.serving.service import Service

MLFLOW, OPEN_INFERENCE = "/invocations", "/v2/models/{name}/infer"
_INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_log = logging.getLogger("bequest.serving")


class Endpoint:
    """ASGI application for `/invocations` and `/v2/models/.../infer`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        trial = service.settings.trial
        self._key_header = trial.key_header.lower().encode() if trial is not None and trial.key_header else None

    @staticmethod
    def match(path: str) -> str | None:
        """The template of the address, where it is one of these."""
        if path == MLFLOW:
            return MLFLOW
        if path.startswith("/v2/") and _INFER.fullmatch(path):
            return OPEN_INFERENCE
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or says why not; a cause within the server goes to its log alone."""
        headers = dict(scope["headers"])
        identity = scope.setdefault("state", {}).setdefault("request_id", "")
        identity = identity or request_id.of(headers.get(request_id.HEADER))
        named = _INFER.fullmatch(scope["path"])
        protocol: Protocol = "mlflow" if named is None else "open_inference"
        status, extra = 200, list[tuple[bytes, bytes]]()
        try:
            answer = await self._answer(scope, receive, headers, identity, protocol, named)
        except ClientGone:
            scope["state"]["status"] = 499  # nobody reads an answer
            return
        except RequestError as error:
            status, body = error.status, error.body(protocol)
            extra = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
        except Exception:
            _log.exception("request %s failed", identity)
            status, body = 500, failed().body(protocol)
        else:
            body = answer.body
            served = answer.served
            scope["state"].update(version=served.version, rows=answer.rows)
            extra = served.headers
        scope["state"]["status"] = status
        head = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (request_id.HEADER, identity.encode()),
            *extra,
        ]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes], identity: str, protocol: Protocol, named: Any
    ) -> Any:
        settings = self.service.settings
        self.service.admit()
        try:
            try:
                async with asyncio.timeout(settings.timeout_s):
                    body = await read_body(receive, headers, settings.max_body_bytes)
            except TimeoutError:
                self.service.metrics.refused.labels("slow body").inc()
                raise slow_body(settings.timeout_s) from None
            key = headers.get(self._key_header) if self._key_header is not None else None
            asked = Asked(
                protocol,
                body,
                headers.get(b"content-type", b"").decode("latin-1") or None,
                identity,
                None if key is None else key.decode("latin-1"),
                None if named is None else named[1],
                None if named is None else named[2],
            )
            return await self.service.answer(asked)
        finally:
            self.service.leave()
