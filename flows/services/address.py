"""Which Prefect server a command speaks to. Imports neither Prefect nor MLflow: every command asks."""

import os

from flows.services import record
from flows.services.loopback import ask, past_proxies
from model_registry.workspace import current


def prefect_api_url() -> str | None:
    """The API to use: PREFECT_API_URL where the user has set it, else this workspace's server if it answers."""
    given = os.environ.get("PREFECT_API_URL")
    if given:
        return given
    server = record.read(current(), "prefect")
    if server is None or not server.alive:
        return None
    api = f"{server.url}/api"
    return api if ask(f"{api}/health") == 200 else None


def use_server_if_up() -> str | None:
    """Points this process and those it starts at the server that `bequest up` keeps running.

    Call before Prefect is imported: it reads its settings once. Where no server runs, Prefect starts a passing one.

    Returns:
        The API's address, or None where none runs.
    """
    api = prefect_api_url()
    if api is not None:
        os.environ["PREFECT_API_URL"] = api
        past_proxies(os.environ)
    return api
