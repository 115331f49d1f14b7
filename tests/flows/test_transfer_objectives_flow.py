"""One heir for each ancestor and objective; they are fused, or the best of them goes on."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import lineage, versions
from model_registry.versions import Version

SMALL: dict[str, Any] = {
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"mode": "float32"}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 2, "learning_rate": 0.01}], "control": False},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "evaluate": {"gate": {"champion": None}},
    "deploy": {"to": "none", "max_disagreement": 0.2},
}


def run(folder: Path, name: str, *, seed: int, **changes: Any) -> Outcome:
    """A project on a table of its own."""
    values = np.random.default_rng(seed).normal(size=(160, 3)).round(4)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    frame.assign(label=np.where(frame["a"] + frame["b"] > 0, "high", "low")).to_csv(folder / f"{name}.csv", index=False)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"name": name, "data": {"source": f"{name}.csv", "target": "label"}} | changes))
    return inherit(str(path))


def heirs(name: str) -> list[Version]:
    """Versions that transfer made, oldest first."""
    found = [version for version in versions.search(f"name = '{name}'") if version.operation == "fine-tuned"]
    return sorted(found, key=lambda version: version.version)


def by(*objectives: str, **more: Any) -> dict[str, Any]:
    return SMALL["transfer"] | {"objectives": list(objectives)} | more


@pytest.fixture(scope="module")
def pilots(flows: Path) -> list[str]:
    """Two ancestors, each made on rows of its own."""
    return [f"models:/{run(flows, name, seed=seed).version}" for name, seed in (("pilot-a", 1), ("pilot-b", 2))]


def test_every_ancestor_has_an_heir_by_each_objective_and_they_are_fused(pilots: list[str], flows: Path):
    outcome = run(
        flows,
        "heirs",
        seed=3,
        inherit=pilots,
        transfer=by("fine_tuning", "mmd", strength=0.5),
        fuse={"method": "mean", "min_gain": 0},
    )
    found = heirs("heirs")
    assert [(each.facts["objective"], each.facts.get("strength")) for each in found] == [
        ("fine_tuning", None),
        ("mmd", 0.5),
    ] * 2
    assert [each.parents[0].name for each in found] == ["pilot-a", "pilot-a", "pilot-b", "pilot-b"]
    assert [lineage.summary(each).split(" · ")[0] for each in found] == ["fine-tuned", "fine-tuned by mmd"] * 2
    assert outcome.done.count("transfer") == 4
    fused = [version for version in versions.search("name = 'heirs'") if version.operation == "fused"]
    alone = [note for note in outcome.notes if "goes on alone" in note]
    assert len(fused) + len(alone) == 1
    if fused:
        assert [parent.version for parent in fused[0].parents] == [each.version for each in found]

    # Another objective in the list makes its own heirs and leaves those that stand.
    again = run(
        flows,
        "heirs",
        seed=3,
        inherit=pilots,
        transfer=by("fine_tuning", "mmd", "lp_ft", strength=0.5),
        fuse={"method": "best"},
    )
    assert (again.done.count("transfer"), again.reused.count("transfer")) == (2, 4)
    assert [each.facts["objective"] for each in heirs("heirs")[4:]] == ["lp_ft", "lp_ft"]
    chosen = next(note for note in again.notes if "goes on alone" in note).split()[0]
    losses = {each.label: each.facts["validation_log_loss"] for each in heirs("heirs")}
    assert losses[chosen] == min(losses.values())


@pytest.mark.slow
def test_an_objective_that_cannot_be_used_makes_no_heir_and_none_is_lost_for_it(flows: Path):
    ancestor = run(flows, "rowless", seed=4).version
    shutil.rmtree(versions.resolve(ancestor).data_uri)
    both = run(flows, "both", seed=5, inherit=[f"models:/{ancestor}"], transfer=by("coral", "l2_sp"))
    assert [each.facts["objective"] for each in heirs("both")] == ["l2_sp"]
    assert f"{ancestor} has no heir by coral: the data set it was made on is not here" in both.notes

    alone = run(flows, "alone", seed=5, inherit=[f"models:/{ancestor}"], transfer=by("coral", "joint"))
    assert [each.facts["objective"] for each in heirs("alone")] == ["fine_tuning"]
    assert [f"{ancestor} has no heir by {name}: " in " ".join(alone.notes) for name in ("coral", "joint")] == [True, True]
    again = run(flows, "alone", seed=5, inherit=[f"models:/{ancestor}"], transfer=by("coral", "joint"))
    assert again.unchanged
