"""A glance at an MLflow server by its REST interface; artifacts must be proxied by it, as they are by default."""

import base64
import http.client
import json
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode, urlparse

from model_registry.errors import InputError, IntegrityError
from model_registry.glance import Seen, unreachable

_TIMEOUT_S = 10.0
_API = "/api/2.0/mlflow"
_FILES = "/api/2.0/mlflow-artifacts/artifacts"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE")


class RestStore:
    """The store behind a server. Credentials are MLflow's own: MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def number_at(self, name: str, alias: str) -> int | None:
        """The version that an alias points at, if any."""
        found = self._get("/registered-models/alias", name=name, alias=alias)
        return None if found is None else int(found["model_version"]["version"])

    def version(self, name: str, number: int) -> Seen | None:
        """One version, if it stands."""
        found = self._get("/model-versions/get", name=name, version=str(number))
        if found is None:
            return None
        stated = found["model_version"]
        tags = _tags(stated)
        ready = tags.get("ready") == "true" and stated.get("status") == "READY"
        source = stated.get("source", "")
        if source.startswith("models:/m-"):
            logged = self._get(f"/logged-models/{quote(source.removeprefix('models:/'), safe='')}")
            source = "" if logged is None else logged["model"]["info"]["artifact_uri"]
        return Seen(name, number, tags, ready, source)

    def model_tags(self, name: str) -> dict[str, str]:
        """Tags of a registered model."""
        found = self._get("/registered-models/get", name=name)
        return {} if found is None else _tags(found["registered_model"])

    def read(self, seen: Seen, path: str) -> bytes:
        """One file of a version."""
        parsed = urlparse(seen.location)
        if parsed.scheme != "mlflow-artifacts":
            raise InputError(
                f"{seen.label}: expected files that the MLflow server hands out (mlflow-artifacts:/). "
                f"Received: {parsed.scheme or 'none'}. Start it with --artifacts-destination."
            )
        try:
            return self._open(f"{_FILES}/{quote(parsed.path.strip('/'))}/{quote(path)}")
        except urllib.error.HTTPError as error:
            raise IntegrityError(f"{seen.label}: {path} is missing (the server answered {error.code})") from error

    def _get(self, path: str, **query: str) -> Any:
        try:
            return json.loads(self._open(f"{_API}{path}?{urlencode(query)}"))
        except urllib.error.HTTPError as error:
            try:
                code = json.loads(error.read()).get("error_code")
            except (ValueError, AttributeError):
                code = None
            if error.code in (400, 404) and code in _ABSENT:
                return None
            raise unreachable(self._uri, error) from error

    def _open(self, path: str) -> bytes:
        request = urllib.request.Request(self._uri + path, headers=_credentials())
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self._uri, error) from error


def _tags(stated: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in stated.get("tags", [])}


def _credentials() -> dict[str, str]:
    token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user:
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    return {}
