"""The automation that turns feedback's request for retraining into a run, and the request itself.

Imports Prefect; flows and the commands that need its server import this module, no other does.
"""

from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import Event, RelatedResource, Resource
from prefect.logging import get_logger
from prefect.runtime import flow_run

from flows.services.address import prefect_api_url
from flows.services.pool import connect, is_online
from model_registry.errors import BequestError

NAME = "bequest-retrain"
EVENT = "bequest.retrain.requested"
FIELDS = ("name", "batch", "reason", "reference_version", "window")
PARAMETERS = {field: f"{{{{ event.payload.{field} }}}}" for field in FIELDS}


def automation(retrain: UUID) -> AutomationCore:
    """Runs the deployment `retrain` for every request, with the parameters that the event carries.

    deployments/prefect.yaml declares the same for `prefect deploy`; both belong to the deployment, so that whichever
    comes later replaces the other and no request is answered twice.
    """
    return AutomationCore(
        name=NAME,
        description="Feedback asks for a retraining: run it, with the production version as parent.",
        trigger=EventTrigger(
            expect={EVENT}, match={"prefect.resource.id": "bequest.model.*"}, posture=Posture.Reactive, threshold=1, within=0
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=retrain,
                parameters={field: f"{{{{ event.payload.{field} }}}}" for field in FIELDS},
            )
        ],
        owner_resource=f"prefect.deployment.{retrain}",
    )


def ensure_automations(client: SyncPrefectClient, retrain: UUID) -> None:
    """Makes the automation where it does not stand as wanted; leaves exactly one, switched off if the user did so.

    Args:
        client: Of the server that holds it.
        retrain: Id of the deployment `retrain/retrain`.
    """
    wanted = automation(retrain)
    standing = client.read_automations_by_name(NAME)
    if [_substance(each) for each in standing] == [_substance(wanted)]:
        return
    # Its owner can't be changed, so it is made anew.
    for each in standing:
        client.delete_automation(each.id)
    client.create_automation(wanted.model_copy(update={"enabled": all(each.enabled for each in standing)}))


def _substance(found: AutomationCore) -> tuple[object, ...]:
    """What makes two automations do the same; the server does not tell the owner."""
    return found.trigger.model_dump(exclude={"id"}), found.actions


def emit_retrain(name: str, batch: str, reason: str, reference_version: str, window: str = "") -> bool:
    """Asks for a retraining by an event, where a server, the automation and a worker stand ready to act on it.

    Args:
        name: The registered model's name.
        batch: File with the batch that showed the drift.
        reason: Why, in words.
        reference_version: The version it was compared with.
        window: Which span of captured predictions, if any.

    Returns:
        Whether the server has taken the request. If not, nobody will act on it: retrain directly.
    """
    logger = get_logger(__name__)
    api = prefect_api_url()
    if api is None:
        return False
    values = (name, str(Path(batch).absolute()), reason, reference_version, window)
    event = Event(
        event=EVENT,
        resource=Resource({"prefect.resource.id": f"bequest.model.{name}", "prefect.resource.name": name}),
        related=_asking_run(),
        payload=dict(zip(FIELDS, values, strict=True)),
    )
    try:
        with connect(api) as client:
            if not any(each.enabled for each in client.read_automations_by_name(NAME)) or not is_online(client):
                logger.info("No automation or no worker stands ready on %s: retraining is not asked for by an event.", api)
                return False
            # `prefect.events.emit_event` sends from a thread that says nothing of failure; here the server's answer is awaited.
            client.request("POST", "/events", json=[event.model_dump(mode="json")])
    except BequestError as error:
        logger.warning("Retraining could not be asked for by an event: %s", error)
        return False
    return True


def _asking_run() -> list[RelatedResource]:
    """The flow run that asks, if any, so that Prefect's UI shows the request with it."""
    if flow_run.id is None:
        return []
    return [RelatedResource({"prefect.resource.id": f"prefect.flow-run.{flow_run.id}", "prefect.resource.role": "flow-run"})]
