"""From the verdict to the stage: what stood in production when a version was judged must stand there still."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import gates, stages, store, versions
from model_registry.errors import BequestError
from tasks import evaluate

RECIPE: dict[str, Any] = {
    "data": {"source": "bundled:breast_cancer"},
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.2}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 3, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.2},
}


def run(folder: Path, name: str, floor: float, *, to: str = "production") -> Outcome:
    """Runs a small recipe; each floor makes a version of its own, of the same network."""
    path = folder / f"{name}.yaml"
    gate = {"gate": {"floors": {"accuracy": floor}}}
    path.write_text(yaml.safe_dump(RECIPE | {"name": name, "evaluate": gate, "deploy": RECIPE["deploy"] | {"to": to}}))
    return inherit(str(path))


def test_loop_judges_again_when_production_moved_between_verdict_and_deployment(flows: Path, monkeypatch: pytest.MonkeyPatch):
    first, second = run(flows, "raced", 0.1), run(flows, "raced", 0.2)

    def record(verdict: gates.Verdict) -> None:
        recorded(verdict)
        stages.rollback("raced", reason="by another loop")

    recorded = gates.record
    with monkeypatch.context() as patch:
        patch.setattr(evaluate.gates, "record", record)
        with pytest.raises(BequestError, match=rf"beside {second.version}\. .*Received: {first.version}; production moved"):
            run(flows, "raced", 0.3)
    assert stages.champion("raced").label == first.version

    again = run(flows, "raced", 0.3)
    assert again.done == ["evaluate", "deploy"]
    assert (again.verdict.champion, again.production) == (first.version, again.version)


@pytest.mark.slow
def test_loop_lets_an_earlier_verdict_count_when_the_champion_of_it_is_back(flows: Path, monkeypatch: pytest.MonkeyPatch):
    run(flows, "returned", 0.1)
    second = run(flows, "returned", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(stages, "promote", lambda *_, **__: (_ for _ in ()).throw(BequestError("cut off")))
        with pytest.raises(BequestError, match="cut off"):
            run(flows, "returned", 0.3)
    candidate = versions.search("name = 'returned'")[0]
    verdict = gates.read(candidate)
    assert verdict.champion == second.version
    gates.record(verdict.model_copy(update={"passed": False, "run_id": "beside another champion"}))
    again = run(flows, "returned", 0.3)
    assert again.done == ["deploy"]
    assert (again.production, versions.resolve(again.version).gate) == (candidate.label, "passed")


@pytest.mark.slow
def test_loop_leaves_staging_to_the_version_that_awaits_review(flows: Path):
    run(flows, "reviewed", 0.1)
    waiting = run(flows, "reviewed", 0.2, to="staging")
    served = run(flows, "reviewed", 0.3)
    assert served.production == served.version
    aliases = {alias: f"reviewed/{number}" for alias, number in aliases_of("reviewed").items()}
    assert aliases == {"staging": waiting.version, "production": served.version}


def aliases_of(name: str) -> dict[str, str]:
    return dict(store.client().get_registered_model(name).aliases)
