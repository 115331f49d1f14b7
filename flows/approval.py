"""A promotion that waits for a person: a run of a deployment pauses in Prefect's UI until one decides."""

from prefect import get_client, pause_flow_run
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Running
from pydantic import Field

from flows.outcome import Outcome, as_markdown
from model_registry import stages, versions
from tasks.deploy import for_ledger, judged_beside
from tasks.recipe.schema import Recipe


class Approval(RunInput):
    """The form in Prefect's UI; its description is the outcome: the verdict line by line, and the family tree."""

    approve: bool = Field(description="Whether the version goes to production; false archives it.")
    by: str = Field(min_length=1, description="Who decides; kept in the promotion ledger.")
    reason: str = Field("", description="Why; kept there, too.")


def awaits(recipe: Recipe, outcome: Outcome) -> bool:
    """Whether a version passed the gate and stands in staging, for a person to let it into production."""
    asked = recipe.deploy.approval and recipe.deploy.to == "production" and outcome.gate == "passed"
    return asked and outcome.deployment.stage == "Staging"


def how(outcome: Outcome) -> str:
    """How to approve a version without Prefect's UI."""
    name, _, number = outcome.version.rpartition("/")
    return (
        f"{outcome.version} passed the gate and awaits approval: `bequest promote {name} {number} --to production "
        '--reason "approved by ..."` gives it'
    )


def is_served() -> bool:
    """Whether a deployment started this run, or the run that it is part of: then nobody is at a terminal."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run.root_flow_run_id).deployment_id is not None


def ask(recipe: Recipe, outcome: Outcome, *, poll_s: int = 10) -> Outcome:
    """Pauses the flow run until a person approves or declines, at most as long as the recipe says.

    The process waits meanwhile. Where it is ended, or nobody decides, the version stays in staging.

    Args:
        recipe: Its section deploy.
        outcome: Of the loop, whose version awaits approval.
        poll_s: Seconds between looks at whether somebody has decided.

    Returns:
        The outcome as it is after the decision.

    Raises:
        BequestError: It was approved, but production moved meanwhile.
    """
    answer = _answer(recipe, outcome, poll_s)
    version = versions.resolve(outcome.version)
    if version.stage != "Staging":  # by a command, or in another run that asked the same
        return _after(outcome, f"{version.label} was moved to {version.stage} while this run waited")
    if answer is None:
        return outcome
    word = "approved" if answer.approve else "declined"
    said = f"{word} by {answer.by}{f': {answer.reason}' if answer.reason else ''}"
    if answer.approve:
        stages.promote(
            version.name,
            version.version,
            "production",
            reason=said,
            verdict=for_ledger(outcome.verdict),
            expected=judged_beside(recipe, outcome.verdict),
        )
    else:
        stages.promote(version.name, version.version, "archived", reason=said)
    return _after(outcome, f"{version.label} was {said}")


def _answer(recipe: Recipe, outcome: Outcome, poll_s: int) -> Approval | None:
    """What a person said in Prefect's UI; None where nobody did in time."""
    form = Approval.with_initial_data(description=as_markdown(outcome))
    try:
        answer: Approval = pause_flow_run(wait_for_input=form, timeout=recipe.deploy.approval_timeout_s, poll_interval=poll_s)
    except FlowPauseTimeout:
        with get_client(sync_client=True) as client:  # else the server takes the end of a paused run for a failure
            client.set_flow_run_state(flow_run.id, Running(), force=True)
        return None
    return answer


def _after(outcome: Outcome, note: str) -> Outcome:
    """The outcome once nothing is awaited any more."""
    reigning = stages.champion(outcome.name)
    return outcome.model_copy(
        update={
            "awaits_approval": False,
            "notes": [*(each for each in outcome.notes if each != how(outcome)), note],
            "deployment": outcome.deployment.model_copy(update={"stage": versions.resolve(outcome.version).stage}),
            "production": reigning.label if reigning else None,
        }
    )
