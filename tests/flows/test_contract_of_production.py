"""The data contract of the version in production holds for the next run of its recipe on other data."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import artifacts, versions
from model_registry.errors import InputError

RECIPE: dict[str, Any] = {
    "data": {"source": "rows.csv", "target": "label"},
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.5}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 2, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.5},
    "evaluate": {"gate": {"champion": {"margin": 0.9}}},
}


def rows(count: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.uniform(20, 80, count).round(1), "dose": rng.uniform(0, 1, count).round(3)})
    return frame.assign(label=np.where(frame["age"] + rng.normal(0, 5, count) > 50, "old", "young"))


def run(folder: Path, frame: pd.DataFrame, **changes: Any) -> Outcome:
    frame.to_csv(folder / "rows.csv", index=False)
    path = folder / "held.yaml"
    path.write_text(yaml.safe_dump(RECIPE | {"name": "held"} | changes))
    return inherit(str(path))


@pytest.fixture(scope="module")
def first(flows: Path) -> Outcome:
    return run(flows, rows())


def test_broken_data_stops_the_next_run_of_the_recipe(first: Outcome, flows: Path):
    broken = rows()
    broken.loc[:59, "age"] = -500.0
    with pytest.raises(InputError, match=r"60 of 300 rows \(20\.0%\) break the contract"):
        run(flows, broken)
    assert versions.resolve("held@production").label == first.version
    few = rows()
    few.loc[:4, "age"] = -500.0
    outcome = run(flows, few)
    assert any("5 of 300 rows are quarantined, see" in note for note in outcome.notes)


def test_the_same_data_is_not_prepared_again(first: Outcome, flows: Path):
    again = run(flows, rows())
    assert again.unchanged


def test_a_recipe_that_takes_other_columns_has_a_contract_of_its_own(first: Outcome, flows: Path):
    other = RECIPE["data"] | {"drop": ["dose"]}
    outcome = run(flows, rows(seed=1).assign(age=lambda frame: frame["age"] * 100), data=other)
    assert outcome.version != first.version


def test_a_verdict_beside_a_damaged_champion_is_not_kept(flows: Path, first: Outcome):
    champion = versions.resolve("held@production")
    served = artifacts.fetch(champion) / "bundle" / "model.tflite"
    whole = served.read_bytes()
    served.write_bytes(whole[:-2] + b"!!")
    changed = {"seed": 1}
    assert run(flows, rows(), **changed).gate == "refused"
    served.write_bytes(whole)
    again = run(flows, rows(), **changed)
    assert "evaluate" in again.done
    assert again.gate == "passed"
