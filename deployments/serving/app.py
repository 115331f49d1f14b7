"""The server's addresses: who is here, how it fares, and the predictions of `endpoint`."""

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from deployments.serving import feedback, open_inference, openapi
from deployments.serving import metrics as told
from deployments.serving.endpoint import Endpoint
from deployments.serving.errors import RequestError, failed, not_found, shown, slow_body
from deployments.serving.front import Front
from deployments.serving.guards import ClientGone, read_body
from deployments.serving.openapi import JSON, refusals
from deployments.serving.served import Served
from deployments.serving.service import Service

_CODES = {404: "ENDPOINT_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_ANY: dict[str, Any] = {"content": {JSON: {"schema": {"type": "object"}}}}


def create_app(service: Service) -> ASGIApp:
    """The whole application around a service."""
    endpoint = Endpoint(service)
    app = _described(service, endpoint)
    return Front(app, endpoint, service.settings, service.metrics)


def _described(service: Service, endpoint: Endpoint) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.begin()
        yield
        service.close()

    # The interactive pages load scripts from a CDN; the description itself stays at /openapi.json.
    version = importlib.metadata.version("bequest")
    app = FastAPI(title="bequest", version=version, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    for path in ("/invocations", "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        app.router.routes.append(Route(path, endpoint, methods=["POST"], include_in_schema=False))
    _probes(app)
    _facts(app, service)
    _open_inference(app, service)
    _refusals(app)
    return app


def _probes(app: FastAPI) -> None:
    async def ping() -> Response:
        """Answers as soon as the model is loaded."""
        return Response("\n", media_type="text/plain")

    for path in ("/ping", "/health"):
        app.add_api_route(path, ping, methods=["GET"], operation_id=path[1:], response_class=PlainTextResponse)

    @app.get("/v2/health/live", responses={200: _ANY})
    async def live() -> Response:
        """Whether the server runs."""
        return _json({"live": True})

    @app.get("/v2/health/ready", responses={200: _ANY})
    async def ready() -> Response:
        """Whether the server answers requests; it listens only once its model is loaded."""
        return _json({"ready": True})


def _facts(app: FastAPI, service: Service) -> None:
    guarded = refusals(401)

    @app.get("/version", responses={200: _ANY, **guarded})
    async def show_version() -> Response:
        """Which model answers: name, version, sha256 of its bundle, and the version of bequest."""
        return _json(service.version() | {"bequest": app.version})

    @app.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **guarded})
    async def show_metrics() -> Response:
        """Counters in Prometheus's text format."""
        return Response(service.metrics.page(), headers={"Content-Type": told.CONTENT_TYPE})

    @app.post("/feedback", openapi_extra=openapi.FEEDBACK, responses={200: _ANY, **refusals(400, 401, 408, 409, 413, 429)})
    async def take_feedback(request: Request) -> Response:
        """Takes the truth about rows that were predicted, by request id: late, and in any order."""
        settings = service.settings
        try:
            async with asyncio.timeout(settings.timeout_s):
                body = await read_body(request.receive, dict(request.scope["headers"]), settings.max_body_bytes)
        except TimeoutError:
            raise slow_body(settings.timeout_s) from None
        except ClientGone:
            return Response(status_code=400)  # nobody reads it
        return _json({"labels": feedback.take(service, body)})

    @app.get("/openapi.json", include_in_schema=False)
    async def describe() -> Response:
        document = app.openapi()
        served = service.lineup.champion
        paths = {**document["paths"], **openapi.predictions(served, service.settings.max_rows)}
        return _json({**document, "paths": paths})


def _open_inference(app: FastAPI, service: Service) -> None:
    guarded = refusals(401, protocol="open_inference")
    named = refusals(401, 404, protocol="open_inference")

    @app.get("/v2", responses={200: _ANY, **guarded})
    async def server_metadata() -> Response:
        """Name, version and extensions of the server."""
        return _json({"name": "bequest", "version": app.version, "extensions": []})

    def found(name: str, version: str | None = None) -> Served:
        lineup = service.lineup
        served = lineup.find(name, version)
        if served is None:
            raise not_found(f"model {shown(name)}: expected {lineup.champion.name}, version {' or '.join(lineup.versions)}.")
        return served

    @app.get("/v2/models/{name}", responses={200: _ANY, **named})
    async def model_metadata(name: str) -> Response:
        """Names, types and shapes of a model's tensors."""
        return _json(open_inference.metadata(found(name), service.lineup.versions))

    @app.get("/v2/models/{name}/versions/{version}", responses={200: _ANY, **named})
    async def version_metadata(name: str, version: str) -> Response:
        """Names, types and shapes of a version's tensors."""
        return _json(open_inference.metadata(found(name, version), service.lineup.versions))

    @app.get("/v2/models/{name}/ready", responses={200: _ANY, **named})
    async def model_ready(name: str) -> Response:
        """Whether a model answers requests."""
        return _json({"name": found(name).name, "ready": True})

    @app.get("/v2/models/{name}/versions/{version}/ready", responses={200: _ANY, **named})
    async def version_ready(name: str, version: str) -> Response:
        """Whether a version answers requests."""
        return _json({"name": found(name, version).name, "ready": True})


def _refusals(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def refuse(request: Request, error: RequestError) -> Response:
        return error.response(_protocol(request))

    @app.exception_handler(HTTPException)
    async def refuse_address(request: Request, error: HTTPException) -> Response:
        expected = (
            "Expected POST /invocations, POST /v2/models/NAME/infer, or GET /ping, /version, /v2, /metrics, /openapi.json."
        )
        message = f"{request.method} {shown(request.url.path)}: {error.detail}. {expected}"
        refusal = RequestError(error.status_code, _CODES.get(error.status_code, "BAD_REQUEST"), message, error.headers)
        return refusal.response(_protocol(request))

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        return failed().response(_protocol(request))


def _protocol(request: Request) -> str:
    return "open_inference" if request.url.path.startswith("/v2") else "mlflow"


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type=JSON)
