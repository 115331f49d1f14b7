"""`inherit: auto` settles, and a stranger's damage stays the stranger's."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import versions

RECIPE: dict[str, Any] = {
    "inherit": {"ancestors": "auto"},
    "model": {"hidden": [8]},
    "compress": {"prune": None, "quantize": {"max_drop": 0.5}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 2, "learning_rate": 0.01}]},
    "train": {"epochs": 1, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.5},
}


def run(folder: Path, name: str) -> Outcome:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(RECIPE | {"name": name, "data": {"source": f"bundled:{name}"}}))
    return inherit(str(path))


@pytest.fixture(scope="module")
def strangers(flows: Path) -> tuple[Outcome, Outcome]:
    return run(flows, "iris"), run(flows, "wine")


def test_automatic_recipes_settle_once_nothing_changes(strangers: tuple[Outcome, Outcome], flows: Path):
    iris, wine = strangers
    again = run(flows, "iris")  # wine is a new candidate, though it cannot take these columns
    assert again.unchanged
    assert [again.version, run(flows, "wine").version] == [iris.version, wine.version]
    assert run(flows, "iris").done == []


def test_a_damaged_stranger_is_no_candidate_and_no_hindrance(strangers: tuple[Outcome, Outcome], flows: Path):
    wine = versions.resolve(strangers[1].version)
    rows = next(Path(wine.data_uri).glob("*.parquet"))
    rows.write_bytes(rows.read_bytes() + b"!")
    again = run(flows, "iris")
    assert again.version == strangers[0].version
    assert any(f"{wine.label} is no candidate" in note for note in again.notes)
