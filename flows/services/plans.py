"""What `bequest up` starts: the command, the environment and the sign of health of each service."""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flows.services.loopback import HOST, ask, past_proxies
from flows.services.record import Service
from model_registry.workspace import Workspace

POOL = "bequest"
PREFECT_PORT = 4200
MLFLOW_PORT = 5000

# A night's run and the hourly watch may meet; more at once would only slow each other down on one machine.
_RUNS_AT_ONCE = 2

# Without `-P` the current directory comes first on the import path, and a folder `tasks` in it hides ours.
PYTHON = [sys.executable, "-P", "-m"]


@dataclass(frozen=True)
class Plan:
    """How to start one service and how to tell that it works.

    Attributes:
        name: The service's name.
        port: Port it will listen on; None for the worker.
        url: Where it will answer; for the worker the API it takes its work from.
        command: What to run.
        environment: What the process sees, entire.
        healthy: Whether a started service does its work.
    """

    name: str
    port: int | None
    url: str
    command: list[str]
    environment: dict[str, str]
    healthy: Callable[[Service], bool]


def prefect(space: Workspace, port: int) -> Plan:
    """The Prefect server, its database in PREFECT_HOME."""
    url = f"http://{HOST}:{port}"
    environment = _environment(space, "prefect") | {
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        # The UI asks here; the server's `--port` alone would leave it at 4200.
        "PREFECT_UI_API_URL": f"{url}/api",
    }
    environment.setdefault("PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT", "false")
    # Kept in memory, as is the default, the leases of runs at work are lost with the server, and the slots they hold
    # are never given back: a schedule whose run was cut off would not start another, ever.
    environment.setdefault("PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", "prefect.server.concurrency.lease_storage.filesystem")
    environment.pop("PREFECT_API_URL", None)
    command = [*PYTHON, "flows.services.keep", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    return Plan("prefect", port, url, command, environment, lambda service: ask(f"{service.url}/api/health") == 200)


def mlflow(space: Workspace, port: int) -> Plan:
    """The MLflow server and UI over the workspace's store."""
    url = f"http://{HOST}:{port}"
    # Not on the command line, which anyone on this machine may read: the address of a store may hold a password.
    environment = _environment(space, "mlflow") | {"MLFLOW_BACKEND_STORE_URI": space.tracking_uri}
    # Jobs are for judging language models; they would bring processes of their own.
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    command = [*PYTHON, "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", space.artifacts.as_uri()]
    return Plan("mlflow", port, url, command, environment, lambda service: ask(f"{service.url}/health") == 200)


def worker(space: Workspace, api: str) -> Plan:
    """The worker that runs what is scheduled or triggered, each flow in a process of its own."""
    # Told apart on a server that several workspaces share.
    name = f"bequest-{hashlib.sha256(str(space.home).encode()).hexdigest()[:8]}"
    environment = _environment(space, "worker") | {"PREFECT_API_URL": api}
    environment.setdefault("PREFECT_WORKER_QUERY_SECONDS", "5")
    command = [*PYTHON, "flows.services.keep", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    command += ["--name", name, "--limit", str(_RUNS_AT_ONCE), "--install-policy", "never"]

    def polls(service: Service) -> bool:
        from flows.services.pool import connect, is_online

        with connect(service.url) as client:
            return is_online(client, name=name, since=datetime.fromisoformat(service.started))

    return Plan("worker", None, api, command, environment, polls)


def marker(space: Workspace, name: str) -> str:
    """What BEQUEST_SERVICE is set to in a service's process and in all that it starts."""
    return f"{name}@{space.home}"


def _environment(space: Workspace, name: str) -> dict[str, str]:
    """This process's environment, after `activate`, fit for a process that writes to a log file."""
    environment = os.environ | {
        "BEQUEST_SERVICE": marker(space, name),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }
    past_proxies(environment)
    return environment
