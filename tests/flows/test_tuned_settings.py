"""What a search over hyper-parameters found is handed down, and the heirs' searches start from it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import artifacts, lineage, store, versions
from tasks.solution import Solution

SMALL: dict[str, Any] = {
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"mode": "float32"}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 2}], "control": False},
    "evaluate": {"gate": {"champion": None}},
    "deploy": {"to": "none", "max_disagreement": 0.2},
}


def run(folder: Path, name: str, seed: int, train: dict[str, Any], **changes: Any) -> Outcome:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(120, 3)).round(4)
    frame = pd.DataFrame(values, columns=["a", "b", "c"]).assign(label=np.where(values[:, 0] > 0, "high", "low"))
    frame.to_csv(folder / f"{name}.csv", index=False)
    recipe = SMALL | {"name": name, "data": {"source": str(folder / f"{name}.csv"), "target": "label"}, "train": train}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe | changes))
    return inherit(str(folder / f"{name}.yaml"))


def tuned(outcome: Outcome) -> dict[str, Any] | None:
    return Solution.read(artifacts.fetch(versions.resolve(outcome.version))).tuned


def trials(outcome: Outcome) -> list[dict[str, Any]]:
    """What the outcome's search tried, in order."""
    family = lineage.ancestry(versions.resolve(outcome.version)).values()
    made = next(each for each in family if each.name == outcome.name and "batch_size" in each.facts)
    path = store.client().download_artifacts(made.run_id, "search.json")
    return [{name: each[name] for name in ("learning_rate", "batch_size")} for each in json.loads(Path(path).read_text())]


@pytest.fixture(scope="module")
def settled(flows: Path) -> Outcome:
    """An ancestor trained with settings that no default has."""
    return run(flows, "settled", 0, {"epochs": 4, "learning_rate": 0.013, "batch_size": 16, "search": {"trials": 0}})


def test_search_of_an_heir_tries_what_its_ancestor_was_tuned_to(settled: Outcome, flows: Path):
    assert tuned(settled) == {"learning_rate": 0.013, "batch_size": 16}
    search = {"trials": 2, "learning_rate": [0.0001, 0.1], "batch_size": [16, 32]}
    train = {"epochs": 2, "learning_rate": 0.001, "batch_size": 32, "search": search}
    heir = run(flows, "heir", 1, train, inherit=[f"models:/{settled.version}"])
    assert trials(heir) == [{"learning_rate": 0.001, "batch_size": 32}, {"learning_rate": 0.013, "batch_size": 16}]


def test_tuned_settings_that_an_heir_does_not_allow_are_not_tried(settled: Outcome, flows: Path):
    search = {"trials": 2, "learning_rate": [0.0001, 0.005], "batch_size": [32]}
    train = {"epochs": 1, "learning_rate": 0.001, "batch_size": 32, "search": search}
    heir = run(flows, "narrow", 2, train, inherit=[f"models:/{settled.version}"])
    assert trials(heir)[0] == {"learning_rate": 0.001, "batch_size": 32}
    assert all(each["batch_size"] == 32 and each["learning_rate"] <= 0.005 for each in trials(heir))
