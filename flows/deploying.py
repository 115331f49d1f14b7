"""How a flow becomes a Prefect deployment: found by module path, run in the user's directory, one run at a time.

Imports Prefect; the commands import this module only when they need its server.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort
from prefect.utilities.callables import parameter_schema_from_entrypoint

from flows.services.plans import POOL
from flows.services.pool import flow_environment

TAG = "bequest"
RETRAIN = "flows.feedback.retrain"
_PAGE = 200


def deploy(
    client: SyncPrefectClient,
    name: str,
    flow: str,
    entrypoint: str,
    parameters: dict[str, Any],
    *,
    schedules: list[DeploymentScheduleCreate],
    collision: ConcurrencyLimitStrategy,
) -> None:
    """Makes a deployment, or replaces the one of that flow and name.

    Args:
        client: Of the server that will hold it.
        name: The deployment's name.
        flow: The flow's name.
        entrypoint: The flow's module path, e.g. `flows.inherit.inherit`.
        parameters: What to call it with.
        schedules: When; may be empty.
        collision: What becomes of a run that is due while another is at work.
    """
    # Read from the source: importing the flow would load all that it may ever need.
    schema = parameter_schema_from_entrypoint(entrypoint)
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow),
        name=name,
        version=version("bequest"),
        description=f"{flow} of bequest, in {Path.cwd()}",
        tags=[TAG],
        entrypoint=entrypoint,
        parameters=parameters,
        parameter_openapi_schema=schema.model_dump_for_openapi(),
        enforce_parameter_schema=True,
        schedules=schedules,
        paused=False,
        work_pool_name=POOL,
        job_variables={"working_dir": str(Path.cwd()), "env": flow_environment()},
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(collision_strategy=collision),
    )


def ensure_retrain(client: SyncPrefectClient, entrypoint: str = RETRAIN) -> UUID:
    """Deploys the flow that a request for retraining runs; it has no schedule.

    Returns:
        The deployment's id.
    """
    # Every request counts, so one that comes while another is at work waits its turn.
    deploy(client, "retrain", "retrain", entrypoint, {}, schedules=[], collision=ConcurrencyLimitStrategy.ENQUEUE)
    return client.read_deployment_by_name("retrain/retrain").id


def deployments(client: SyncPrefectClient) -> list[tuple[str, DeploymentResponse]]:
    """All deployments of bequest, each with its flow's name."""
    everything: list[DeploymentResponse] = []
    while True:
        # Sort and limit are given, as servers on fastapi >= 0.151 refuse a null.
        page = client.read_deployments(
            deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])),
            sort=DeploymentSort.NAME_ASC,
            limit=_PAGE,
            offset=len(everything),
        )
        everything += page
        if len(page) < _PAGE:
            break
    names = {each.flow_id: client.read_flow(each.flow_id).name for each in everything}
    return [(names[each.flow_id], each) for each in everything]


def home_of(deployment: DeploymentResponse) -> str | None:
    """The workspace whose deployment this is; None for one of `prefect deploy`, which runs in the pool's."""
    home = (deployment.job_variables or {}).get("env", {}).get("BEQUEST_HOME")
    return str(home) if home else None
