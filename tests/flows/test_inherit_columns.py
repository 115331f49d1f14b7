"""Inheritance between tables whose columns differ, and between versions of which one is damaged."""

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
from tasks.solution import Solution

SMALL: dict[str, Any] = {
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"mode": "float32"}},
    "transfer": {"stages": [{"unfreeze": "head", "epochs": 1}, {"unfreeze": "all", "epochs": 1}], "control": False},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "evaluate": {"gate": {"champion": None}},
    "deploy": {"to": "none", "max_disagreement": 0.2},
}


def people(path: Path, rows: int, jobs: list[str], seed: int) -> Path:
    """A table with two numbers, a category and two classes."""
    rng = np.random.default_rng(seed)
    age, pay = rng.normal(45, 12, rows).round(3), rng.normal(50, 10, rows).round(3)
    frame = pd.DataFrame({"age": age, "pay": pay, "job": rng.choice(jobs, rows)})
    frame.assign(label=np.where(age + rng.normal(0, 3, rows) > 45, "old", "young")).to_csv(path, index=False)
    return path


def run(folder: Path, name: str, source: Path, **changes: Any) -> Outcome:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"name": name, "data": {"source": str(source), "target": "label"}} | changes))
    return inherit(str(path))


@pytest.fixture(scope="module")
def before(flows: Path) -> Outcome:
    return run(flows, "before", people(flows / "before.csv", 160, ["clerk", "cook"], seed=0))


def kernel(label: str) -> dict[str, np.ndarray]:
    """The first kernel of a version: feature name -> its row."""
    from tasks.data.transform import feature_names
    from tasks.methods.networks import store
    from tasks.methods.pruning.masks import kernels

    folder = artifacts.fetch(versions.resolve(label))
    first = next(iter(kernels(store.load(folder / "model.keras")).values())).numpy()
    names = feature_names(Solution.read(folder).preprocessing or {})
    return dict(zip(names, first, strict=True))


def test_loop_inherits_when_a_batch_brings_a_new_category_and_columns_moved(before: Outcome, flows: Path):
    people(flows / "batch.csv", 80, ["clerk", "cook", "nurse"], seed=1)
    parts = [pd.read_csv(flows / name)[["job", "label", "pay", "age"]] for name in ("before.csv", "batch.csv")]
    pd.concat(parts).to_csv(flows / "grown.csv", index=False)
    grown = run(flows, "grown", flows / "grown.csv", inherit=[f"models:/{before.version}"])

    assert grown.inherited == [before.version]
    assert f"the heir of {before.version} learns ['job=nurse'] as inputs" in grown.notes
    old, new = kernel(before.version), kernel(grown.version)
    assert list(new) == ["job=clerk", "job=cook", "job=nurse", "pay", "age"]
    for name, row in old.items():  # a few steps of training move a weight less than another column's weights lie off
        assert np.abs(new[name] - row).mean() < 0.2
    assert np.abs(new["job=nurse"]).mean() < 0.2


def test_loop_refuses_an_ancestor_that_knows_none_of_the_columns(before: Outcome, flows: Path):
    people(flows / "renamed.csv", 80, ["clerk", "cook"], seed=2)
    pd.read_csv(flows / "renamed.csv").rename(columns=str.upper).rename(columns={"LABEL": "label"}).to_csv(
        flows / "renamed.csv", index=False
    )
    with pytest.raises(InputError, match=r"knows at least one: \['age', 'pay', .*Leave it out of `inherit.ancestors`"):
        run(flows, "renamed", flows / "renamed.csv", inherit=[f"models:/{before.version}"])


@pytest.mark.slow
def test_loop_leaves_a_damaged_candidate_out_when_the_registry_chooses(before: Outcome, flows: Path):
    stranger = run(flows, "stranger", people(flows / "stranger.csv", 80, ["clerk", "cook"], seed=3))
    (artifacts.fetch(versions.resolve(stranger.version)) / "model.keras").write_bytes(b"damaged")
    source = people(flows / "choosing.csv", 80, ["clerk", "cook", "nurse"], seed=4)
    chosen = run(flows, "choosing", source, inherit="auto")

    assert before.version in chosen.considered
    assert stranger.version not in chosen.considered
    assert f"left out, as it is damaged: {stranger.version}: " in " ".join(chosen.notes)
