"""The work pool that scheduled and triggered flows wait in. Imports Prefect: only for commands that need its server."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY
from prefect.states import Crashed
from prefect.workers.process import ProcessWorker

from flows.services.plans import POOL, PYTHON
from model_registry.errors import BequestError, InputError
from model_registry.workspace import activate


@contextmanager
def connect(api: str) -> Iterator[SyncPrefectClient]:
    """A client of the server at `api`, whatever server this process's settings name.

    Raises:
        BequestError: The server does not answer, or refuses what is asked of it.
    """
    client = SyncPrefectClient(api, auth_string=PREFECT_API_AUTH_STRING.value(), api_key=PREFECT_API_KEY.value())
    with client:
        problem = client.api_healthcheck()
        if problem is not None:
            raise BequestError(
                f"The Prefect server at {api} does not answer ({problem or type(problem).__name__}). "
                "`bequest up` starts one; where PREFECT_API_URL names another, start that one or unset the variable."
            )
        try:
            yield client
        except httpx.HTTPStatusError as error:
            raise BequestError(f"The Prefect server at {api} refused: {error}. `bequest doctor` checks versions.") from error
        except httpx.HTTPError as error:
            raise BequestError(f"The Prefect server at {api} broke off: {error}. Repeat the command.") from error


def ensure_pool(client: SyncPrefectClient, directory: Path, *, shared: bool = False) -> None:
    """Makes the pool, or brings it up to date.

    Args:
        client: Of the server that holds it.
        directory: Where flows run that name no directory of their own, such as those of `prefect deploy`.
        shared: Whether the server is the user's, where the pool may be that of another workspace.

    Raises:
        InputError: It is: its worker and this one would take each other's flows.
    """
    template = ProcessWorker.get_default_base_job_template()
    defaults = template["variables"]["properties"]
    defaults["working_dir"]["default"] = str(directory)
    # Given a command, the worker starts the flow in that directory as it is: no copy of it, no look for a
    # project to install. The flow's code is the installed package, found by its module path.
    defaults["command"]["default"] = shlex.join([*PYTHON, "prefect.engine"])
    defaults["env"]["default"] = flow_environment()
    description = "Scheduled and triggered flows of bequest, each in a process of its own."
    try:
        known = client.read_work_pool(POOL)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", base_job_template=template, description=description), overwrite=True
        )
        return
    home = known.base_job_template["variables"]["properties"].get("env", {}).get("default", {}).get("BEQUEST_HOME")
    if shared and home not in (None, flow_environment()["BEQUEST_HOME"]):
        raise InputError(
            f"PREFECT_API_URL: expected a server without a pool `{POOL}` of another workspace. Received: {client.api_url}, "
            f"where it is that of {home}. Unset it to have a server in this workspace, or give --no-worker."
        )
    if known.base_job_template != template:
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template, description=description))


def flow_environment() -> dict[str, str]:
    """What a flow needs to work in this workspace, whichever worker runs it."""
    space = activate()
    handed = {"BEQUEST_HOME": str(space.home), "PREFECT_LOCAL_STORAGE_PATH": os.environ["PREFECT_LOCAL_STORAGE_PATH"]}
    # The server's database is no place for the password in another store's address; the worker has it already.
    return handed if "@" in space.tracking_uri else handed | {"MLFLOW_TRACKING_URI": space.tracking_uri}


def settle_cut_off(client: SyncPrefectClient) -> int:
    """Marks runs as crashed that the server believes at work, but whose process is gone with the worker that watched it.

    Only for the workspace's own server, whose flows all run on this machine, and while no worker runs.

    Returns:
        How many there were.
    """
    import psutil

    alive = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive.add(process.environ().get("PREFECT__FLOW_RUN_ID"))
    at_work = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    cut_off = [
        run
        for run in client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=at_work)),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        )
        if str(run.id) not in alive
    ]
    for run in cut_off:
        client.set_flow_run_state(run.id, Crashed(message="Its process ended without a word, as did its worker."), force=True)
    return len(cut_off)


def is_online(client: SyncPrefectClient, *, name: str | None = None, since: datetime | None = None) -> bool:
    """Whether a worker of the pool has been heard of lately.

    Args:
        client: Of the server that holds the pool.
        name: That worker and no other.
        since: Heard of since then, to the second.
    """
    # The client's own method sends `limit: null`, which servers on fastapi >= 0.151 refuse.
    route: Literal["/work_pools/{work_pool_name}/workers/filter"] = "/work_pools/{work_pool_name}/workers/filter"
    response = client.request("POST", route, path_params={"work_pool_name": POOL}, json={})
    found: list[dict[str, Any]] = response.json()
    return any(
        worker["status"] == "ONLINE"
        and name in (None, worker["name"])
        and (since is None or datetime.fromisoformat(worker["last_heartbeat_time"]) >= since - timedelta(seconds=1))
        for worker in found
    )
