"""Schedules: Prefect deployments of the loop and of the watch on production, with a cron line each.

Imports Prefect; the commands import this module only when they need its server.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from pydantic import ValidationError

from flows.deploying import deploy, deployments, home_of
from flows.services.pool import flow_environment
from model_registry.errors import InputError

ENTRYPOINTS = {"inherit": "flows.inherit.inherit", "feedback": "flows.feedback.feedback"}
_BANNED = "/%&<>"


@dataclass(frozen=True)
class Schedule:
    """One scheduled flow, as the server has it.

    Attributes:
        name: The deployment's name.
        flow: `inherit` or `feedback`.
        parameters: What the flow is called with.
        cron: Cron line.
        timezone: The time zone it is read in.
        active: False while paused.
        next_run: When it runs next, ISO 8601; None while paused, or within seconds of its making.
        last_run: When it last ran, ISO 8601; None where it never did.
        last_state: How that run ended, or what it does now.
    """

    name: str
    flow: str
    parameters: dict[str, Any]
    cron: str
    timezone: str
    active: bool
    next_run: str | None = None
    last_run: str | None = None
    last_state: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return asdict(self)


def cron_schedule(cron: str, timezone: str) -> CronSchedule:
    """The typed schedule.

    Raises:
        InputError: The cron line or the time zone can't be read.
    """
    try:
        CronSchedule(cron="0 0 * * *", timezone=timezone)
    except ValidationError as error:
        raise InputError(f"--timezone: expected an IANA name such as UTC or Europe/Berlin. Received: {timezone!r}.") from error
    try:
        return CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        raise InputError(
            "--cron: expected minute, hour, day of month, month and day of week, such as '0 2 * * *' for two o'clock every "
            f"night. Received: {cron!r}."
        ) from error


def add(
    client: SyncPrefectClient,
    name: str,
    flow: str,
    parameters: dict[str, Any],
    schedule: CronSchedule,
    *,
    entrypoint: str | None = None,
) -> bool:
    """Makes a schedule, or replaces the one of that name.

    Args:
        client: Of the server that will hold it.
        name: The schedule's name.
        flow: `inherit` or `feedback`.
        parameters: What to call the flow with; paths absolute.
        schedule: When.
        entrypoint: The flow's module path; None: the flow of that name.

    Returns:
        Whether there was none of that name before.

    Raises:
        InputError: Another flow, or another workspace, has a schedule of that name, or it can't be one.
    """
    if set(name) & set(_BANNED):
        raise InputError(f"--name: expected a name without any of {' '.join(_BANNED)}. Received: {name!r}.")
    standing = [(whose, deployment) for whose, deployment in deployments(client) if deployment.name == name]
    for whose, deployment in standing:
        home = home_of(deployment)
        if whose != flow:
            remedy = f"a schedule of the flow {whose}. Give another, or `bequest schedule remove {name}` first."
        elif home not in (None, flow_environment()["BEQUEST_HOME"]):
            remedy = f"a schedule of the workspace {home} on the same server. Give another."
        else:
            continue
        raise InputError(f"--name: expected a name that is free. Received: {name!r}, {remedy}")
    deploy(
        client,
        name,
        flow,
        entrypoint or ENTRYPOINTS[flow],
        parameters,
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
        # A night that is not over when the next begins is left to finish; its successor is not made to wait.
        collision=ConcurrencyLimitStrategy.CANCEL_NEW,
    )
    return not standing


def found(client: SyncPrefectClient) -> list[Schedule]:
    """All schedules, by name; those made by `prefect deploy` from deployments/prefect.yaml too."""
    listed = []
    for flow, deployment in deployments(client):
        for each in deployment.schedules:
            if isinstance(each.schedule, CronSchedule):
                active = each.active and not deployment.paused
                coming = _run(client, deployment, coming=True) if active else None
                last = _run(client, deployment, coming=False)
                listed.append(
                    Schedule(
                        name=deployment.name,
                        flow=flow,
                        parameters=deployment.parameters,
                        cron=each.schedule.cron,
                        timezone=each.schedule.timezone or "UTC",
                        active=active,
                        next_run=_iso(coming.expected_start_time) if coming else None,
                        last_run=_iso(last.start_time or last.expected_start_time) if last else None,
                        last_state=last.state_name if last else None,
                    )
                )
    return sorted(listed, key=lambda schedule: (schedule.name, schedule.cron))


def change(client: SyncPrefectClient, name: str, to: Literal["removed", "paused", "resumed"]) -> bool:
    """Removes, pauses or resumes the schedule of that name.

    Returns:
        Whether it was removed while a run of it is at work; that run goes on.

    Raises:
        InputError: There is none.
    """
    known = {deployment.name: deployment for _, deployment in deployments(client) if deployment.schedules}
    if name not in known:
        expected = f"one of {sorted(known)}" if known else "a schedule, but nothing is scheduled yet"
        raise InputError(f"Expected {expected}. Received: {name!r}. `bequest schedule list` shows all.")
    chosen = known[name]
    if to == "removed":
        return _remove(client, chosen)
    if to == "paused":
        client.pause_deployment(chosen.id)
    else:
        client.resume_deployment(chosen.id)
        for each in chosen.schedules:
            # One that was declared inactive in prefect.yaml is not woken by its deployment alone.
            client.update_deployment_schedule(chosen.id, each.id, active=True)
    return False


def _remove(client: SyncPrefectClient, chosen: DeploymentResponse) -> bool:
    """Takes the schedule away, and the deployment with it unless a run of it is at work.

    A run can't report its end to a deployment that is gone: the server refuses, and the worker falls over that.
    """
    for each in chosen.schedules:
        client.delete_deployment_schedule(chosen.id, each.id)
    at_work = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING])
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[chosen.id])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=at_work)),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    if not runs:
        client.delete_deployment(chosen.id)
    return bool(runs)


def _run(client: SyncPrefectClient, deployment: DeploymentResponse, *, coming: bool) -> FlowRun | None:
    """The next run to come, or the last that began: one that was due while its predecessor ran never does."""
    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    begun = FlowRunFilterStartTime(is_null_=False)
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(state=scheduled) if coming else FlowRunFilter(start_time=begun),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC if coming else FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    return runs[0] if runs else None


def _iso(time: datetime | None) -> str | None:
    return time.astimezone().isoformat(timespec="seconds") if time else None
