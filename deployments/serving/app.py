"""The server's addresses: MLflow's `/invocations`, `/ping`, `/health` and `/version`."""

import asyncio
import importlib.metadata
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from deployments.serving import scoring
from deployments.serving.errors import RequestError, invalid, shown
from deployments.serving.guards import TokenGuard, read_body
from deployments.serving.settings import Settings
from model_registry.errors import InputError
from tasks.bundle import Bundle

JSON = "application/json"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"type": "object", "properties": {form: {} for form in scoring.FORMATS}}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}
_CODES = {404: "ENDPOINT_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


def create_app(bundle: Bundle, settings: Settings) -> FastAPI:
    """A FastAPI application that answers from `bundle`.

    Args:
        bundle: A verified bundle.
        settings: Limits, token, and what to answer as.
    """
    # The interactive pages load scripts from a CDN; the description itself stays at /openapi.json.
    app = FastAPI(title="bequest", version=importlib.metadata.version("bequest"), docs_url=None, redoc_url=None)
    workers = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="predict")
    version = {
        "name": settings.name or bundle.manifest["name"],
        "version": settings.version or bundle.manifest["version"],
        "bundle_sha256": bundle.sha256,
        "bequest": app.version,
    }

    def invoke(body: bytes, content_type: str | None) -> bytes:
        raw = scoring.read(bundle, body, content_type, settings.max_rows)
        try:
            probabilities = bundle.predict(raw)
        except InputError as error:
            raise invalid(str(error)) from error
        return scoring.answer(bundle.labels, probabilities)

    @app.get("/ping")
    @app.get("/health")
    async def ping() -> Response:
        """Answers as soon as the model is loaded."""
        return Response("\n", media_type=JSON)

    @app.get("/version")
    async def show_version() -> Response:
        """Which model answers: name, version, sha256 of its bundle, and the version of bequest."""
        return Response(orjson.dumps(version), media_type=JSON)

    @app.post("/invocations", openapi_extra=_BODY)
    async def invocations(request: Request) -> Response:
        """Labels and probabilities of raw rows, in MLflow's scoring protocol."""
        body = await read_body(request, settings.max_body_bytes)
        content_type = request.headers.get("content-type")
        if len(body) <= settings.inline_body_bytes:
            answer = invoke(body, content_type)
        else:
            answer = await asyncio.get_running_loop().run_in_executor(workers, invoke, body, content_type)
        return Response(answer, media_type=JSON)

    @app.exception_handler(RequestError)
    async def refuse(request: Request, error: RequestError) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def refuse_address(request: Request, error: HTTPException) -> Response:
        expected = "Expected POST /invocations or GET /ping, /health, /version, /openapi.json."
        message = f"{request.method} {shown(request.url.path)}: {error.detail}. {expected}"
        return RequestError(error.status_code, _CODES.get(error.status_code, "BAD_REQUEST"), message, error.headers).response()

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        # The cause goes to the server's log, never to the client.
        return RequestError(500, "INTERNAL_ERROR", "The server failed to answer; its log says why.").response()

    if settings.token is not None:
        app.add_middleware(TokenGuard, token=settings.token)
    return app
