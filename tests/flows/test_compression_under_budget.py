"""A recipe with a budget: ways to compress are searched, the front is registered, and one of it is served."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import artifacts, stages, store, versions
from tasks import plan
from tasks.bundle import Bundle
from tasks.methods.litert import LiteRunner
from tasks.methods.planning import judge
from tasks.methods.planning.front import Point

RECIPE: dict[str, Any] = {
    "name": "small",
    "data": {"source": "bundled:breast_cancer", "rows": {"start": 0.0, "end": 0.7}},
    "model": {"hidden": [32]},
    "compress": {"max_drop": 0.2, "search": {"trials": 3, "epochs": 2, "learning_rate": 0.01}},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 4, "learning_rate": 0.01}]},
    "train": {"epochs": 2, "search": {"trials": 0}},
    "deploy": {"to": "production", "max_disagreement": 0.2},
}


def run(folder: Path, name: str, **budget: float) -> Outcome:
    path = folder / f"{name}.yaml"
    compress = RECIPE["compress"] | {"budget": budget}
    path.write_text(yaml.safe_dump(RECIPE | {"name": name, "compress": compress}))
    return inherit(str(path))


@pytest.fixture(scope="module")
def served(flows: Path) -> Iterator[Outcome]:
    """A run whose uncompressed network is the most accurate: on so few rows, rounding would settle it otherwise."""
    whole = judge.judge

    def judged(*args: Any, **kwargs: Any) -> dict[str, tuple[Point, bytes]]:
        found = whole(*args, **kwargs)
        if kwargs["candidate"] == 0:
            point, flatbuffer = found["float32"]
            found["float32"] = replace(point, accuracy=1.0), flatbuffer
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(judge, "judge", judged)
        yield run(flows, "small", ratio=1.5)


def test_the_point_that_is_served_keeps_within_the_budget(served: Outcome):
    version = versions.resolve("small@production")
    assert version.label == served.version
    trained = LiteRunner((artifacts.fetch(version) / "bundle" / "model.tflite").read_bytes())
    assert trained.input_shape == (30,)
    folder = artifacts.fetch(version)
    size = (folder / "bundle" / "model.tflite").stat().st_size
    assert version.facts["size_bytes"] == size
    assert version.facts["validation_accuracy"] >= version.facts["validation_accuracy_before"] - 0.2
    assert any("times smaller than float32" in note for note in served.notes)
    Bundle.open(folder / "bundle")


def test_every_point_of_the_front_is_a_version_with_the_same_parent(served: Outcome):
    chosen = versions.resolve("small@production")
    points = [version for version in versions.search("name = 'small'") if version.facts.get("steps")]
    assert chosen.label in {point.label for point in points}
    assert len({point.stage_key for point in points}) == len(points) >= 2
    assert {tuple(f"{each.name}/{each.version}" for each in point.parents) for point in points} == {
        tuple(f"{each.name}/{each.version}" for each in chosen.parents)
    }
    for point in points:
        flatbuffer = (artifacts.fetch(point) / "bundle" / "model.tflite").read_bytes()
        assert len(flatbuffer) == point.facts["size_bytes"]
    runs = store.client().search_runs([store.experiment("small").experiment_id], "tags.`bequest.stage` = 'plan'")
    logged = {file.path for file in store.client().list_artifacts(runs[0].info.run_id)}
    assert {"front.png", "points.json"} <= logged


def test_a_second_run_skips_the_search(served: Outcome, flows: Path):
    again = run(flows, "small", ratio=1.5)
    assert (again.version, again.unchanged) == (served.version, True)


def test_a_search_that_is_cut_off_carries_on_with_what_it_has_tried(flows: Path, monkeypatch: pytest.MonkeyPatch):
    from tasks.methods.planning import attempt

    whole, calls = attempt.attempt, []

    def failing(model: Any, candidate: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(candidate)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(model, candidate, *args, **kwargs)

    monkeypatch.setattr(attempt, "attempt", failing)
    with pytest.raises(KeyboardInterrupt):
        run(flows, "cut", size_bytes=1)
    assert stages.champion("cut") is None
    finished = run(flows, "cut", size_bytes=1)
    assert len(calls) == 4
    assert calls[2] == calls[3]
    assert len(set(calls)) == 3
    assert any("passes it by" in note for note in finished.notes)
    assert not list((store.ensure().home / "plans").iterdir())
    assert plan.TASK in finished.done
