"""A run that is killed outright, in each stage in turn: the same command carries on where it stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_registry import store, versions

# Runs the loop in a process of its own and kills it, without a chance to clean up, as soon as a stage reports.
DRIVER = """
import json, os, signal, sys
from flows.session import prepare_flows
ready = prepare_flows()
from tasks import progress
from flows.inherit import inherit
ready()

def kill(step):
    if step.stage == sys.argv[2] and (step.done == step.total) == (sys.argv[3] == "end"):
        os.kill(os.getpid(), signal.SIGKILL)

progress.watch(kill)
outcome = inherit(sys.argv[1])
print(json.dumps({"done": outcome.done, "reused": outcome.reused, "gate": outcome.gate, "production": outcome.production}))
"""

RECIPE: dict[str, Any] = {
    "data": {"source": "bundled:breast_cancer", "rows": {"start": 0.4, "end": 0.85}},
    "model": {"hidden": [16]},
    "compress": {"prune": {"epochs": 2, "max_drop": 0.5}, "quantize": {"max_drop": 0.5}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 2, "learning_rate": 0.01}]},
    "train": {"epochs": 2, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.5},
}


def run(recipe: Path, stage: str = "none", when: str = "start") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DRIVER, str(recipe), stage, when],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ,
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_loop_carries_on_at_the_stage_in_which_it_was_killed(workspace: Path):
    pilot = workspace.parent / "pilot.yaml"
    data = {"source": "bundled:breast_cancer", "rows": {"start": 0.0, "end": 0.4}}
    pilot.write_text(yaml.safe_dump(RECIPE | {"name": "pilot", "data": data}))
    assert run(pilot).returncode == 0
    recipe = workspace.parent / "cancer.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE | {"name": "cancer", "inherit": {"ancestors": ["models:/pilot@production"]}}))

    points = [
        ("preprocess", "start"),
        ("compress", "start"),
        ("compress", "end"),
        ("transfer", "start"),
        ("fuse", "start"),
        ("train", "start"),
        ("convert", "end"),  # converted, not yet registered
        ("evaluate", "end"),  # the verdict is recorded, Prefect has not kept it yet
        ("deploy", "start"),
        ("deploy", "end"),  # production has moved, Prefect has not kept that yet
    ]
    for stage, when in points:
        killed = run(recipe, stage, when)
        assert killed.returncode == -9, f"{stage} {when}: {killed.stderr[-2000:]}"
        assert versions.unready() == []
        produced = [version.stage_key for version in versions.search("name = 'cancer'")]
        assert len(produced) == len(set(produced)), f"made twice after a kill in {stage}"

    finished = run(recipe)
    assert finished.returncode == 0, finished.stderr[-2000:]
    outcome = json.loads(finished.stdout.splitlines()[-1])
    assert outcome["gate"] == "passed"
    assert outcome["production"] == versions.resolve("cancer@production").label
    # Everything up to the last kill was done before: it had moved production, so that nothing is left to do.
    assert outcome["done"] == []
    runs = store.client().search_runs([store.experiment("cancer").experiment_id], max_results=1000)
    assert {found.info.status for found in runs if "mlflow.parentRunId" not in found.data.tags} == {"KILLED", "FINISHED"}
    assert "RUNNING" not in {found.info.status for found in runs}
