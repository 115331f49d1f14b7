"""Recipes that inherit from what was brought in: a solution without weights, and a flatbuffer that cannot be trained."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.inherit import inherit
from model_registry import lineage, versions
from model_registry.errors import InputError
from tasks.bring_in import bring_in, bring_in_recipe
from tasks.importing.request import Request

WAY: dict[str, Any] = {
    "model": {"hidden": [5]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.5}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 2, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
}


def recipe(folder: Path, name: str, **sections: Any) -> str:
    path = folder / f"{name}.yaml"
    stated = {"name": name, "data": {"source": "bundled:iris"}, "deploy": {"to": "staging", "max_disagreement": 0.5}}
    path.write_text(yaml.safe_dump(stated | sections))
    return str(path)


@pytest.fixture(scope="module")
def brought(flows: Path) -> Path:
    """`way`: a solution alone; `runner`: a flatbuffer."""
    from tasks.methods.networks.architectures import build
    from tasks.methods.quantization.convert import convert

    (flows / "way.yaml").write_text(yaml.safe_dump(WAY))
    bring_in_recipe(flows / "way.yaml", "way")
    (flows / "runner.tflite").write_bytes(convert(build("mlp", (4,), 3, [4], [], 0.0, seed=0), "float32"))
    bring_in(Request(flows / "runner.tflite", "runner"))
    return flows


def test_a_solution_hands_down_its_recipe_and_stands_in_the_family_tree(brought: Path):
    path = recipe(brought, "heir", inherit="models:/way/1")

    outcome = inherit(path)

    assert "train.epochs" in outcome.inherited_keys
    assert "model.hidden" in outcome.inherited_keys
    heir = versions.resolve(outcome.version)
    family = lineage.ancestry(heir)
    assert {member.operation for label, member in family.items() if label != "way/1"} >= {"trained"}
    edges = lineage.edges(family)
    assert {edge.role for edge in edges if edge.parent.label == "way/1"} == {"solution"}
    assert inherit(path).unchanged


def test_a_flatbuffer_is_refused_as_an_ancestor_before_anything_runs(brought: Path):
    with pytest.raises(InputError) as error:
        inherit(recipe(brought, "cannot", inherit="models:/runner/1"))

    assert "inherit.ancestors: runner/1 is inference-only: usable as teacher and ensemble member" in str(error.value)
    assert versions.search("name = 'cannot'") == []


def test_a_solution_that_can_hand_nothing_down_is_told(brought: Path):
    with pytest.raises(InputError, match="way/1 is a solution alone, and the recipe is taken over from the first"):
        inherit(recipe(brought, "idle", inherit={"ancestors": ["models:/way/1"], "solution": False}))
