"""How a service starts: in a session of its own, recorded before it runs, reported only once it answers."""

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from flows.services import record
from flows.services.ending import end
from flows.services.plans import PYTHON, Plan
from flows.services.record import TAKEN, Service
from model_registry.errors import BequestError
from model_registry.workspace import Workspace

# A first start makes databases; on a loaded machine that takes a minute.
_PATIENCE_S = 240
_PAUSE_S = 0.2
_TAIL_LINES = 15


@dataclass
class Start:
    """A service that is to run.

    Attributes:
        space: The workspace.
        plan: How to start it.
        before: Its record, where one stands: of a process that runs, or of one that has died.
    """

    space: Workspace
    plan: Plan
    before: Service | None = None
    _stood: bool = field(init=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _ready: Service | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._stood = self.before is not None and self.before.alive

    @property
    def state(self) -> Literal["started", "restarted", "running"]:
        """`running` where it was found so, else whether it had run before."""
        if self._stood:
            return "running"
        return "restarted" if self.before is not None else "started"

    def begin(self) -> Self:
        """Starts it in the background, unless it was found running."""
        if self._stood:
            return self
        file, log = record.path(self.space, self.plan.name), _log(self.space, self.plan.name)
        file.unlink(missing_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        plan = self.plan
        fields = {"name": plan.name, "port": plan.port, "url": plan.url, "command": plan.command, "log": str(log)}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*PYTHON, "flows.services.launch", str(file), json.dumps(fields)],
                env=plan.environment,
                cwd=self.space.services,  # Prefect and MLflow read settings from, and write strays to, where they stand
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def ready(self) -> Service:
        """Waits until the service answers, on its own port and from its own process.

        Raises:
            BequestError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while self._ready is None:
            service = record.read(self.space, self.plan.name)
            if service is not None and self.plan.healthy(service) and _listens(service):
                self._ready = service
                break
            ended = self._process.poll() if self._process is not None else None
            if ended not in (None, TAKEN) or (service is not None and not service.alive):
                raise self._failed("ended at once")
            if time.monotonic() > deadline:
                raise self._failed(f"did not answer within {_PATIENCE_S} s")
            time.sleep(_PAUSE_S)
        return self._ready

    def undo(self) -> None:
        """Ends what this start began; a service that was found running stays."""
        if self._process is None:
            return
        service = record.read(self.space, self.plan.name)
        if service is not None:
            end(self.space, service)
            record.path(self.space, self.plan.name).unlink(missing_ok=True)
        else:
            # It had not come as far as its record.
            self._process.kill()
            self._process.wait()

    def _failed(self, what: str) -> BequestError:
        log = _log(self.space, self.plan.name)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        said = "".join(f"\n  {line}" for line in lines[-_TAIL_LINES:])
        return BequestError(
            f"The service {self.plan.name} {what} ({self.plan.url}). Its log {log} ends with:{said or ' nothing'}\n"
            "`bequest doctor` looks for the cause; `bequest up` tries again."
        )


def _log(space: Workspace, name: str) -> Path:
    return space.services / f"{name}.log"


def _listens(service: Service) -> bool:
    """Whether the service's own processes hold its port, so that nobody else's answer is taken for its own."""
    import psutil

    root = service.process()
    if root is None:
        return False
    if service.port is None:
        return True
    try:
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == service.port
            for process in (root, *root.children(recursive=True))
            for connection in process.net_connections("tcp")
        )
    except psutil.Error:
        return False
