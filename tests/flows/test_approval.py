"""A promotion that waits for a person: in staging with a command, or in a paused run that a person resumes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect import flow, get_client
from prefect.flow_runs import resume_flow_run
from prefect.runtime import flow_run

from flows import approval
from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import ledger, stages, versions
from tasks.recipe.load import load

RECIPE: dict[str, Any] = {
    "name": "asked",
    "data": {"source": "bundled:breast_cancer"},
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.2}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 3, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.2, "approval": True},
}


@pytest.fixture
def waiting(flows: Path) -> Callable[..., tuple[Path, Outcome]]:
    """`waiting(floor)`: a recipe that was run, and its outcome; each floor makes a version of its own."""

    def run(floor: float, **deploy: Any) -> tuple[Path, Outcome]:
        path = flows / "asked.yaml"
        gate = {"gate": {"floors": {"accuracy": floor}}}
        path.write_text(yaml.safe_dump(RECIPE | {"evaluate": gate, "deploy": RECIPE["deploy"] | deploy}))
        return path, inherit(str(path))

    return run


def asked(path: Path, outcome: Outcome, answer: dict[str, Any] | None) -> tuple[Outcome, str]:
    """The outcome after a flow that asks, answered as Prefect's UI does; and the state that its run ended in."""
    runs: list[str] = []

    @flow
    def asking() -> Outcome:
        runs.append(flow_run.id)
        return approval.ask(load(path).recipe, outcome, poll_s=1)

    with ThreadPoolExecutor(1) as pool, get_client(sync_client=True) as client:
        future = pool.submit(asking)
        deadline = time.monotonic() + 60
        while answer is not None and time.monotonic() < deadline:
            if runs and client.read_flow_run(UUID(runs[0])).state.is_paused():
                time.sleep(0.5)  # the form is stored right after the state
                resume_flow_run(UUID(runs[0]), run_input=answer)
                break
            time.sleep(0.2)
        found = future.result(timeout=60)
        return found, client.read_flow_run(UUID(runs[0])).state.type.value


@pytest.mark.slow
def test_version_waits_in_staging_and_the_command_that_approves_is_told(waiting):
    _, outcome = waiting(0.1)
    assert (outcome.gate, outcome.deployment.stage, outcome.awaits_approval) == ("passed", "Staging", True)
    number = outcome.version.rpartition("/")[2]
    assert any(f"`bequest promote asked {number} --to production" in note for note in outcome.notes)
    assert stages.champion("asked") is None
    again = waiting(0.1)[1]
    assert again.unchanged
    assert again.awaits_approval
    stages.promote("asked", int(number), "production", reason="approved by Ada")
    settled = waiting(0.1)[1]
    assert (settled.awaits_approval, settled.production) == (False, outcome.version)


@pytest.mark.slow
def test_version_goes_to_production_when_a_person_approves_in_the_paused_run(waiting):
    path, outcome = waiting(0.2)
    after, state = asked(path, outcome, {"approve": True, "by": "Ada", "reason": "looks right"})
    assert state == "COMPLETED"
    assert (after.awaits_approval, after.production, after.deployment.stage) == (False, outcome.version, "Production")
    entry = ledger.read("asked")[-1]
    assert (entry.to, entry.reason) == ("Production", "approved by Ada: looks right")
    assert entry.verdict["passed"] is True
    assert after.notes[-1] == f"{outcome.version} was approved by Ada: looks right"


@pytest.mark.slow
def test_version_is_archived_and_not_asked_about_again_when_a_person_declines(waiting):
    path, outcome = waiting(0.3)
    before = stages.champion("asked")
    after, _ = asked(path, outcome, {"approve": False, "by": "Grace"})
    assert after.deployment.stage == "Archived"
    assert ledger.read("asked")[-1].reason == "declined by Grace"
    assert stages.champion("asked") == before
    assert not waiting(0.3)[1].awaits_approval


@pytest.mark.slow
def test_an_answer_counts_for_nothing_when_somebody_decided_elsewhere_meanwhile(waiting):
    path, outcome = waiting(0.35)
    number = int(outcome.version.rpartition("/")[2])
    stages.promote("asked", number, "production", reason="by a command")
    after, _ = asked(path, outcome, {"approve": False, "by": "Grace"})
    assert (after.production, after.deployment.stage) == (outcome.version, "Production")
    assert after.notes[-1] == f"{outcome.version} was moved to Production while this run waited"
    assert ledger.read("asked")[-1].reason == "by a command"


@pytest.mark.slow
def test_version_stays_in_staging_when_nobody_decides_in_time(waiting):
    path, outcome = waiting(0.4, approval_timeout_s=2)
    after, state = asked(path, outcome, None)
    assert after == outcome
    assert state == "COMPLETED"
    assert versions.resolve(outcome.version).stage == "Staging"


def test_a_run_that_no_deployment_started_does_not_pause(flows: Path):
    @flow
    def served() -> bool:
        return approval.is_served()

    assert served() is False
