"""The record of one running service: a pid file that can tell its process from a stranger with the same pid."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model_registry.workspace import Workspace, current

NAMES = ("prefect", "mlflow", "worker")

# Exit code of a process that found the service recorded by another.
TAKEN = 3

# The boot time that a creation time is counted from may be off by a second between two readings.
_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class Service:
    """One service, as its pid file has it.

    Attributes:
        name: `prefect`, `mlflow` or `worker`.
        pid: Process id; also the id of the session and process group that the service leads.
        create_time: When the process was created, in seconds since the epoch.
        port: Port it listens on; None for the worker.
        url: Where it answers; for the worker the Prefect API that it takes its work from.
        command: What was started.
        started: When, ISO 8601 in UTC.
        log: The file with its output.
    """

    name: str
    pid: int
    create_time: float
    port: int | None
    url: str
    command: list[str]
    started: str
    log: str

    def process(self) -> Any:
        """Its `psutil.Process`; None where it has ended, or where a stranger has its pid now."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) <= _TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        """Whether the very process that was started still runs."""
        return self.process() is not None


def path(space: Workspace, name: str) -> Path:
    """The pid file of a service."""
    return space.services / f"{name}.json"


def read(space: Workspace, name: str) -> Service | None:
    """What the pid file says; None where there is none, or where it can't be read."""
    try:
        return Service(**json.loads(path(space, name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def running() -> dict[str, Service]:
    """The services of this workspace that run now, by name. Whether they answer is not asked."""
    space = current()
    known = {name: read(space, name) for name in NAMES}
    return {name: service for name, service in known.items() if service is not None and service.alive}


def claim(file: Path, service: Service) -> bool:
    """Writes a pid file, whole and only where there is none.

    Returns:
        False where another process was first.
    """
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    partial.write_text(json.dumps(asdict(service), indent=1))
    try:
        os.link(partial, file)
    except FileExistsError:
        return False
    finally:
        partial.unlink()
    return True
