"""A version of the registry teaches while the final model is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import lineage, versions
from model_registry.errors import InputError

SMALL: dict[str, Any] = {
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"mode": "float32"}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 1}]},
    "train": {"epochs": 2, "search": {"trials": 0}},
    "evaluate": {"gate": {"champion": None}},
    "deploy": {"to": "none", "max_disagreement": 0.2},
}


def rows(path: Path, classes: tuple[str, str], seed: int, count: int = 160, wrong: float = 0.0) -> Path:
    """A table of two classes; a share of its labels is wrong."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 3)).round(4)
    first = (values[:, 0] + values[:, 1] > 0) ^ (rng.random(count) < wrong)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    frame.assign(label=np.where(first, *classes)).to_csv(path, index=False)
    return path


def run(folder: Path, name: str, source: Path, **changes: Any) -> Outcome:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"name": name, "data": {"source": str(source), "target": "label"}} | changes))
    return inherit(str(path))


LONGER = {"epochs": 30, "learning_rate": 0.02, "patience": 30, "search": {"trials": 0}}


@pytest.fixture(scope="module")
def master(flows: Path) -> Outcome:
    """A well trained version."""
    return run(flows, "master", rows(flows / "master.csv", ("high", "low"), seed=0, count=400), train=LONGER)


@pytest.fixture(scope="module")
def fool(flows: Path) -> Outcome:
    """A version that has learned to take each class for the other."""
    return run(flows, "fool", rows(flows / "fool.csv", ("low", "high"), seed=0, count=400), train=LONGER)


def pupil(flows: Path, name: str, teacher: Outcome) -> tuple[Outcome, str]:
    """What came of few rows, a third of them labelled wrongly, with a teacher; and what was told of it."""
    taught = {"teachers": [f"models:/{teacher.version}"], "alpha": 0.9, "temperature": 1.0, "agreement_weights": True}
    source = rows(flows / f"{name}.csv", ("high", "low"), seed=1, wrong=0.3)
    outcome = run(flows, name, source, train=LONGER | {"distil": taught})
    return outcome, next(note for note in outcome.notes if "with teachers" in note)


def parents(outcome: Outcome, operation: str) -> list[tuple[str, str]]:
    """Role and name of the parents of the family's member that was made so."""
    family = lineage.ancestry(versions.resolve(outcome.version)).values()
    made = next(each for each in family if each.operation == operation and each.name == outcome.name and each.parents)
    return [(parent.role, parent.name) for parent in made.parents]


def test_teacher_of_the_registry_that_helps_is_a_parent(master: Outcome, flows: Path):
    outcome, told = pupil(flows, "pupil", master)
    assert told.startswith("distilled: validation loss")
    assert parents(outcome, "distilled") == [("weights", "pupil"), ("teacher", "master")]


def test_teacher_that_misleads_is_undone(fool: Outcome, flows: Path):
    outcome, told = pupil(flows, "misled", fool)
    assert told.startswith("distillation undone: validation loss")
    assert parents(outcome, "trained") == [("weights", "misled")]


def test_teacher_that_knows_other_classes_is_refused_before_anything_is_trained(master: Outcome, flows: Path):
    source = rows(flows / "other.csv", ("high", "middling"), seed=2)
    with pytest.raises(InputError, match=r"does not know .'middling'. and also knows .'low'."):
        run(flows, "other", source, train=SMALL["train"] | {"distil": {"teachers": [f"models:/{master.version}"]}})
