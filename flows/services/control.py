"""Starting and ending the services of a workspace, one command at a time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from flows.services import plans, record
from flows.services.ending import end
from flows.services.plans import MLFLOW_PORT, PREFECT_PORT, Plan
from flows.services.ports import choose
from flows.services.record import NAMES
from flows.services.starting import Start
from model_registry.errors import BequestError, InputError
from model_registry.workspace import Workspace, activate, current

_PATIENCE_S = 300

State = Literal["started", "restarted", "running", "yours", "ended", "cleared"]


@dataclass(frozen=True)
class Outcome:
    """What became of one service.

    Attributes:
        name: `prefect`, `mlflow` or `worker`.
        state: `running` already, `started`, `restarted` after it had died, `yours` (named by the environment and
            not bequest's to start or end); or `ended`, or `cleared`: the pid file of a service long gone.
        url: Where it answers; for the worker the API it takes its work from.
        port: Port it listens on, if any.
        pid: Process id, where bequest started it.
        log: The file with its output.
    """

    name: str
    state: State
    url: str
    port: int | None = None
    pid: int | None = None
    log: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return asdict(self)


def up(
    *,
    prefect_port: int | None = None,
    mlflow_port: int | None = None,
    worker: bool = True,
    retrain: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Starts what does not run yet, and returns once all of it answers.

    Args:
        prefect_port: Port of the Prefect server; None: 4200, or the next free one.
        mlflow_port: Port of the MLflow server; None: 5000, or the next free one.
        worker: Whether to start the worker too.
        retrain: Module path of the flow that a request for retraining runs; None: the one of `flows.feedback`.
        say: Told what is being waited for.

    Raises:
        InputError: A port asked for is in use, or the service runs on another.
        BequestError: A service did not start; what this call had started is ended again.
    """
    # Read before `activate`, and before anything sets it for this process: what is found here is the user's.
    theirs = os.environ.get("PREFECT_API_URL")
    space = activate()
    with _alone(space, say):
        # All ports are settled before anything is started.
        server, tracking = _prefect(space, prefect_port, theirs), _mlflow(space, mlflow_port)
        outcomes: list[Start | Outcome] = [server, tracking]
        try:
            if isinstance(server, Start):
                server.begin()
            if isinstance(tracking, Start):
                say("opening the MLflow store")
                _open_store(tracking)
                tracking.begin()
            say("waiting for the Prefect server")
            api = f"{server.ready().url}/api" if isinstance(server, Start) else server.url
            if worker:
                say("deploying the retraining flow")
                _deploy(space, api, retrain, own=isinstance(server, Start))
                outcomes.append(_worker(space, api).begin())
            for each in outcomes:
                say(f"waiting for {each.plan.name if isinstance(each, Start) else each.name}")
                if isinstance(each, Start):
                    each.ready()
        except BaseException:
            for each in reversed(outcomes):
                if isinstance(each, Start):
                    each.undo()
            raise
    return [_outcome(each) if isinstance(each, Start) else each for each in outcomes]


def down(*, say: Callable[[str], None] = lambda _: None) -> list[Outcome]:
    """Ends every service of this workspace and what it started; a stranger that has its pid now is left alone."""
    space = current()
    if not space.services.is_dir():
        return []
    outcomes = []
    with _alone(space, say):
        # The worker first: it tells the server what becomes of the flows it was running.
        for name in reversed(NAMES):
            file = record.path(space, name)
            service = record.read(space, name)
            if service is None:
                file.unlink(missing_ok=True)
                continue
            say(f"ending {name}")
            ended = end(space, service)
            file.unlink(missing_ok=True)
            outcomes.append(Outcome(name, "ended" if ended else "cleared", service.url, service.port, service.pid, service.log))
    return outcomes


@contextmanager
def _alone(space: Workspace, say: Callable[[str], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    space.services.mkdir(parents=True, exist_ok=True)
    lock = FileLock(space.services / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("waiting for another `bequest up` or `bequest down`")
        try:
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            raise BequestError(
                f"Another `bequest up` or `bequest down` has been at work in {space.home} for {_PATIENCE_S} s. "
                "End it, then repeat the command."
            ) from None
    try:
        yield
    finally:
        lock.release()


def _prefect(space: Workspace, given: int | None, theirs: str | None) -> Start | Outcome:
    own = record.read(space, "prefect")
    if theirs and not (own is not None and theirs == f"{own.url}/api"):
        if own is not None and own.alive:
            raise InputError(
                f"PREFECT_API_URL: expected {own.url}/api, this workspace's own server, or nothing. Received: {theirs}. "
                "Unset it to keep the own server, or end that one with `bequest down` to use yours."
            )
        if given is not None:
            raise InputError(
                f"--prefect-port: expected no port, as PREFECT_API_URL={theirs} names a server of yours. Received: {given}. "
                "Unset PREFECT_API_URL to have a server in this workspace."
            )
        return Outcome("prefect", "yours", theirs)
    return _serve(space, "prefect", plans.prefect, given, PREFECT_PORT)


def _mlflow(space: Workspace, given: int | None) -> Start | Outcome:
    if space.tracking_uri.startswith("http"):
        if given is not None:
            raise InputError(
                f"--mlflow-port: expected no port, as MLFLOW_TRACKING_URI={space.tracking_uri} names a server of yours. "
                f"Received: {given}. Unset MLFLOW_TRACKING_URI to have a store in this workspace."
            )
        return Outcome("mlflow", "yours", space.tracking_uri)
    return _serve(space, "mlflow", plans.mlflow, given, MLFLOW_PORT)


def _serve(space: Workspace, name: str, plan: Callable[[Workspace, int], Plan], given: int | None, default: int) -> Start:
    before = record.read(space, name)
    option = f"--{name}-port"
    if before is None or not before.alive:
        port = choose(given, default, option=option, last=before.port if before else None)
        return Start(space, plan(space, port), before)
    if before.port is None or given not in (None, before.port):
        raise InputError(
            f"{option}: expected {before.port}, where this workspace's {name} already runs. Received: {given}. "
            "`bequest down` ends it; then `bequest up` takes the port you give."
        )
    return Start(space, plan(space, before.port), before)


def _open_store(tracking: Start) -> None:
    """Makes the store where there is none: two processes at once on a fresh one would race in its migration."""
    if tracking.state != "running":
        from model_registry import store

        store.ensure()


def _worker(space: Workspace, api: str) -> Start:
    before = record.read(space, "worker")
    if before is not None and before.alive and before.url != api:
        # Its server is on another port now, so it can't get any work.
        end(space, before)
    return Start(space, plans.worker(space, api), before)


def _deploy(space: Workspace, api: str, retrain: str | None, *, own: bool) -> None:
    """Makes the pool, the retraining deployment and the automation that starts it; settles what a dead worker left."""
    from flows.automations import ensure_automations
    from flows.deploying import RETRAIN, ensure_retrain
    from flows.services.pool import connect, ensure_pool, settle_cut_off

    watcher = record.read(space, "worker")
    with connect(api) as client:
        ensure_pool(client, Path.cwd(), shared=not own)
        ensure_automations(client, ensure_retrain(client, retrain or RETRAIN))
        if own and (watcher is None or not watcher.alive):
            settle_cut_off(client)


def _outcome(start: Start) -> Outcome:
    service = start.ready()
    return Outcome(service.name, start.state, service.url, service.port, service.pid, service.log)
